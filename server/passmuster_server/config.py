"""What an administrator sets of one server."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from passmuster_server.config_openid import OpenIdSettings
from passmuster_server.loopback import is_loopback

DEFAULT_PORT = 8463
SYSTEM_FILE = Path("/etc/passmuster/server.toml")


class ConfigError(Exception):
    """The configuration has mistakes. `mistakes` are sentences that name the key, all at once."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class Config:
    """One server's configuration.

    `contact` is how a worker reaches IT: an address, a telephone number or a link.
    `oldest_agent` is the version below which an agent is refused, with what it has to say why.
    `history_days` and `decision_days` are how long changes and the gate's decisions are kept.
    `drain_seconds` is how long a server that was told to end goes on answering, for a proxy to see.
    `metrics_listen` is where metrics are served, on loopback; None: nowhere. `trusted_proxies` are
    the addresses and networks whose `X-Forwarded-For` is believed, behind a proxy.
    `traces_endpoint` is where traces are sent (OTLP over HTTP); empty: there are none.
    `traces_percent` is how many of a hundred requests have one. `openid` is the organisation's own
    sign-in; None: there is none.
    """

    data_directory: Path
    database_url: str
    host: str
    port: int
    public_url: str
    tls_certificate: Path | None
    tls_key: Path | None
    behind_proxy: bool
    trusted_proxies: tuple[str, ...]
    contact: str
    oldest_agent: str
    history_days: int
    decision_days: int
    metrics_listen: tuple[str, int] | None
    drain_seconds: int
    traces_endpoint: str
    traces_percent: int
    openid: OpenIdSettings | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every URL that leads here: the public one, and on loopback also its other names."""
        parts = urlsplit(self.public_url)
        if not is_loopback(parts.hostname or ""):
            return (self.public_url,)
        port = f":{parts.port}" if parts.port else ""
        names = ("127.0.0.1", "localhost", "[::1]")
        others = (f"{parts.scheme}://{name}{port}{parts.path}" for name in names)
        return tuple(dict.fromkeys((self.public_url, *others)))


def default_file() -> Path | None:
    """Return the system's configuration file where there is one."""
    return SYSTEM_FILE if SYSTEM_FILE.is_file() else None


def default_data_directory() -> Path:
    """Return `/var/lib/passmuster` for root, else the user's own by the XDG specification."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/passmuster")
    named = os.environ.get("XDG_DATA_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "share"
    return base / "passmuster"
