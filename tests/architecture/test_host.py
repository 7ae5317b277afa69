"""What every kind of machine has to keep up with when a new question is added."""

from passmuster_agent.recording.machine import LISTS, Draft
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host.base import Host

NOT_RECORDED = {"platform", "uid", "now", "keyed_hash", "recall", "keep"}
"""Every recording has the first three; the fourth is worked out from what it holds, and what a
reader keeps for itself is found out anew."""


def test_every_question_to_a_machine_has_a_place_in_a_recording() -> None:
    questions = {name for name in dir(Host) if not name.startswith("_")} - NOT_RECORDED
    assert questions == set(Draft(Platform.LINUX).writers) | LISTS
