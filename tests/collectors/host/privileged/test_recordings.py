"""Every recorded laptop, read by an unprivileged service with the root helper at its side.

What the helper leaves out must be nothing that a reader needs: the readings are those of root.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.contract.reading import Reading, SourceOutcome
from passmuster_collectors.host.base import Host
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import signal_by_id
from tests.support.confined_host import SERVICE_UID, ConfinedHost, assisted
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings" / "linux"

OF_THE_SYSTEM = ("disk_encryption", "wifi_security")
"""Signals that root reads in full; those of a person's session are the companion's."""


def load(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def machines(*signals: str) -> list[Any]:
    found = []
    for path in sorted(MACHINES.glob("*/expected.json")):
        named = json.loads(path.read_text(encoding="utf-8"))
        machine = path.parent / "machine.json"
        if load(machine).get("uid", 0) != 0:
            continue  # its programs answered somebody who is not root
        found += [
            pytest.param(machine, name, id=f"{path.parent.name}-{name}")
            for name in signals
            if name in named
        ]
    return found


def read(host: Host, name: str) -> Reading:
    (reading,) = collect(host, [signal_by_id(name)])
    return reading


@pytest.mark.parametrize(("path", "name"), machines(*OF_THE_SYSTEM))
def test_a_service_with_a_helper_reads_what_root_reads(path: Path, name: str) -> None:
    machine = load(path)
    by_root = read(RecordedHost(machine), name)
    reading = read(assisted(machine), name)
    assert (reading.status, reading.reason, reading.facts) == (
        by_root.status,
        by_root.reason,
        by_root.facts,
    ), reading.sources


@pytest.mark.parametrize(("path", "name"), machines("screen_lock", "idle_logoff"))
def test_hidden_processes_and_environments_are_made_up_for(path: Path, name: str) -> None:
    machine = load(path)
    in_the_open = read(RecordedHost({**machine, "uid": SERVICE_UID}), name)
    reading = read(assisted(machine), name)
    assert (reading.status, reading.reason, reading.facts) == (
        in_the_open.status,
        in_the_open.reason,
        in_the_open.facts,
    ), reading.sources


@pytest.mark.parametrize(("path", "name"), machines("disk_encryption"))
def test_without_a_helper_what_is_denied_stays_denied(path: Path, name: str) -> None:
    machine = load(path)
    reading = read(ConfinedHost(machine), name)
    asked = {source.name: source.outcome for source in reading.sources}
    assert asked.get("/etc/crypttab", SourceOutcome.DENIED) is SourceOutcome.DENIED
