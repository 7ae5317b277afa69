import dataclasses
import resource
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from passmuster_agent import outbox as outbox_module
from passmuster_agent.database import OutboxError
from passmuster_agent.delivery import Delivery, DeliveryKind
from passmuster_agent.outbox import Draft, Outbox, Pending
from passmuster_agent.outbox_caps import MAX_BYTES, MAX_RECORDS
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_collectors.contract.report import Record
from tests.support.agent_records import a_record, an_answer
from tests.support.small_disk import small_disk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    with Outbox.create(path, "first nonce", 3600) as created:
        yield created


def records_of(draft: Draft | None) -> list[Record]:
    assert draft is not None, "something must wait to be sent"
    return [codec.decode(Record, strict_json.parse(body)) for _, body in draft.records]


def reasons(outbox: Outbox) -> list[str]:
    return [record.readings[0].reason for record in records_of(outbox.draft())]


def signed(outbox: Outbox) -> Pending:
    draft = outbox.draft()
    assert draft is not None
    return outbox.keep_upload(draft, b"signed upload %d" % draft.sequence)


class TestRecords:
    def test_they_are_numbered_and_each_names_the_hash_of_the_one_before(
        self, outbox: Outbox
    ) -> None:
        for reason in ("one", "two", "three"):
            outbox.append(a_record(reason), changed=True)
        one, two, three = records_of(outbox.draft())
        assert [one.sequence, two.sequence, three.sequence] == [1, 2, 3]
        assert one.previous == ""
        assert two.previous == digest(canonical_bytes(codec.encode(one)))
        assert three.previous == digest(canonical_bytes(codec.encode(two)))

    def test_they_survive_a_restart_in_order(self, outbox: Outbox, path: Path) -> None:
        outbox.append(a_record("one"), changed=True)
        outbox.append(a_record("two"), changed=False)
        with Outbox(path) as again:
            assert reasons(again) == ["one", "two"]

    def test_the_newest_is_known_also_after_it_was_delivered(self, outbox: Outbox) -> None:
        kept = outbox.append(a_record("one"), changed=True)
        outbox.acknowledge(signed(outbox), an_answer())
        assert outbox.latest() == kept
        assert outbox.draft() is None

    def test_only_this_user_may_read_them(self, outbox: Outbox, path: Path) -> None:
        outbox.append(a_record(), changed=True)
        files = [each for each in path.parent.iterdir() if each.name.startswith("outbox.db")]
        assert len(files) == 3, "the database, its log and its index"
        assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}


class TestTheRatchet:
    def test_the_first_upload_has_the_nonce_of_the_enrolment(self, outbox: Outbox) -> None:
        outbox.append(a_record(), changed=True)
        draft = outbox.draft()
        assert draft is not None
        assert (draft.sequence, draft.nonce) == (1, "first nonce")

    def test_the_next_one_has_the_nonce_of_the_last_answer(self, outbox: Outbox) -> None:
        outbox.append(a_record("one"), changed=True)
        outbox.acknowledge(signed(outbox), an_answer("second nonce"))
        outbox.append(a_record("two"), changed=True)
        draft = outbox.draft()
        assert draft is not None
        assert (draft.sequence, draft.nonce) == (2, "second nonce")
        assert outbox.ratchet() == (2, "second nonce")

    def test_a_signed_upload_waits_with_its_very_bytes(self, outbox: Outbox, path: Path) -> None:
        outbox.append(a_record("one"), changed=True)
        upload = signed(outbox)
        with Outbox(path) as again:
            assert again.pending() == upload

    def test_what_comes_after_signing_goes_with_the_next_upload(self, outbox: Outbox) -> None:
        outbox.append(a_record("one"), changed=True)
        upload = signed(outbox)
        outbox.append(a_record("two"), changed=True)
        outbox.acknowledge(upload, an_answer())
        assert outbox.pending() is None
        assert reasons(outbox) == ["two"]

    def test_an_answer_that_is_taken_twice_counts_once(self, outbox: Outbox) -> None:
        outbox.append(a_record("one"), changed=True)
        upload = signed(outbox)
        outbox.acknowledge(upload, an_answer("second nonce"))
        outbox.acknowledge(upload, an_answer("another nonce"))
        assert outbox.ratchet() == (2, "second nonce")

    def test_the_answer_says_how_often_to_report(self, outbox: Outbox) -> None:
        outbox.append(a_record("one"), changed=True)
        outbox.acknowledge(signed(outbox), an_answer())
        assert outbox.report_within_s() == 3600
        assert outbox.overview().reported

    def test_a_wish_for_one_report_at_once_is_not_kept_as_how_often(self, outbox: Outbox) -> None:
        outbox.append(a_record("one"), changed=True)
        outbox.acknowledge(signed(outbox), an_answer())
        outbox.append(a_record("two"), changed=True)
        at_once = dataclasses.replace(an_answer(), report_within_s=5)
        outbox.acknowledge(signed(outbox), at_once)
        assert outbox.report_within_s() == outbox.overview().report_within_s == 3600
        assert outbox.overview().answer == at_once


class TestCaps:
    def test_unchanged_records_are_dropped_first_and_the_oldest_of_them_before_others(
        self, outbox: Outbox
    ) -> None:
        outbox.append(a_record("change 0"), changed=True)
        for number in range(MAX_RECORDS):
            outbox.append(a_record(f"heartbeat {number}"), changed=False)
        outbox.append(a_record("change 1"), changed=True)
        kept = reasons(outbox)
        assert len(kept) == MAX_RECORDS
        assert kept[0] == "change 0"
        assert kept[1] == "heartbeat 2"
        assert kept[-1] == "change 1"
        assert outbox.overview().dropped == 2

    def test_beyond_that_the_oldest_changes_go(self, outbox: Outbox) -> None:
        for number in range(MAX_RECORDS + 2):
            outbox.append(a_record(f"change {number}"), changed=True)
        assert reasons(outbox)[0] == "change 2"

    def test_the_newest_record_stays_even_when_it_changed_nothing(self, outbox: Outbox) -> None:
        for number in range(MAX_RECORDS):
            outbox.append(a_record(f"change {number}"), changed=True)
        outbox.append(a_record("heartbeat"), changed=False)
        assert reasons(outbox)[-1] == "heartbeat"

    def test_there_is_a_cap_in_bytes_as_well(self, outbox: Outbox, path: Path) -> None:
        for number in range(100):
            outbox.append(a_record(f"change {number}", size=30_000), changed=True)
        with sqlite3.connect(path) as reading:
            (size,) = reading.execute("SELECT SUM(LENGTH(body)) FROM records").fetchone()
        reading.close()
        assert MAX_BYTES * 0.9 < size <= MAX_BYTES

    def test_after_a_week_what_changed_nothing_goes_and_changes_stay(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        last_week = datetime.now(UTC) - timedelta(days=8)
        with monkeypatch.context() as earlier:
            earlier.setattr(outbox_module, "_now", lambda: last_week)
            outbox.append(a_record("change"), changed=True)
            outbox.append(a_record("heartbeat"), changed=False)
        assert reasons(outbox) == ["change", "heartbeat"]
        outbox.append(a_record("today"), changed=False)
        assert reasons(outbox) == ["change", "today"]

    def test_a_signed_upload_is_never_cut(self, outbox: Outbox) -> None:
        for number in range(10):
            outbox.append(a_record(f"sent {number}"), changed=False)
        upload = signed(outbox)
        for number in range(MAX_RECORDS):
            outbox.append(a_record(f"later {number}"), changed=True)
        assert outbox.pending() == upload
        assert len(upload.records) == 10

    def test_an_upload_stays_below_what_the_server_takes(self, outbox: Outbox) -> None:
        for number in range(20):
            outbox.append(a_record(f"{number}", size=30_000), changed=True)
        draft = outbox.draft()
        assert draft is not None
        assert 1 < len(draft.records) < 20
        assert sum(len(body) for _, body in draft.records) <= outbox_module.MAX_UPLOAD_BYTES


class TestRefusedRecords:
    def test_the_one_that_is_named_is_set_aside_and_the_others_go_again(
        self, outbox: Outbox
    ) -> None:
        for reason in ("one", "two", "three"):
            outbox.append(a_record(reason), changed=True)
        upload = signed(outbox)
        assert outbox.set_aside(upload, 1, "records[1].uptime_s: wrong") == 2
        assert reasons(outbox) == ["one", "three"]
        assert outbox.overview().set_aside == ("records[1].uptime_s: wrong",)
        assert outbox.ratchet() == (1, "first nonce"), "a refused upload never counted"

    def test_an_unnamed_one_is_found_by_halving(self, outbox: Outbox) -> None:
        for number in range(8):
            outbox.append(a_record(f"{number}"), changed=True)
        accepted: list[int] = []
        refused: list[int] = []
        while outbox.draft() is not None:
            upload = signed(outbox)
            if 6 in upload.records:
                culprit = outbox.set_aside(upload, None, "too large")
                refused += [culprit] if culprit else []
            else:
                accepted += upload.records
                outbox.acknowledge(upload, an_answer())
        assert refused == [6]
        assert accepted == [1, 2, 3, 4, 5, 7, 8]

    def test_only_so_many_are_kept(self, outbox: Outbox) -> None:
        for number in range(outbox_module.MAX_SET_ASIDE + 5):
            outbox.append(a_record(f"{number}"), changed=True)
            outbox.set_aside(signed(outbox), None, f"problem {number}")
        problems = outbox.overview().set_aside
        assert len(problems) == outbox_module.MAX_SET_ASIDE
        assert problems[-1] == f"problem {outbox_module.MAX_SET_ASIDE + 4}"


class TestTrouble:
    def test_a_missing_file_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(OutboxError, match=r"gone.*Enrol this laptop again"):
            Outbox(tmp_path / "nothing.db")

    def test_a_damaged_file_says_what_to_do(self, path: Path) -> None:
        path.write_bytes(b"this is no database" * 100)
        with pytest.raises(OutboxError, match=r"damaged.*Enrol this laptop again"):
            Outbox(path)

    def test_how_the_last_try_ended_is_remembered(self, outbox: Outbox) -> None:
        delivered = Delivery(DeliveryKind.LATER, datetime.now(UTC), problem="No.", remedy="Wait.")
        outbox.note(delivered)
        assert outbox.overview().delivery == delivered

    def test_two_processes_at_once_lose_nothing(self, outbox: Outbox, path: Path) -> None:
        with Outbox(path) as other:
            for number in range(20):
                (outbox if number % 2 else other).append(a_record(f"{number}"), changed=True)
        assert [record.sequence for record in records_of(outbox.draft())] == list(range(1, 21))

    def test_a_full_disk_is_said_and_work_goes_on_when_there_is_space(self, tmp_path: Path) -> None:
        with (
            small_disk(tmp_path / "disk") as disk,
            Outbox.create(disk.folder / "outbox.db", "first nonce", 3600) as outbox,
        ):
            outbox.append(a_record("before", size=10_000), changed=True)
            disk.fill()
            with pytest.raises(OutboxError, match=r"full.*goes on by itself"):
                append_many(outbox)
            before = len(records_of(outbox.draft()))
            assert before >= 1, "what was kept before is still there"
            disk.free()
            outbox.append(a_record("after"), changed=True)
            assert len(records_of(outbox.draft())) == before + 1

    def test_a_file_that_may_not_grow_is_said_too(self, outbox: Outbox) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.raises(OutboxError, match=r"cannot be written|full"):
                append_many(outbox)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        outbox.append(a_record("after"), changed=True)
        assert reasons(outbox)[-1] == "after"


def append_many(outbox: Outbox) -> None:
    for number in range(100):
        outbox.append(a_record(f"{number}", size=10_000), changed=True)
