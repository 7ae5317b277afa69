"""What the agent keeps between runs, and where.

    <state>/                0700
        agent.lock          held by the one agent that works here
        device.json         0600: who this laptop is; there only when it is enrolled
        noted-*.json        0600: what readers keep, to find it out but once; may be lost
        <identity>/         0700: all that belongs to one enrolment
            key.pem         0600: the private key in the tier `file`; others keep their own form
            authority.pem   0600: the certificate authority pinned at enrolment, if one was named
            outbox.db       0600: records and the signed upload that wait for the server
            reporter.lock   held by the one process that uploads or changes the key
            rotation.json   0600: a change of the key that is under way
        <key>/              0700: a key that took the first one's place, in a form of its tier

`device.json` names the identity it belongs to and is written last: replacing that one file is the
step from one enrolment to the next.
"""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from passmuster_agent import __version__, private_files
from passmuster_agent.errors import AgentError, ExitCode, because
from passmuster_agent.lock import Lock, LockedError
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes, from_base64url
from passmuster_collectors.contract.declaration import Text, Whole
from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.errors import ContractError

VERSION = 1
NAME = "passmuster-agent"
IDENTITY = re.compile(r"[0-9a-f]{16}")
LOCK_WAIT_S = 1.0
"""Long enough for a `status` that looks whether the lock is taken to let go of it."""

ENROL_AGAIN = "Enrol this laptop again: passmuster-agent enroll --replace --server URL"


@dataclass(frozen=True)
class Device:
    """Who this laptop is to its organisation. `server` is the server's id, `server_url` its URL.

    `hash_key` keys the hashes of serials and network names: 32 bytes in base64url. `key` is the
    name of a key that took the first one's place.
    """

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    identity: Annotated[str, Text(longest=16)]
    device: Annotated[str, Text(longest=64)]
    owner: Annotated[str, Text(longest=254)]
    server: Annotated[str, Text(longest=64)]
    server_url: str
    pinned: bool
    tier: KeyTier
    fingerprint: Annotated[str, Text(longest=14)]
    hash_key: Annotated[str, Text(longest=64)]
    key: Annotated[str, Text(longest=16)] = ""

    @property
    def key_name(self) -> str:
        """What the keystore calls this laptop's key; the first one bears the enrolment's name."""
        return self.key or self.identity

    def hash_key_bytes(self) -> bytes:
        """Return the key itself."""
        return from_base64url(self.hash_key, "hash_key")


def default_state() -> Path:
    """Return the computer's own state for root, an administrator and a service, else the user's.

    Linux: `/var/lib/passmuster-agent`, else by the XDG specification. macOS: `Application Support`
    of the computer or of the person. Windows: `ProgramData`, else the person's local `AppData`,
    both as Windows names them, never as the environment does. Raises `AgentError`.
    """
    if sys.platform == "win32":
        return _windows_folder() / NAME
    if sys.platform == "darwin":
        base = Path("/") if os.geteuid() == 0 else Path.home()
        return base / "Library" / "Application Support" / NAME
    if os.geteuid() == 0:
        return Path("/var/lib") / NAME
    named = os.environ.get("XDG_STATE_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "state"
    return base / NAME


def _windows_folder() -> Path:
    from passmuster_agent.windows import account, folders  # noqa: PLC0415 - Windows alone needs it

    try:
        elevated = account.is_elevated()
        return folders.known_folder(folders.PROGRAM_DATA if elevated else folders.LOCAL_APP_DATA)
    except OSError as error:
        raise AgentError(
            f"Windows does not say where programs keep their data ({because(error)}).",
            "Name a folder with --state.",
        ) from None


class State:
    """The state directory."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def prepare(self) -> None:
        """Create the directory, or check that it is this user's alone. Raises `AgentError`."""
        private_files.make_directory(self.path)

    def lock(self) -> Lock:
        """Take the lock that one agent at a time may have. Raises `AgentError` 8 if it is taken."""
        self.prepare()
        try:
            return Lock(self.path / "agent.lock").acquire(LOCK_WAIT_S)
        except LockedError:
            raise AgentError(
                f"Another agent works on {self.path}.",
                "It reports by itself; see: passmuster-agent status",
                ExitCode.ALREADY_RUNNING,
            ) from None
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def is_locked(self) -> bool:
        """Whether an agent works here now."""
        try:
            Lock(self.path / "agent.lock").acquire().release()
        except LockedError:
            return True
        except OSError:
            return False
        return False

    def identity(self, name: str) -> Path:
        """Return the folder of one enrolment."""
        if not IDENTITY.fullmatch(name):
            raise ValueError("not an identity")
        return self.path / name

    def outbox(self, device: Device) -> Path:
        """Return where records wait."""
        return self.identity(device.identity) / "outbox.db"

    def authority(self, device: Device) -> Path | None:
        """Return the pinned certificate authority, or None where the system's are trusted."""
        return self.identity(device.identity) / "authority.pem" if device.pinned else None

    def reporter_lock(self, device: Device, wait_s: float) -> Lock:
        """Take the lock of the one who uploads or changes the key.

        Raises `LockedError` where somebody else has it, and `AgentError`.
        """
        folder = self.identity(device.identity)
        try:
            return Lock(folder / "reporter.lock").acquire(wait_s)
        except OSError as error:
            raise cannot_write(folder, error) from None

    def find_device(self) -> Device | None:
        """Return who this laptop is, or None when it is not enrolled.

        Raises `AgentError` for a file that is damaged or that others may read.
        """
        path = self.path / "device.json"
        try:
            device = _parse(private_files.read(path))
        except FileNotFoundError:
            return None
        except PermissionError:
            raise AgentError(
                f"{self.path} belongs to another user.",
                "Run this as the user the agent runs as (with sudo, say).",
            ) from None
        except OSError as error:
            raise AgentError(f"{path} cannot be read: {because(error)}.", ENROL_AGAIN) from None
        except _NewerError as error:
            raise AgentError(
                f"{path} was written by a newer agent than this one ({__version__}): "
                f"it is in form {error.args[0]}, and this agent knows {VERSION}.",
                "Install that agent again. The enrolment is as it was.",
            ) from None
        except ContractError as error:
            raise AgentError(f"{path} is damaged ({error}).", ENROL_AGAIN) from None
        return device

    def device(self) -> Device:
        """Return who this laptop is. Raises `AgentError` 6 when it is not enrolled."""
        device = self.find_device()
        if device is None:
            raise AgentError(
                "This laptop is not enrolled.",
                "Ask IT for a code, then run: passmuster-agent enroll --server URL",
                ExitCode.NOT_ENROLLED,
            )
        return device

    def save(self, device: Device) -> None:
        """Make `device` the one that this laptop is, at once. Raises `AgentError`."""
        try:
            private_files.replace(
                self.path / "device.json", canonical_bytes(codec.encode(device)) + b"\n"
            )
        except OSError as error:
            raise cannot_write(self.path, error) from None


class _NewerError(Exception):
    """The file is in a form that came after this agent; its number is the argument."""


def _parse(data: bytes) -> Device:
    value = strict_json.parse(data)
    form = value.get("version") if isinstance(value, dict) else None
    if isinstance(form, int) and form > VERSION:
        raise _NewerError(form)
    device = codec.decode(Device, value)
    if not IDENTITY.fullmatch(device.identity):
        raise ContractError("identity", "not sixteen hexadecimal digits")
    if not IDENTITY.fullmatch(device.key_name):
        raise ContractError("key", "not sixteen hexadecimal digits")
    device.hash_key_bytes()
    return device


def cannot_write(path: Path, error: OSError) -> AgentError:
    """Return the message for a disk that is full or read-only."""
    return AgentError(
        f"{path} cannot be written: {because(error)}.", "Free some space there, then try again."
    )
