"""What a document may say of the groups that there are: a supplier's tables are stricter only."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.signals.strictness import Stricter, Weaker, is_as_strict, weaker_limits
from passmuster_server.devices.groups import GroupKind, Ownership
from passmuster_server.policy.demands import JUDGED, Severity, SignalPolicy
from passmuster_server.policy.document import Policy
from passmuster_server.policy.overlays import Overlay, Subject, named_groups, quoted, says

MAX_SHOWN = 120


def check_groups(policy: Policy, groups: Sequence[Row[Any]]) -> None:
    """Raise `ContractError` for a group that is not there, or a supplier's that is let off lightly.

    What counts for a supplier's device, on any system and whoever's it is, must be at least as
    strict as what would count for it in no group.
    """
    kinds = {row.name.casefold(): row.kind for row in groups}
    for group, key in named_groups(policy.overlays).items():
        if group not in kinds:
            raise ContractError(key, "there is no such group; see: group list")
        if kinds[group] == GroupKind.SUPPLIER:
            _check_supplier(policy, group)


def check_tightened(policy: Policy, in_force: Policy, group: str) -> None:
    """Raise `ContractError` where `policy` demands less of the group than what is `in_force`.

    What the group's tables say has to stay there, even where the wider ones say the same today.
    """
    _check(
        policy,
        group,
        in_force,
        group,
        "{there} is weaker than the {here} that is in force; only the organisation loosens it",
    )
    kept = set(_said(policy, group))
    for platform, setting in _said(in_force, group):
        if (platform, setting) not in kept:
            raise ContractError(
                f"groups.{quoted(group)}.{setting}",
                "it is in force and no longer said; only the organisation takes it out",
            )


def _check_supplier(policy: Policy, group: str) -> None:
    _check(
        policy,
        group,
        policy,
        "",
        "{there} is weaker than the organisation's {here}; a supplier's may only be stricter",
    )


def _check(policy: Policy, group: str, measure: Policy, measure_group: str, problem: str) -> None:
    """Raise `ContractError` where a group is held to less than another, or no group, by `measure`.

    `problem` has places for what counts `there`, in the group, and `here`, by the measure.
    """
    folded = group.casefold()
    own = [overlay for overlay in policy.overlays if overlay.group == folded]
    for platform, ownership in itertools.product(Platform, Ownership):
        here = Subject(platform, measure_group, ownership)
        there = Subject(platform, group, ownership)
        if policy.max_age_of(there) > measure.max_age_of(here):
            weaker = Weaker("max_age_s", measure.max_age_of(here), policy.max_age_of(there))
            where = _where(own, group, there, lambda each: each.max_age_s is not None)
            raise _refusal(where, weaker, problem)
        for signal in JUDGED:
            for weaker in _weaker(
                measure.demanded(signal.id, here), policy.demanded(signal.id, there)
            ):
                names = weaker.name.split(".")
                overlay = _where(
                    *(own, group, there),
                    lambda each: says(each.signals.get(signal.id), names),  # noqa: B023 - called at once
                )
                raise _refusal(f"{overlay}.signals.{signal.id}", weaker, problem)


def _said(policy: Policy, group: str) -> Iterator[tuple[Platform, str]]:
    """Yield each setting that the group's own tables say, for each system that it counts for."""
    for overlay in policy.overlays:
        if overlay.group == group.casefold():
            for platform in Platform if overlay.platform is None else (overlay.platform,):
                if overlay.max_age_s is not None:
                    yield platform, "max_age_s"
                for setting in _settings(overlay.signals, "signals"):
                    yield platform, setting


def _settings(table: Mapping[str, Any], key: str) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{key}.{name}")
        else:
            yield f"{key}.{name}"


def _weaker(here: SignalPolicy, there: SignalPolicy) -> Iterator[Weaker]:
    if not is_as_strict(Stricter.EARLIER, here.severity, there.severity):
        yield Weaker("severity", here.severity, there.severity)
    if here.severity is Severity.OFF:
        return
    if there.grace_s > here.grace_s:
        yield Weaker("grace_s", here.grace_s, there.grace_s)
    for found in weaker_limits(here.limits, there.limits):
        yield Weaker(f"limits.{found.name}", found.here, found.there)


def _where(
    own: Sequence[Overlay], group: str, subject: Subject, says: Callable[[Overlay], bool]
) -> str:
    """Return the key of the last of the group's overlays that says it, of its own if none does."""
    found = (each.key for each in reversed(own) if each.covers(subject) and says(each))
    return next(found, f"groups.{quoted(group)}")


def _refusal(key: str, weaker: Weaker, problem: str) -> ContractError:
    told = problem.format(here=_shown(weaker.here), there=_shown(weaker.there))
    return ContractError(f"{key}.{weaker.name}", told)


def _shown(value: Any) -> str:
    text = json.dumps(codec.encode(value), ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
