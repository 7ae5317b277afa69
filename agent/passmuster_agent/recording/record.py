"""Writes this laptop down as a recorded machine that a maintainer can drop into the tests."""

import contextlib
import json
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from passmuster_agent.errors import AgentError, because
from passmuster_agent.recording.machine import machine
from passmuster_agent.recording.pseudonyms import Pseudonyms
from passmuster_agent.recording.scrubbing import scrubbed, to_json
from passmuster_collectors.contract.reading import Reading, SourceOutcome
from passmuster_collectors.host.base import Host
from passmuster_collectors.host.recording import Asked, recording
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG

ASK_AGAIN_S = 1.0
DEADLINE_S = 60.0
"""Programs are asked where files are kept out, which takes its time."""


def record(host: Host, folder: Path) -> tuple[Path, int]:
    """Write `machine.json` and `expected.json` into `folder`; return it and how much was asked.

    `expected.json` says what was found now, which a person has to check. Raises `AgentError`, also
    where there is a recording already.
    """
    notes: list[Asked] = []
    readings = read_patiently(recording(host, notes, holds_more))
    made = scrubbed(machine(host, notes), Pseudonyms(), _own_names())
    expected = json.dumps(_expected(readings), indent=1) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("machine.json", to_json(made)), ("expected.json", expected)):
            with (folder / name).open("x", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
    except FileExistsError:
        raise AgentError(
            f"There is a recording in {folder} already.", "Name another folder."
        ) from None
    except OSError as error:
        raise AgentError(
            f"{folder} cannot be written: {because(error)}.", "Name another folder."
        ) from None
    return folder, len(notes)


def read_patiently(host: Host) -> tuple[Reading, ...]:
    """Read every signal; while something is late it is asked again, for up to a minute."""
    patient_until = time.monotonic() + DEADLINE_S
    while True:
        readings = collect(host, CATALOG, deadline_s=DEADLINE_S)
        outcomes = {source.outcome for reading in readings for source in reading.sources}
        if SourceOutcome.TIMEOUT not in outcomes or time.monotonic() > patient_until:
            return readings
        time.sleep(ASK_AGAIN_S)


def holds_more(path: str) -> bool:
    """Whether a file holds much that no reader looks at: all of a person's settings, all schemas.

    The program `gsettings` tells the few values that count instead.
    """
    personal = "/dconf/" in path and not path.startswith(("/etc/", "/usr/"))
    return personal or path.endswith("/gschemas.compiled")


def _expected(readings: tuple[Reading, ...]) -> Mapping[str, Any]:
    judged = [
        (signal, reading, signal.judge(reading, signal.limits()))
        for signal, reading in zip(CATALOG, readings, strict=True)
    ]
    return {
        signal.id: {
            "status": reading.status.value,
            "outcome": judgement.outcome.value,
            "problems": [found.problem for found in judgement.findings],
        }
        for signal, reading, judgement in judged
    }


def _own_names() -> set[str]:
    name = platform.node()
    names = {name, name.partition(".")[0]}
    with contextlib.suppress(OSError):
        names.add(Path.home().name)
    return names
