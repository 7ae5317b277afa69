"""Secrets of receivers that stay in files of the server."""

from pathlib import Path

from passmuster_server.alerts.errors import NotSentError

MAX_SECRET = 4_096


def read_secret(path: str) -> str:
    """Return what is in the file, without blanks around it. Raises `NotSentError`."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            secret = file.read(MAX_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotSentError(f"{path} can't be read ({type(error).__name__})") from None
    if not secret:
        raise NotSentError(f"{path} is empty")
    return secret
