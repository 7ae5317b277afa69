"""The policy of a fresh server, as a commented document."""

from typing import Any

from passmuster_collectors.contract import codec
from passmuster_server.policy.demands import JUDGED, default_severity


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
        '# From where a browser may prove which laptop it is on. "same": from the address that the',
        '# laptop itself reports from, as far as the server knows both; "any": from anywhere.',
        'addresses = "any"',
        "# A verdict that rests on a report older than this is unknown, and unknown is refused.",
        "max_age_s = 3600",
        "# How often a laptop reports when nothing changes. Changes are reported at once.",
        "report_within_s = 1200",
        "# A table of one system counts there in place of these, setting by setting:",
        "#   [platforms.windows.signals.screen_lock.limits]",
        "#   lock_within_s = 300",
        "# So does one of a group or of an ownership, and its tables of one system:",
        '#   [groups."Night shift".signals.screen_lock.limits]',
        "#   [ownership.personal.platforms.macos.signals.disk_encryption]",
    ]
    for signal in JUDGED:
        lines += [
            "",
            f"# {signal.title}",
            f"[signals.{signal.id}]",
            '# "block" shuts the gate, "warn" only shows, "off" does not look.',
            f'severity = "{default_severity(signal)}"',
            "# Seconds from the first failing report during which the worker still gets in.",
            "grace_s = 0",
            f"[signals.{signal.id}.limits]",
        ]
        limits = codec.encode(signal.limits())
        lines += [f"{key} = {_toml(value)}" for key, value in limits.items() if _plain(value)]
    return "\n".join(lines) + "\n"


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
