"""Why a proof is refused: said to whoever brings it, and logged without what it held."""

import logging

from passmuster_server.web.problems import RefusalError

_log = logging.getLogger(__name__)


def refusal(code: str, detail: str) -> RefusalError:
    """Return the refusal, status 403, and log its code."""
    _log.warning("a proof of a device was refused: %s", code)
    return RefusalError(403, code, detail)
