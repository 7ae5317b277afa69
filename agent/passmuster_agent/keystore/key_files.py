"""A key on the disk, in whatever form its tier keeps it: errors in words, 0600, synced."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from passmuster_agent import private_files
from passmuster_agent.config import ENROL_AGAIN
from passmuster_agent.errors import AgentError, because
from passmuster_agent.keystore.interface import KeyStoreError


def check_new(path: Path) -> None:
    """Raise `KeyStoreError` where there is a key already."""
    if path.is_symlink() or path.exists():
        raise KeyStoreError(f"{path} is there already.", ENROL_AGAIN)


def create(path: Path, data: bytes) -> None:
    """Keep a new key durably. Raises `KeyStoreError`."""
    try:
        private_files.make_directory(path.parent)
        private_files.create(path, data)
    except FileExistsError:
        raise KeyStoreError(f"{path} is there already.", ENROL_AGAIN) from None
    except OSError as error:
        raise KeyStoreError(
            f"{path} cannot be written: {because(error)}.",
            "Free some space there, then try again.",
        ) from None


def read(path: Path) -> bytes:
    """Return a key as it is kept. Raises `KeyStoreError`."""
    try:
        return private_files.read(path)
    except FileNotFoundError:
        raise KeyStoreError(f"The device's key {path} is gone.", ENROL_AGAIN) from None
    except OSError as error:
        raise KeyStoreError(
            f"The device's key {path} cannot be read: {because(error)}.", ENROL_AGAIN
        ) from None
    except AgentError as error:
        raise KeyStoreError(error.problem, error.remedy) from None


def delete(path: Path) -> None:
    """Remove a key; nothing happens when there is none. Raises `KeyStoreError`."""
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    except OSError as error:
        raise KeyStoreError(
            f"The key {path} cannot be removed: {because(error)}.", "Remove it by hand."
        ) from None


@contextlib.contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Turn the `ValueError` of a key that is none into a `KeyStoreError`."""
    try:
        yield
    except ValueError:
        raise damaged(path) from None


def damaged(path: Path) -> KeyStoreError:
    """Return the error for a key that is none."""
    return KeyStoreError(f"The device's key {path} is damaged.", ENROL_AGAIN)
