"""A policy: what the organisation demands of its laptops, as a TOML document and as a value."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from passmuster_collectors import __version__
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import digest
from passmuster_collectors.contract.declaration import Whole
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.signal import Signal

MAX_DOCUMENT = 64 * 1024

DAY_S = 86_400
MAX_GRACE_S = 30 * DAY_S


class Severity(StrEnum):
    """What a signal's failure does: shut the gate, be shown, or not be looked at."""

    BLOCK = "block"
    WARN = "warn"
    OFF = "off"


class Devices(StrEnum):
    """Which of a person's devices must pass when the question names none.

    `proven`: none will do, the question has to name the device that the person sits at.
    """

    ALL = "all"
    ANY = "any"
    PROVEN = "proven"


@dataclass(frozen=True)
class SignalPolicy:
    """What is demanded of one signal. `limits` is the room's own struct."""

    severity: Severity
    grace_s: int
    limits: Any


@dataclass(frozen=True)
class Policy:
    """One published version.

    A signal that the document does not name, such as one that came with an update of the server,
    is judged by its default limits and shown, but shuts nobody out. `platforms` holds what differs
    on one system. `basis` names this policy together with the rules that come with this version of
    the server.
    """

    version: int
    devices: Devices
    max_age_s: int
    report_within_s: int
    signals: Mapping[str, SignalPolicy]
    basis: str
    platforms: Mapping[Platform, Mapping[str, SignalPolicy]] = field(default_factory=dict)

    def demanded(self, signal: str, platform: Platform) -> SignalPolicy:
        """Return what is demanded of a signal on one system."""
        return self.platforms.get(platform, {}).get(signal) or self.signals[signal]


@dataclass(frozen=True)
class _Document:
    devices: Devices = Devices.ALL
    max_age_s: Annotated[int, Whole(60, 7 * DAY_S)] = 3600
    report_within_s: Annotated[int, Whole(30, DAY_S)] = 1200
    signals: Mapping[str, Any] = field(default_factory=dict)
    platforms: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _PlatformTable:
    signals: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _SignalTable:
    severity: Severity | None = None
    grace_s: Annotated[int, Whole(0, MAX_GRACE_S)] = 0
    limits: Mapping[str, Any] = field(default_factory=dict)


def parse(document: str, version: int) -> Policy:
    """Return the policy in a TOML document.

    Raises `ContractError` naming the key that is wrong, or the line that is not TOML.
    """
    if len(document.encode("utf-8")) > MAX_DOCUMENT:
        raise ContractError("", f"larger than {MAX_DOCUMENT} bytes")
    try:
        value = tomllib.loads(document)
    except tomllib.TOMLDecodeError as error:
        raise ContractError("", f"not TOML: {error}") from None
    read = codec.decode(_Document, value)
    if read.report_within_s > read.max_age_s:
        raise ContractError("report_within_s", "longer than max_age_s: every laptop would go stale")
    _check_names(read.signals, "signals")
    signals = {
        signal.id: _signal(signal, read.signals.get(signal.id), "signals") for signal in CATALOG
    }
    return Policy(
        version,
        read.devices,
        read.max_age_s,
        read.report_within_s,
        signals,
        _basis(version, document),
        _platforms(read),
    )


def default_document() -> str:
    """Return the policy of a fresh server as a commented document, made from the catalog."""
    lines = [
        "# What the organisation demands of its laptops. Publish a changed copy with:",
        "#   passmuster-server policy publish FILE",
        "# A signal that it does not name is shown and shuts nobody out.",
        "",
        "# Which of a person's devices must pass when the gate is not told which one it is:",
        '# "all" or "any"; "proven": nobody is let in by their name alone.',
        'devices = "all"',
        "# A verdict that rests on a report older than this is unknown, and unknown is refused.",
        "max_age_s = 3600",
        "# How often a laptop reports when nothing changes. Changes are reported at once.",
        "report_within_s = 1200",
        "# A table of one system counts there in place of these, setting by setting:",
        "#   [platforms.windows.signals.screen_lock.limits]",
        "#   lock_within_s = 300",
    ]
    for signal in CATALOG:
        lines += [
            "",
            f"# {signal.title}",
            f"[signals.{signal.id}]",
            '# "block" shuts the gate, "warn" only shows, "off" does not look.',
            f'severity = "{_default_severity(signal)}"',
            "# Seconds from the first failing report during which the worker still gets in.",
            "grace_s = 0",
            f"[signals.{signal.id}.limits]",
        ]
        limits = codec.encode(signal.limits())
        lines += [f"{key} = {_toml(value)}" for key, value in limits.items() if _plain(value)]
    return "\n".join(lines) + "\n"


def _basis(version: int, document: str) -> str:
    rules = (__version__, *(signal.id for signal in CATALOG))
    return digest("\0".join((str(version), document, *rules)).encode("utf-8"))


def _check_names(signals: Mapping[str, Any], key: str) -> None:
    known = {signal.id for signal in CATALOG}
    for name in signals:
        if name not in known:
            raise ContractError(f"{key}.{name[:64]}", "there is no such signal")


def _platforms(read: _Document) -> Mapping[Platform, Mapping[str, SignalPolicy]]:
    found: dict[Platform, Mapping[str, SignalPolicy]] = {}
    for name, table in read.platforms.items():
        key = f"platforms.{name[:64]}"
        if name not in set(Platform):
            raise ContractError(key, f"expected one of {', '.join(Platform)}")
        own = codec.decode(_PlatformTable, table, key).signals
        _check_names(own, f"{key}.signals")
        found[Platform(name)] = {
            signal.id: _signal(
                signal,
                _over(read.signals.get(signal.id), own[signal.id]),
                f"{key}.signals",
            )
            for signal in CATALOG
            if signal.id in own
        }
    return found


def _over(everywhere: Any, here: Any) -> Any:
    """Return the table of one system: what it says, and for the rest what holds everywhere."""
    if not isinstance(everywhere, Mapping) or not isinstance(here, Mapping):
        return here
    limits = (everywhere.get("limits", {}), here.get("limits", {}))
    if not all(isinstance(each, Mapping) for each in limits):
        return here
    return {**everywhere, **here, "limits": {**limits[0], **limits[1]}}


def _signal(signal: Signal[Any, Any], table: Any, key: str) -> SignalPolicy:
    if table is None:
        return SignalPolicy(Severity.WARN, 0, signal.limits())
    key = f"{key}.{signal.id}"
    read = codec.decode(_SignalTable, table, key)
    limits = codec.decode(signal.limits, dict(read.limits), f"{key}.limits")
    return SignalPolicy(read.severity or _default_severity(signal), read.grace_s, limits)


def _default_severity(signal: Signal[Any, Any]) -> Severity:
    return Severity.BLOCK if signal.blocks else Severity.WARN


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str | int | bool) for item in value)
    return isinstance(value, str | int | bool)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
