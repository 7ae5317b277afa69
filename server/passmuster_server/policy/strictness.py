"""What a document may say of the groups that there are: a supplier's tables are stricter only."""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.signals.strictness import Stricter, Weaker, is_as_strict, weaker_limits
from passmuster_server.devices.groups import GroupKind, Ownership
from passmuster_server.policy.demands import JUDGED, Severity, SignalPolicy
from passmuster_server.policy.document import Policy
from passmuster_server.policy.overlays import Overlay, Subject, named_groups, says

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


def _check_supplier(policy: Policy, group: str) -> None:
    own = [overlay for overlay in policy.overlays if overlay.group == group]
    for platform, ownership in itertools.product(Platform, Ownership):
        here = Subject(platform, ownership=ownership)
        there = Subject(platform, group, ownership)
        if policy.max_age_of(there) > policy.max_age_of(here):
            weaker = Weaker("max_age_s", policy.max_age_of(here), policy.max_age_of(there))
            raise _refusal(_where(own, there, lambda each: each.max_age_s is not None), weaker)
        for signal in JUDGED:
            for weaker in _weaker(
                policy.demanded(signal.id, here), policy.demanded(signal.id, there)
            ):
                names = weaker.name.split(".")
                overlay = _where(own, there, lambda each: says(each.signals.get(signal.id), names))  # noqa: B023 - called at once
                raise _refusal(f"{overlay}.signals.{signal.id}", weaker)


def _weaker(here: SignalPolicy, there: SignalPolicy) -> Iterator[Weaker]:
    if not is_as_strict(Stricter.EARLIER, here.severity, there.severity):
        yield Weaker("severity", here.severity, there.severity)
    if here.severity is Severity.OFF:
        return
    if there.grace_s > here.grace_s:
        yield Weaker("grace_s", here.grace_s, there.grace_s)
    for found in weaker_limits(here.limits, there.limits):
        yield Weaker(f"limits.{found.name}", found.here, found.there)


def _where(own: Sequence[Overlay], subject: Subject, says: Any) -> str:
    """Return the key of the last of the group's overlays that says it."""
    return next(each.key for each in reversed(own) if each.covers(subject) and says(each))


def _refusal(key: str, weaker: Weaker) -> ContractError:
    here, there = _shown(weaker.here), _shown(weaker.there)
    return ContractError(
        f"{key}.{weaker.name}",
        f"{there} is weaker than the organisation's {here}; a supplier's may only be stricter",
    )


def _shown(value: Any) -> str:
    text = json.dumps(codec.encode(value), ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
