"""Our own style sheets, scripts and pictures, served under addresses that change with them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.web.problems import RefusalError

FOLDER = Path(__file__).parent / "static"

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """One file: where browsers find it, and what they get."""

    address: str
    content: bytes
    content_type: str


def _load() -> dict[str, Asset]:
    found = {}
    for path in sorted(FOLDER.iterdir()):
        content = path.read_bytes()
        version = hashlib.sha256(content).hexdigest()[:16]
        address = f"/assets/{version}/{path.name}"
        found[path.name] = Asset(address, content, _CONTENT_TYPES[path.suffix])
    return found


ASSETS = _load()

_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'",
}


def routes() -> list[Route]:
    """Return the route of the assets."""
    return [Route("/assets/{version}/{name}", _serve, methods=["GET"])]


async def _serve(request: Request) -> Response:
    asset = ASSETS.get(request.path_params["name"])
    if asset is None or asset.address != request.url.path:
        raise RefusalError(404, "not_found", "There is no such file.")
    return Response(asset.content, media_type=asset.content_type, headers=_HEADERS)
