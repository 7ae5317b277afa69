"""HTML pages: rendered on the server with escaping always on, under a strict policy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from passmuster_server.web import formats
from passmuster_server.web.assets import ASSETS

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # "no-referrer" would turn the Origin of our own forms into "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), payment=()",
}

_SHARED = Path(__file__).parent / "templates"


class Pages:
    """The pages of one area: its own templates over the shared ones."""

    def __init__(self, folder: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader([folder, _SHARED]),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=formats.upright,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["asset"] = lambda name: ASSETS[name].address
        self._environment.filters.update(
            ago=formats.ago,
            duration=formats.duration,
            machine_time=formats.machine_time,
            spoken=formats.spoken,
            timestamp=formats.timestamp,
            titled=formats.titled,
        )

    def text(self, template: str, **values: Any) -> str:
        """Return the page's HTML."""
        return self._environment.get_template(template).render(values)

    def response(
        self,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Return the page with the headers that every page has; `headers` come on top."""
        return HTMLResponse(
            self.text(template, **values), status, headers={**HEADERS, **(headers or {})}
        )
