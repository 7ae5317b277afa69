"""The nonce ratchet: what comes next, what is said again, and what only a second key explains."""

import random
from dataclasses import dataclass, field

import pytest

from passmuster_collectors.contract.canonical import digest
from passmuster_server.devices.ratchets import Ratchet
from passmuster_server.reports.ratchet import REMEMBERED, Step, moved_on, step_of

START = Ratchet(0, "nonce-0", "", "", None, 0, "", "")


def name(number: int, who: str = "laptop") -> str:
    return digest(f"{who}-{number}".encode())


def after(count: int) -> Ratchet:
    ratchet = START
    for number in range(1, count + 1):
        ratchet = moved_on(
            ratchet,
            sequence=number,
            carried=ratchet.nonce,
            digest=name(number),
            nonce=f"nonce-{number}",
            answer=b"answer",
            record_sequence=number,
            record_hash="",
        )
    return ratchet


def test_the_next_number_with_the_nonce_handed_out_last_is_next() -> None:
    assert step_of(after(3), 4, "nonce-3", name(4)) is Step.NEXT


def test_the_last_upload_said_again_is_answered_again() -> None:
    assert step_of(after(3), 3, "nonce-2", name(3)) is Step.AGAIN


@pytest.mark.parametrize("number", [1, 2])
def test_an_older_upload_is_a_replay(number: int) -> None:
    assert step_of(after(3), number, f"nonce-{number - 1}", name(number)) is Step.REPLAYED


def test_another_upload_under_the_last_number_is_a_conflict() -> None:
    assert step_of(after(3), 3, "nonce-2", name(3, "copy")) is Step.CONFLICT


def test_the_next_number_with_another_nonce_is_a_conflict() -> None:
    assert step_of(after(3), 4, "nonce-2", name(4)) is Step.CONFLICT


def test_a_number_that_was_skipped_is_a_conflict() -> None:
    assert step_of(after(3), 5, "nonce-3", name(5)) is Step.CONFLICT


def test_the_very_first_upload_has_nothing_to_be_confused_with() -> None:
    assert step_of(START, 1, "nonce-0", name(1)) is Step.NEXT


def test_what_is_remembered_of_replays_is_bounded() -> None:
    ratchet = after(REMEMBERED + 10)
    assert len(ratchet.recent.split()) == REMEMBERED
    assert step_of(ratchet, 11, "nonce-10", name(11)) is Step.REPLAYED
    assert step_of(ratchet, 10, "nonce-9", name(10)) is Step.CONFLICT, "fails closed beyond that"


@dataclass
class Server:
    """A server that keeps one ratchet."""

    ratchet: Ratchet = START
    conflicts: int = 0

    def take(self, sequence: int, nonce: str, signed: str) -> str | None:
        """Return the nonce that the answer holds, or None for a refusal."""
        step = step_of(self.ratchet, sequence, nonce, signed)
        if step is Step.CONFLICT:
            self.conflicts += 1
        if step is Step.AGAIN:
            return self.ratchet.nonce
        if step is not Step.NEXT:
            return None
        self.ratchet = moved_on(
            self.ratchet,
            sequence=sequence,
            carried=nonce,
            digest=signed,
            nonce=f"{random.getrandbits(64):x}",
            answer=b"",
            record_sequence=0,
            record_hash="",
        )
        return self.ratchet.nonce


@dataclass
class Laptop:
    """A laptop that keeps its signed upload until it has the answer."""

    chance: random.Random
    sequence: int = 0
    nonce: str = "nonce-0"
    waiting: tuple[int, str, str] | None = None
    sent: list[tuple[int, str, str]] = field(default_factory=list)

    def report(self, server: Server, loss: float) -> None:
        """Send what waits, or something new; request and answer may each be lost."""
        if self.waiting is None:
            self.waiting = (self.sequence + 1, self.nonce, f"{self.chance.getrandbits(256):064x}")
        if self.chance.random() < loss:
            return
        self.sent.append(self.waiting)
        nonce = server.take(*self.waiting)
        if nonce is not None and self.chance.random() >= loss:
            self.sequence, self.nonce, self.waiting = self.sequence + 1, nonce, None


def test_one_laptop_on_a_bad_line_never_looks_like_two() -> None:
    chance = random.Random(1)
    server, laptop = Server(), Laptop(chance)
    for _ in range(20_000):
        laptop.report(server, loss=0.3)
    assert laptop.sequence > 8_000
    assert server.conflicts == 0


def test_a_network_that_replays_recent_reports_never_makes_one_laptop_look_like_two() -> None:
    chance = random.Random(2)
    server, laptop = Server(), Laptop(chance)
    for _ in range(5_000):
        laptop.report(server, loss=0.2)
        server.take(*chance.choice(laptop.sent[-REMEMBERED:] or [laptop.waiting or (1, "", "")]))
    assert server.conflicts == 0


def test_two_laptops_with_one_key_are_noticed_within_a_few_reports() -> None:
    needed = []
    for seed in range(200):
        chance = random.Random(seed)
        server, laptop = Server(), Laptop(chance)
        for _ in range(chance.randrange(50)):
            laptop.report(server, loss=0.1)
        copy = Laptop(chance, laptop.sequence, laptop.nonce)
        reports = 0
        while not server.conflicts:
            chance.choice((laptop, copy)).report(server, loss=0.1)
            reports += 1
        needed.append(reports)
    assert sorted(needed)[len(needed) // 2] <= 4
    assert max(needed) < 40
