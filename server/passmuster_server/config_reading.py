"""Reads a server's configuration: a TOML file, the environment, flags; checked as a whole."""

import importlib.metadata
import os
import ssl
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import SplitResult

from passmuster_server import config_openid
from passmuster_server.accounts.roles import Role
from passmuster_server.config import DEFAULT_PORT, Config, ConfigError, default_data_directory
from passmuster_server.config_environment import from_environment
from passmuster_server.engines import database_url
from passmuster_server.loopback import is_loopback
from passmuster_server.urls import parts_of
from passmuster_server.versions import OLDEST_AGENT, is_behind, parsed

T = TypeVar("T")

MAX_FILE = 64 * 1024
MAX_CONTACT = 200
KEPT_DAYS = 400
"""A year, for the yearly audit, and some time to hold it."""
MOST_DAYS = 3660
MOST_DRAINING_S = 300
KEYS = frozenset(
    {
        "data_directory",
        "database",
        "listen",
        "public_url",
        "tls_certificate",
        "tls_key",
        "behind_proxy",
        "trusted_proxies",
        "contact",
        "oldest_agent",
        "history_days",
        "decision_days",
        "metrics_listen",
        "drain_seconds",
        "traces_endpoint",
        "traces_percent",
        "openid",
    }
)


def load(
    path: Path | None,
    flags: Mapping[str, Any],
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Config:
    """Return the configuration of the file at `path`, over it the environment, over that `flags`.

    A flag that is None was not given. Raises `ConfigError` with every mistake.
    """
    mistakes: list[str] = []
    values = _file(path, mistakes) if path is not None else {}
    values |= from_environment(environment, mistakes)
    values |= {key: value for key, value in flags.items() if value is not None}
    # A key is shown as Python writes it, so that one made of control characters stays a line.
    mistakes.extend(
        f"{key if key.isidentifier() else repr(key)}: there is no such setting"
        for key in sorted(values.keys() - KEYS)
    )
    config = _Reader(values, mistakes).config()
    if mistakes:
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
    except UnicodeDecodeError:
        mistakes.append(f"{path}: not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        mistakes.append(f"{path}: not TOML ({error})")
    return {}


def _address(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        return None
    return host, int(port)


def _url(text: str) -> SplitResult | None:
    """Return the parts of an http(s) URL without a user, a query and a fragment, or None."""
    parts = parts_of(text)
    if parts is None or parts.scheme not in ("http", "https") or not text.isprintable():
        return None
    return None if parts.query or parts.fragment or parts.username else parts


def _installed(*packages: str) -> bool:
    try:
        for package in packages:
            importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


class _Reader:
    """Takes one key after the other; a mistake is noted and the default goes on in its place."""

    def __init__(self, values: Mapping[str, Any], mistakes: list[str]) -> None:
        self._values = values
        self._mistakes = mistakes

    def config(self) -> Config:
        data = Path(self._take("data_directory", str(default_data_directory()), "a path"))
        data = data.expanduser().absolute()
        host, port = self._listen()
        behind_proxy = self._take("behind_proxy", False, "true or false")
        certificate, key = self._path("tls_certificate"), self._path("tls_key")
        self._check_tls(certificate, key)
        if certificate is None and not behind_proxy and not is_loopback(host):
            self._mistakes.append(
                f"listen: {host} is not loopback; give tls_certificate and tls_key, or "
                "behind_proxy when a proxy in front of this server speaks TLS"
            )
        return Config(
            data_directory=data,
            database_url=self._database(data),
            host=host,
            port=port,
            public_url=self._public_url(host, port, encrypted=certificate is not None),
            tls_certificate=certificate,
            tls_key=key,
            behind_proxy=behind_proxy,
            trusted_proxies=self._trusted_proxies(),
            contact=self._contact(),
            oldest_agent=self._oldest_agent(),
            history_days=self._days("history_days"),
            decision_days=self._days("decision_days"),
            metrics_listen=self._metrics_listen(),
            drain_seconds=self._drain_seconds(),
            traces_endpoint=self._traces_endpoint(),
            traces_percent=self._traces_percent(),
            openid=config_openid.read(self._values.get("openid"), tuple(Role), self._mistakes),
        )

    def _take(self, key: str, default: T, expected: str) -> T:
        value = self._values.get(key, default)
        if type(value) is not type(default):
            self._mistakes.append(f"{key}: expected {expected}")
            return default
        return value

    def _days(self, key: str) -> int:
        days = self._take(key, KEPT_DAYS, "a number of days")
        if not 1 <= days <= MOST_DAYS:
            self._mistakes.append(f"{key}: expected 1 to {MOST_DAYS} days")
        return days

    def _drain_seconds(self) -> int:
        seconds = self._take("drain_seconds", 0, "a number of seconds")
        if not 0 <= seconds <= MOST_DRAINING_S:
            self._mistakes.append(f"drain_seconds: expected 0 to {MOST_DRAINING_S} seconds")
        return seconds

    def _traces_endpoint(self) -> str:
        text = self._take("traces_endpoint", "", "a URL")
        if not text:
            return text
        parts = _url(text)
        if parts is None:
            self._mistakes.append(
                "traces_endpoint: expected a URL such as http://127.0.0.1:4318/v1/traces"
            )
        elif parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            self._mistakes.append(
                "traces_endpoint: http:// is for loopback only; beyond it, use https"
            )
        if not _installed("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"):
            self._mistakes.append(
                "traces_endpoint: needs what requirements-telemetry.txt names, which is not "
                "installed"
            )
        return text

    def _traces_percent(self) -> int:
        percent = self._take("traces_percent", 100, "a number")
        if not 1 <= percent <= 100:
            self._mistakes.append("traces_percent: expected 1 to 100")
        return percent

    def _path(self, key: str) -> Path | None:
        text = self._take(key, "", "a path")
        return Path(text).expanduser().absolute() if text else None

    def _listen(self) -> tuple[str, int]:
        address = _address(self._take("listen", f"127.0.0.1:{DEFAULT_PORT}", "host:port"))
        if address is None:
            self._mistakes.append(f"listen: expected host:port, such as 127.0.0.1:{DEFAULT_PORT}")
            return "127.0.0.1", DEFAULT_PORT
        return address

    def _metrics_listen(self) -> tuple[str, int] | None:
        text = self._take("metrics_listen", "", "host:port")
        if not text:
            return None
        address = _address(text)
        if address is None:
            self._mistakes.append("metrics_listen: expected host:port, such as 127.0.0.1:9463")
        elif not is_loopback(address[0]):
            self._mistakes.append(
                f"metrics_listen: {address[0]} is not loopback; whoever scrapes from elsewhere "
                "goes through a proxy of yours that knows them"
            )
        return address

    def _check_tls(self, certificate: Path | None, key: Path | None) -> None:
        if (certificate is None) != (key is None):
            self._mistakes.append("tls_certificate, tls_key: give both or neither")
        missing = False
        for name, path in (("tls_certificate", certificate), ("tls_key", key)):
            if path is not None and not os.access(path, os.R_OK):
                missing = True
                self._mistakes.append(f"{name}: {path} is missing or can't be read")
        if certificate is None or key is None or missing:
            return
        try:
            # Without a callback OpenSSL would ask on the terminal, where nobody may sit.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                certificate, key, password=lambda: ""
            )
        except (ssl.SSLError, OSError, ValueError):
            self._mistakes.append(
                "tls_certificate, tls_key: not a PEM certificate with its own key, without password"
            )

    def _database(self, data: Path) -> str:
        text = self._take("database", f"sqlite:///{data}/passmuster.db", "a database URL")
        try:
            database_url(text)
        except ValueError as error:
            self._mistakes.append(f"database: {error}")
        return text

    def _public_url(self, host: str, port: int, *, encrypted: bool) -> str:
        shown = f"[{host}]" if ":" in host else host
        default = f"{'https' if encrypted else 'http'}://{shown}:{port}"
        text = self._take("public_url", default, "a URL").rstrip("/")
        if "public_url" not in self._values:
            if self._values.get("behind_proxy") is True:
                self._mistakes.append("public_url: needed behind a proxy")
                return text
            if not encrypted and not is_loopback(host):
                # What is wrong with that has been said of `listen`.
                return text
            if host in ("0.0.0.0", "::"):  # noqa: S104 - the very address that needs more words
                self._mistakes.append(f"public_url: needed where listen is {host}")
                return text
        parts = _url(text)
        if parts is None:
            self._mistakes.append(
                "public_url: expected a URL such as https://passmuster.example.com"
            )
        elif parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            self._mistakes.append("public_url: http:// is for loopback only; beyond it, use https")
        return text

    def _trusted_proxies(self) -> tuple[str, ...]:
        expected = "a list of IP addresses and networks"
        default: list[object] = ["127.0.0.1", "::1"]
        given = self._take("trusted_proxies", default, expected)
        for address in given:
            try:
                # A number would be taken for an address; the network of every address is none.
                valid = isinstance(address, str) and ip_network(address).prefixlen > 0
            except ValueError:
                valid = False
            if not valid:
                self._mistakes.append(f"trusted_proxies: expected {expected}")
                break
        return tuple(str(address) for address in given)

    def _oldest_agent(self) -> str:
        text = self._take("oldest_agent", OLDEST_AGENT, "a version")
        if parsed(text) is None or is_behind(text, OLDEST_AGENT):
            self._mistakes.append(
                f"oldest_agent: expected a version, {OLDEST_AGENT} or a later one"
            )
        return text

    def _contact(self) -> str:
        text = self._take("contact", "", "a text")
        if len(text) > MAX_CONTACT or not text.isprintable():
            self._mistakes.append(f"contact: expected one line of at most {MAX_CONTACT} characters")
        return text
