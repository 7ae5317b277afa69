"""The tier `sealed`: a key that systemd encrypts with a secret only root may read.

`systemd-creds` (systemd 250 and newer) binds it to this installation and to its name. It is told
to use the host's key alone: bound to the TPM as well, by default to its register 7, the key would
be lost with the next change of Secure Boot's keys. Where there is a TPM the tier `hardware` is the
better place anyway.
"""

import os
import subprocess
import sys
from pathlib import Path

from passmuster_agent.errors import because
from passmuster_agent.keystore import key_files, pem_keys
from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

NAME = "key.cred"
PROGRAMS = (Path("/usr/bin/systemd-creds"), Path("/run/current-system/sw/bin/systemd-creds"))
"""Where systems keep it: by the hierarchy standard, and NixOS."""

LONGEST_S = 20.0
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"}
OTHER_TIER = "Use another tier."


class SealedKeyStore:
    """Keys in `<state>/<identity>/key.cred`, encrypted by `systemd-creds`.

    Raises `KeyStoreError` where this process can't use it.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._program = _program()
        if os.geteuid() != 0:
            raise KeyStoreError(
                "Only root may seal keys with systemd-creds: the host's key is root's.",
                "Run the agent as root, or use another tier.",
            )

    @property
    def tier(self) -> KeyTier:
        """Return `sealed`."""
        return KeyTier.SEALED

    def create(self, identity: str) -> PublicKey:
        """Make a key, have it encrypted, and bring that to the disk."""
        path = self._path(identity)
        key_files.check_new(path)
        pem, public_key = pem_keys.new()
        key_files.create(path, self._run("encrypt", identity, pem))
        return public_key

    def public_key(self, identity: str) -> PublicKey:
        """Return the public half of the key."""
        with key_files.naming_damage(self._path(identity)):
            return pem_keys.public_key(self._load(identity))

    def sign(self, identity: str, message: bytes) -> bytes:
        """Return the signature of `message`."""
        with key_files.naming_damage(self._path(identity)):
            return pem_keys.sign(self._load(identity), message)

    def delete(self, identity: str) -> None:
        """Remove the encrypted key."""
        key_files.delete(self._path(identity))

    def _load(self, identity: str) -> bytes:
        return self._run("decrypt", identity, key_files.read(self._path(identity)))

    def _run(self, verb: str, identity: str, data: bytes) -> bytes:
        """Return what the program makes of `data`, which goes in and comes out by pipes only."""
        how = ("--with-key=host",) if verb == "encrypt" else ("--newline=no",)
        try:
            done = subprocess.run(
                [self._program, *how, f"--name=passmuster-agent-{identity}", verb, "-", "-"],
                input=data,
                capture_output=True,
                cwd="/",
                env=ENVIRONMENT,
                timeout=LONGEST_S,
                check=False,
            )
        except OSError as error:
            raise _failed(verb, because(error)) from None
        except subprocess.TimeoutExpired:
            raise _failed(verb, f"no answer in {LONGEST_S:.0f} s") from None
        if done.returncode != 0 or not done.stdout:
            raise _failed(verb, _last_line(done.stderr) or f"status {done.returncode}")
        return done.stdout

    def _path(self, identity: str) -> Path:
        return self._state / identity / NAME


def _program() -> Path:
    for path in PROGRAMS:
        if path.exists():
            return path
    raise KeyStoreError(
        "This laptop has no systemd-creds (systemd 250 and newer has it).", OTHER_TIER
    )


def _failed(verb: str, detail: str) -> KeyStoreError:
    return KeyStoreError(
        f"systemd-creds could not {verb} the device's key ({detail}).",
        "Check that /var/lib/systemd/credential.secret is the one the key was sealed with; if it "
        "is gone, enrol again: passmuster-agent enroll --replace --server URL",
    )


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return "".join(letter for letter in lines[-1] if letter.isprintable())[:200] if lines else ""
