"""Pages for workers: they hold their style themselves, so that a proxy can show them anywhere."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from passmuster_server.web.assets import ASSETS

STYLE = (ASSETS["tokens.css"].content + (Path(__file__).parent / "worker.css").read_bytes()).decode(
    "utf-8"
)
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode("utf-8")).digest()).decode("ascii")
"""What a content security policy lets the style in by: `'sha256-...'`."""

MY_LAPTOPS = "/my-laptops"
"""Where a worker reads what is stored of their laptops."""


def worker_values(public_url: str, contact: str) -> Mapping[str, Any]:
    """Return what `worker_base.html` needs of every page."""
    return {
        "style": STYLE,
        "contact": contact,
        "contact_link": _contact_link(contact),
        "privacy_link": f"{public_url}/privacy",
        "my_laptops_link": f"{public_url}{MY_LAPTOPS}",
    }


def _contact_link(contact: str) -> str | None:
    if contact.startswith(("https://", "mailto:", "tel:")):
        return contact
    if "@" in contact and " " not in contact:
        return f"mailto:{contact}"
    return None
