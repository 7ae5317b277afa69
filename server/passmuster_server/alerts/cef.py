"""An alert as an event in ArcSight's Common Event Format, version 0, in a syslog message.

CEF: "ArcSight Common Event Format (CEF) Implementation Standard", prefix, extension and character
encoding. Syslog: RFC 5424, section 6.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from passmuster_server import __version__
from passmuster_server.alerts.rules import Alert, Severity

VENDOR, PRODUCT = "Passmuster", "Passmuster"
FACILITY = 10
"""Security and authorization (RFC 5424, table 1)."""
MAX_HOST = 255
MAX_MSGID = 32
MAX_VALUE = 1_000
"""Characters of one value: CEF takes 1,023 of a `msg`, a `reason` and a `request`.

Short of that the longest message has 1,262 octets: every signal, and a name of the server as long
as names can be. Each receiver over TLS takes 2,048 (RFC 5425, section 4.3.1).
"""

_SYSLOG_SEVERITY = {Severity.LOW: 5, Severity.MEDIUM: 4, Severity.HIGH: 3}
_CEF_SEVERITY = {Severity.LOW: 3, Severity.MEDIUM: 6, Severity.HIGH: 8}
_BOM = "\ufeff"


def messages_of(
    alerts: Sequence[Alert], message_id: str, public_url: str, now: datetime
) -> list[bytes]:
    """Return the syslog messages of one message of ours: one for each alert.

    Without alerts it is one, a test. `message_id` and a number make an `externalId` that stays the
    same when it is sent again.
    """
    told: list[bytes] = []
    host = (urlsplit(public_url).hostname or "-")[:MAX_HOST]
    for number, alert in enumerate(alerts):
        values = {
            "rt": str(alert.at * 1000),
            "externalId": f"{message_id}-{number}",
            "cat": alert.kind.value,
            "deviceExternalId": alert.device,
            "reason": ",".join(alert.signals),
            "request": alert.link(public_url),
            "msg": alert.line,
        }
        at = datetime.fromtimestamp(alert.at, UTC)
        event = _event(alert.kind.value, alert.title, _CEF_SEVERITY[alert.severity], values)
        told.append(_syslog(host, _SYSLOG_SEVERITY[alert.severity], alert.kind.value, at, event))
    if told:
        return told
    kind, name = "test", "A test of this alert"
    values = {
        "rt": str(int(now.timestamp() * 1000)),
        "externalId": f"{message_id}-{kind}",
        "cat": kind,
        "request": f"{public_url}/fleet",
        "msg": name,
    }
    event = _event(kind, name, _CEF_SEVERITY[Severity.LOW], values)
    return [_syslog(host, _SYSLOG_SEVERITY[Severity.LOW], kind, now, event)]


def _event(kind: str, name: str, severity: int, values: Mapping[str, str]) -> str:
    prefix = (VENDOR, PRODUCT, __version__, kind, name)
    extension = " ".join(
        f"{key}={_value(value[:MAX_VALUE])}" for key, value in values.items() if value
    )
    return f"CEF:0|{'|'.join(map(_prefix, prefix))}|{severity}|{extension}"


def _prefix(text: str) -> str:
    """Return a field of the prefix: it may hold no line break, and an equals sign as it is."""
    one_line = text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    return one_line.replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    """Return a value of the extension: it may hold a bar as it is, and line breaks escaped."""
    escaped = text.replace("\\", "\\\\").replace("=", "\\=")
    return escaped.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\r")


def _syslog(host: str, severity: int, kind: str, at: datetime, event: str) -> bytes:
    time = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    header = f"<{FACILITY * 8 + severity}>1 {time} {host} passmuster - {kind[:MAX_MSGID]} -"
    # Without it what is not ASCII would be of an unknown encoding (section 6.4).
    mark = "" if event.isascii() else _BOM
    return f"{header} {mark}{event}".encode()
