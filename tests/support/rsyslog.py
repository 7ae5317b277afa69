"""rsyslog as Debian has it, run as whoever runs the tests, with one input on loopback."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.running_server import free_port
from tests.support.tools import missing, require_tool

_FORMAT = (
    'template(name="all" type="string" '
    'string="%syslogfacility-text%.%syslogseverity-text% %hostname% %app-name% %msgid% %msg%\\n")\n'
)


@dataclass(frozen=True)
class Rsyslog:
    """It listens at `address` and writes a line for each message."""

    address: str
    log: Path

    def wait_for(self, lines: int) -> list[str]:
        """Return what it has written, once it is so many lines."""
        deadline = time.monotonic() + 40
        while True:
            found = self.log.read_text().splitlines() if self.log.exists() else []
            if len(found) >= lines:
                return found
            assert time.monotonic() < deadline, f"{len(found)} of {lines} lines were written"
            time.sleep(0.05)


@contextmanager
def running(folder: Path, transport: str, authority: Authority | None = None) -> Iterator[Rsyslog]:
    """Run it with an input for `tls`, `tcp` or `udp`."""
    program, port, log = require_tool("rsyslogd"), free_port(), folder / "messages"
    module = "imudp" if transport == "udp" else "imtcp"
    options, drive = "", ""
    if authority is not None:
        if not any(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")):
            missing("rsyslog speaks no TLS; .ci/packages.txt lists rsyslog-gnutls")
        certificate, key = authority.issue()
        options = (
            f'global(defaultNetstreamDriverCAFile="{authority.certificate}" '
            f'defaultNetstreamDriverCertFile="{certificate}" '
            f'defaultNetstreamDriverKeyFile="{key}")\n'
        )
        drive = ' StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"'
    load = f'module(load="{module}"{drive})'
    inputs = f'input(type="{module}" address="127.0.0.1" port="{port}")'
    settings = folder / "rsyslog.conf"
    settings.write_text(
        f'{options}global(workDirectory="{folder}")\n{load}\n{inputs}\n{_FORMAT}'
        f'action(type="omfile" file="{log}" template="all")\n'
    )
    command = [str(program), "-n", "-f", str(settings), "-i", str(folder / "rsyslog.pid")]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
    try:
        _wait_until_it_listens(process, port, transport, folder / "said")
        yield Rsyslog(f"127.0.0.1:{port}", log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait_until_it_listens(
    process: "subprocess.Popen[bytes]", port: int, transport: str, said: Path
) -> None:
    table = Path("/proc/net/udp" if transport == "udp" else "/proc/net/tcp")
    state = "07" if transport == "udp" else "0A"
    deadline = time.monotonic() + 40
    while True:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        if any(row[1] == f"0100007F:{port:04X}" and row[3] == state for row in rows):
            return
        assert process.poll() is None, f"rsyslog ended: {said.read_text()}"
        assert time.monotonic() < deadline, f"rsyslog does not listen: {said.read_text()}"
        time.sleep(0.05)
