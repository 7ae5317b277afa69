"""The server's log: one line of JSON for each event, or plain lines where a person looks on.

No personal data and no secrets: people, addresses and request bodies are named nowhere. Of an error
nobody expected it tells the kind and the place, but not the text, which may quote what was handled.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's own name
        """Return the error's kind and where it was raised."""
        return _told(ei)


class PlainLines(logging.Formatter):
    """Formats a record for a person at a terminal."""

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's own name
        """Return the error's kind and where it was raised."""
        return _told(ei)


def set_up(stream: TextIO = sys.stderr) -> None:
    """Send everything from the level `info` on to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainLines(PLAIN) if stream.isatty() else JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("alembic", "httpx"):
        # The latter tells every address that it asks, with what may be secret in it.
        logging.getLogger(name).setLevel(logging.WARNING)
    # What it warns of quotes PostgreSQL's own words, and those the row that was refused.
    logging.getLogger("psycopg").setLevel(logging.ERROR)


def _told(exc_info: object) -> str:
    if not isinstance(exc_info, tuple) or not isinstance(exc_info[1], BaseException):
        return ""
    error = exc_info[1]
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    places = (f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__} at " + " < ".join(reversed(list(places)))
