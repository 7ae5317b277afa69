"""kill -9 before and after every step of an upload: nothing accepted is lost or counted twice."""

import contextlib
import random
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from passmuster_agent import reporter
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import DeliveryKind
from passmuster_agent.outbox import Outbox
from passmuster_collectors.contract.problem import Problem
from passmuster_collectors.contract.report import Upload
from tests.support.agent_records import a_record
from tests.support.report_server import ReportServer
from tests.support.running_agent import running_agent
from tests.support.tools import REPOSITORY

MOMENTS = ("before", "inside", "after")
OUTBOX_STEPS = ("append", "draft", "keep_upload", "acknowledge", "note")
CASES = [
    *(
        (f"Outbox.{step}", moment)
        for step in OUTBOX_STEPS
        for moment in ("before", "inside", "after")
    ),
    ("Transport.post", "before"),
    ("Transport.post", "after"),
]
NEVER_KEPT = {("Outbox.append", "before"), ("Outbox.append", "inside")}
"""Here the record was not kept yet: the next process reads the laptop again."""

# A child in which the process dies by SIGKILL right before or right after one step; for `inside`,
# right before the transaction of the step is committed.
CHILD = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from passmuster_agent import database, outbox, reporter, transport
    from passmuster_agent.config import State
    from tests.support.agent_records import a_record

    state, step, moment = State(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
    owner = {"Outbox": outbox.Outbox, "Transport": transport.Transport}[step.split(".")[0]]
    name = step.split(".")[1]
    real = getattr(owner, name)

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def patched(*arguments, **keywords):
        if moment == "before":
            die()
        if moment == "inside":
            class Dying(database.Database):
                def transaction(self):
                    whole = super().transaction()
                    class Cut:
                        def __enter__(self):
                            return whole.__enter__()
                        def __exit__(self, *_):
                            die()
                    return Cut()
            arguments[0]._database.__class__ = Dying
        result = real(*arguments, **keywords)
        die()

    setattr(owner, name, patched)
    with outbox.Outbox(state.outbox(state.device())) as opened:
        opened.append(a_record("second"), changed=True)
    reporter.deliver(state)
    """
)


def die_at(state: State, step: str, moment: str) -> None:
    """Append the record `second` and deliver in a process that is killed on the way."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, state.path, step, moment],
        cwd=REPOSITORY,
        timeout=60,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, "the process must have died at the step"


@pytest.mark.parametrize(("step", "moment"), CASES)
def test_killed_at_a_step_the_next_process_goes_on(
    server: ReportServer, state: State, enrolled: Device, step: str, moment: str
) -> None:
    with Outbox(state.outbox(enrolled)) as outbox:
        outbox.append(a_record("first"), changed=True)
    die_at(state, step, moment)
    with Outbox(state.outbox(enrolled)) as outbox:
        outbox.append(a_record("third"), changed=True)
    delivered = reporter.deliver(state)
    assert delivered.kind is DeliveryKind.ACCEPTED, delivered.problem
    arrived = [record.readings[0].reason for record in server.records]
    kept = [] if (step, moment) in NEVER_KEPT else ["second"]
    assert arrived == ["first", *kept, "third"]
    with Outbox(state.outbox(enrolled)) as outbox:
        assert outbox.overview().waiting == 0


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_it_sets_a_refused_record_aside_the_others_arrive(
    server: ReportServer, state: State, enrolled: Device, moment: str
) -> None:
    def refuses_the_second(upload: Upload) -> Problem | None:
        reasons = [record.readings[0].reason for record in upload.records]
        if "second" not in reasons:
            return None
        field = f"records[{reasons.index('second')}].readings"
        return Problem("Refused", 400, "malformed", "It is not right.", field)

    server.judge = refuses_the_second
    with Outbox(state.outbox(enrolled)) as outbox:
        outbox.append(a_record("first"), changed=True)
    die_at(state, "Outbox.set_aside", moment)
    with Outbox(state.outbox(enrolled)) as outbox:
        outbox.append(a_record("third"), changed=True)
    delivered = reporter.deliver(state)
    assert delivered.kind is DeliveryKind.ACCEPTED, delivered.problem
    assert [record.readings[0].reason for record in server.records] == ["first", "third"]
    with Outbox(state.outbox(enrolled)) as outbox:
        assert len(outbox.overview().set_aside) == 1
        assert outbox.overview().waiting == 0


def test_killed_at_random_daemon_and_reporter_alike_lose_and_repeat_nothing(
    server: ReportServer, state: State, enrolled: Device
) -> None:
    chance = random.Random()
    kept = 0
    for _ in range(12):
        with running_agent(state.path) as daemon:
            # Between the start of the interpreter and the end of the first report.
            time.sleep(chance.uniform(0.1, 1.2))
            reporters = psutil.Process(daemon.pid).children() if chance.random() < 0.5 else []
            daemon.kill()
            for each in reporters:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        with Outbox(state.outbox(enrolled)) as outbox:
            latest = outbox.latest()
            kept = latest.sequence if latest else 0
    delivered = reporter.deliver(state)
    assert delivered.kind is DeliveryKind.ACCEPTED, delivered.problem
    assert [record.sequence for record in server.records] == list(range(1, kept + 1))
    assert [upload.sequence for upload in server.uploads] == list(range(1, len(server.uploads) + 1))
