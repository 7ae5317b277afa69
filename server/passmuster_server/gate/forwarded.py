"""The request that a proxy asks about, in each proxy's own way of telling it.

- nginx: what the configuration sets, since nothing of the browser's goes along by itself.
- Traefik `ForwardAuth`: `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri`, `-For`
  (https://doc.traefik.io/traefik/middlewares/http/forwardauth/).
- Caddy `forward_auth`: the same (https://caddyserver.com/docs/caddyfile/directives/forward_auth).
- Envoy `ext_authz` over HTTP: the request itself, below a prefix of the path
  (https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/ext_authz/v3/).

The headers of a browser come along with all but nginx, so for those the application and the header
that names the person are part of the address that the proxy's configuration asks at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from starlette.requests import Request

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.devices.limits import network_of

SUBJECT = "X-Passmuster-Subject"
APPLICATION = "X-Passmuster-Application"
ADDRESS = "X-Passmuster-Address"
OPEN_FOR = "X-Passmuster-Open-For"
"""Seconds for which nginx may let in by an old answer while we are down; others keep none."""

MOST_OPEN_S = 3_600
FRESH_S = 1
MAX_PATH = 1_500
MAX_HEADER = 64 * 1_024
MAX_HOST = 255
MAX_SUBJECT = 254
MAX_APPLICATION = 128


class Dialect(StrEnum):
    """Which proxy asks."""

    NGINX = "nginx"
    TRAEFIK = "traefik"
    CADDY = "caddy"
    ENVOY = "envoy"

    @property
    def path(self) -> str:
        """Where it asks."""
        return f"/gate/{self.value}"


@dataclass(frozen=True)
class Forwarded:
    """What a browser asked the application for.

    `path` has its query. `person` is who the sign-in before says it is, or None. `is_navigation`
    tells that a window is to show the answer, so that it may be led elsewhere and come back.
    """

    application: str
    person: str | None
    scheme: str
    host: str
    path: str
    address: str
    is_navigation: bool

    @property
    def origin(self) -> str:
        """The application's address, without a path."""
        return f"{self.scheme}://{self.host}"


def read(request: Request, dialect: Dialect) -> Forwarded:
    """Return what the proxy asks about. Raises `ContractError` naming what is missing or odd."""
    if dialect is Dialect.ENVOY:
        method = request.method
        path = request.path_params.get("path", "") or "/"
        if request.url.query:
            path = f"{path}?{request.url.query}"
        host = header(request, "Host", longest=MAX_HOST)
    else:
        method = header(request, "X-Forwarded-Method", longest=16) or "GET"
        path = header(request, "X-Forwarded-Uri", longest=MAX_HEADER)
        host = header(request, "X-Forwarded-Host", longest=MAX_HOST)
    scheme = header(request, "X-Forwarded-Proto", longest=8)
    _check_place(scheme, host, path)
    if len(path) > MAX_PATH or not path.isascii():
        path = "/"  # it would not come back whole
    application, person = _about(request, dialect)
    return Forwarded(
        application,
        person or None,
        scheme,
        host.lower(),
        path,
        network_of(_address(request, dialect))[:64],
        _is_navigation(request, method),
    )


def header(request: Request, name: str, *, longest: int) -> str:
    """Return a header's text, empty where it is missing. Raises `ContractError` naming it."""
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise ContractError(name, "given more than once")
    try:
        # Proxies pass the bytes of a user name through; they are UTF-8 (RFC 7617, section 2.1).
        text = "".join(values).encode("latin-1").decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ContractError(name, "not UTF-8 text") from None
    if len(text) > longest:
        raise ContractError(name, f"longer than {longest} characters")
    if not text.isprintable():
        raise ContractError(name, "holds characters that can't be printed")
    return text


def required(request: Request, name: str, *, longest: int) -> str:
    """Return a header that has to be there. Raises `ContractError` naming it."""
    value = header(request, name, longest=longest)
    if not value:
        raise ContractError(name, "missing")
    return value


def caching(request: Request) -> str:
    """Return what `Cache-Control` says of an answer that lets somebody in.

    nginx keeps to `stale-if-error` (RFC 5861, section 4). Raises `ContractError`.
    """
    text = header(request, OPEN_FOR, longest=8)
    if not text:
        return "no-store"
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST_OPEN_S:
        raise ContractError(OPEN_FOR, f"expected 1 to {MOST_OPEN_S} seconds")
    return f"max-age={FRESH_S}, stale-if-error={int(text)}"


def path_of(path: str) -> str:
    """Return the path without its query."""
    return path.partition("?")[0]


def _check_place(scheme: str, host: str, path: str) -> None:
    if scheme not in ("http", "https"):
        raise ContractError("X-Forwarded-Proto", "expected http or https")
    parts = urlsplit(f"//{host}")
    try:
        plain = parts.netloc == host and bool(parts.hostname) and parts.username is None
        plain = plain and (parts.port is None or parts.port > 0) and host.isascii()
    except ValueError:
        plain = False
    if not plain:
        raise ContractError("X-Forwarded-Host", "expected the application's host")
    if not path.startswith("/"):
        raise ContractError("X-Forwarded-Uri", "expected the path that was asked for")


def _about(request: Request, dialect: Dialect) -> tuple[str, str]:
    """Return the application and the person, told by the proxy's configuration alone."""
    if dialect in (Dialect.NGINX, Dialect.ENVOY):
        # nginx sends nothing but what is set; Envoy's `headers_to_add` replace a browser's own.
        application = required(request, APPLICATION, longest=MAX_APPLICATION)
        return application, header(request, SUBJECT, longest=MAX_SUBJECT)
    query: Mapping[str, str] = request.query_params
    application = query.get("application", "")
    if not 0 < len(application) <= MAX_APPLICATION or not application.isprintable():
        raise ContractError("application", "expected in the query of the address")
    named = query.get("person_from", "")
    if not named:
        return application, ""
    # An empty header would ask about nobody in particular: who signs in has to have a name.
    return application, required(request, named[:64], longest=MAX_SUBJECT)


def _address(request: Request, dialect: Dialect) -> str:
    if dialect is Dialect.NGINX:
        return required(request, ADDRESS, longest=64)
    # The proxy itself wrote the last one; whatever stands before may be the browser's invention.
    told = ",".join(request.headers.getlist("X-Forwarded-For")).rpartition(",")[2].strip()
    if not told or len(told) > 64:
        raise ContractError("X-Forwarded-For", "missing")
    return told


def _is_navigation(request: Request, method: str) -> bool:
    if method not in ("GET", "HEAD") or request.headers.get("upgrade"):
        return False
    mode = request.headers.get("sec-fetch-mode")
    if mode is not None:
        return mode == "navigate"
    return "text/html" in request.headers.get("accept", "")
