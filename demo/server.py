"""The demo's server: the real one, on loopback, over a throw-away directory."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

START_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
COMMAND = (sys.executable, "-m", "passmuster_server.cli")
OWNER = "you@example.com"
ADMINISTRATOR = "it@example.com"


class DemoError(Exception):
    """The demo can't go on; the message says why."""


class DemoServer:
    """A server process and the commands an administrator would type."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        self._token = ""

    def start(self) -> None:
        """Create the database, start the process, and wait until it answers."""
        self._directory.mkdir(mode=0o700)
        self._command("migrate")
        self._token = self._command("gate-client", "demo").split()[-1]
        log_path = self._directory / "server.log"
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [*COMMAND, *self._base(), "serve", "--listen", f"127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise DemoError(f"the server ended at once:\n{log_path.read_text()}")
            try:
                if self._session.get(f"{self.url}/readyz", timeout=2).ok:
                    return
            except requests.RequestException:
                time.sleep(0.05)
        raise DemoError(f"the server did not answer within {START_WITHIN_S:.0f} seconds")

    def stop(self) -> None:
        """Stop the process."""
        self._session.close()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def enroll_code(self, owner: str) -> str:
        """Return a one-time code."""
        printed = self._command("enroll-code", "--owner", owner)
        found = re.search(r"^[0-9A-Z]{4}(-[0-9A-Z]{4}){2}$", printed, re.MULTILINE)
        if found is None:
            raise DemoError("the server printed no code")
        return found[0]

    def sign_in_link(self) -> str:
        """Return a sign-in link for the fleet page."""
        return self._command("create-admin", "--email", ADMINISTRATOR).split()[-1]

    def may_sign_in(self, person: str) -> tuple[bool, str]:
        """Ask the gate over AuthZEN, as a single sign-on would; return its answer and reason."""
        question = {
            "subject": {"type": "user", "id": person},
            "action": {"name": "login"},
            "resource": {"type": "application", "id": "helpdesk"},
        }
        response = self._session.post(
            f"{self.url}/access/v1/evaluation",
            json=question,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=10,
        )
        response.raise_for_status()
        answer = response.json()
        return bool(answer["decision"]), answer["context"].get("reason_user", {}).get("en", "")

    def _command(self, *arguments: str) -> str:
        done = subprocess.run(
            [*COMMAND, *self._base(), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(f"passmuster-server {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def _base(self) -> tuple[str, ...]:
        return ("--data-directory", str(self._directory), "--public-url", self.url)
