"""What an administrator sets, from a TOML file and the command line, checked as a whole."""

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MAX_FILE = 64 * 1024
DEFAULT_PORT = 8463


class ConfigError(Exception):
    """The configuration has mistakes. `mistakes` are sentences that name the key, all at once."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class Config:
    """One server's configuration.

    `contact` is how a worker reaches IT: an address, a telephone number or a link.
    """

    data_directory: Path
    database_url: str
    host: str
    port: int
    public_url: str
    tls_certificate: Path | None
    tls_key: Path | None
    behind_proxy: bool
    contact: str

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every URL that leads here: the public one, and on loopback also its other names."""
        parts = urlsplit(self.public_url)
        if not _is_loopback(parts.hostname or ""):
            return (self.public_url,)
        port = f":{parts.port}" if parts.port else ""
        names = ("127.0.0.1", "localhost", "[::1]")
        others = (f"{parts.scheme}://{name}{port}{parts.path}" for name in names)
        return tuple(dict.fromkeys((self.public_url, *others)))


KEYS = frozenset(
    {
        "data_directory",
        "database",
        "listen",
        "public_url",
        "tls_certificate",
        "tls_key",
        "behind_proxy",
        "contact",
    }
)


def default_data_directory() -> Path:
    """Return `/var/lib/passmuster` for root, else the user's own by the XDG specification."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/passmuster")
    named = os.environ.get("XDG_DATA_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "share"
    return base / "passmuster"


def load(path: Path | None, flags: Mapping[str, Any]) -> Config:
    """Return the configuration of the file at `path` with `flags` (None: not given) over it.

    Raises `ConfigError` with every mistake.
    """
    mistakes: list[str] = []
    values = _file(path, mistakes) if path is not None else {}
    values |= {key: value for key, value in flags.items() if value is not None}
    mistakes.extend(f"{key}: there is no such setting" for key in sorted(values.keys() - KEYS))
    config = _checked(values, mistakes)
    if mistakes or config is None:
        raise ConfigError(tuple(mistakes))
    return config


def _file(path: Path, mistakes: list[str]) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            mistakes.append(f"{path}: larger than {MAX_FILE} bytes")
            return {}
        return tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        mistakes.append(f"{path}: can't be read ({error.strerror})")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        mistakes.append(f"{path}: not TOML ({error})")
    return {}


def _checked(values: Mapping[str, Any], mistakes: list[str]) -> Config | None:
    def take(key: str, default: Any, kind: type, what: str) -> Any:
        value = values.get(key, default)
        if value is not None and not isinstance(value, kind):
            mistakes.append(f"{key}: expected {what}")
            return default
        return value

    data = Path(take("data_directory", str(default_data_directory()), str, "a path")).expanduser()
    database = take("database", f"sqlite:///{data}/passmuster.db", str, "a database URL")
    if not database.startswith("sqlite:///"):
        mistakes.append("database: only sqlite:/// URLs are supported so far")
    host, port = _listen(take("listen", f"127.0.0.1:{DEFAULT_PORT}", str, "host:port"), mistakes)
    behind_proxy = take("behind_proxy", False, bool, "true or false")
    certificate = take("tls_certificate", None, str, "a path")
    key = take("tls_key", None, str, "a path")
    if (certificate is None) != (key is None):
        mistakes.append("tls_certificate, tls_key: give both or neither")
    for name, file in (("tls_certificate", certificate), ("tls_key", key)):
        if file is not None and not Path(file).is_file():
            mistakes.append(f"{name}: there is no file {file}")
    if certificate is None and not behind_proxy and not _is_loopback(host):
        mistakes.append(
            f"listen: {host} is not loopback; give tls_certificate and tls_key, or behind_proxy "
            "when a proxy in front of it speaks TLS"
        )
    scheme = "http" if certificate is None else "https"
    shown = f"[{host}]" if ":" in host else host
    public_url = take("public_url", f"{scheme}://{shown}:{port}", str, "a URL").rstrip("/")
    _check_public_url(public_url, mistakes.append)
    return Config(
        data_directory=data,
        database_url=database,
        host=host,
        port=port,
        public_url=public_url,
        tls_certificate=Path(certificate) if certificate else None,
        tls_key=Path(key) if key else None,
        behind_proxy=behind_proxy,
        contact=take("contact", "", str, "a text")[:200],
    )


def _listen(value: str, mistakes: list[str]) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        mistakes.append("listen: expected host:port, such as 127.0.0.1:8463")
        return "127.0.0.1", DEFAULT_PORT
    return host, int(port)


def _check_public_url(url: str, mistake: Callable[[str], None]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        mistake("public_url: expected a URL such as https://passmuster.example.com")
    elif parts.scheme == "http" and not _is_loopback(parts.hostname):
        mistake("public_url: http:// is for loopback only; beyond it, use https://")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
