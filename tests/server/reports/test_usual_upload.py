"""The quick way to read an upload says what the contract's codec says, or leaves it to that one."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading, Source
from passmuster_collectors.contract.report import MAX_READINGS, MAX_RECORDS
from passmuster_collectors.signals import CATALOG
from passmuster_server.reports import upload as reports
from passmuster_server.reports.upload import Received, read_upload
from passmuster_server.reports.usual_upload import read_usual
from tests.support.example_readings import healthy, with_stick
from tests.support.example_uploads import DEVICE, NOW, chain, plain, record, written

Refusal = tuple[str, str]
Way = tuple[str | int, ...]


def outcome(payload: bytes) -> tuple[Received, Any] | Refusal:
    """Return all that is read of a payload, or the field and the problem of the refusal."""
    try:
        received = read_upload(payload, DEVICE)
        raw = received.raw_readings
    except ContractError as error:
        return error.field, error.problem
    return received, raw


def outcome_by_codec(payload: bytes) -> tuple[Received, Any] | Refusal:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reports, "read_usual", lambda _: None)
        return outcome(payload)


def judged_alike(payload: bytes) -> bool:
    """Tell whether the codec takes a payload; assert that it is taken or refused either way."""
    expected = outcome_by_codec(payload)
    assert outcome(payload) == expected
    is_taken = isinstance(expected[0], Received)
    assert is_taken or not is_taken_unseen(payload)
    return is_taken


def is_taken_unseen(payload: bytes) -> bool:
    """Tell whether a server that has these findings would never look at the readings."""
    try:
        received = read_upload(payload, DEVICE)
    except ContractError:
        return False
    return received.findings == KNOWN and len(received.upload.records) == 1


USUAL = written(plain())
KNOWN = read_upload(USUAL, DEVICE).findings
READINGS = USUAL.index(b'"readings":[') + len(b'"readings":[')

UPLOADS = {
    "one record": plain(),
    "several records": plain(*chain(healthy(), with_stick(), healthy())),
    "a gap where records were dropped": plain(*chain(healthy(), [], with_stick())[::2]),
    "no readings": plain(record(readings=[])),
    "as many as may be": plain(*chain(*[()] * (MAX_RECORDS - 1), healthy()[:1] * MAX_READINGS)),
    "letters beyond ASCII": plain(dataclasses.replace(record(), boot_id="é\u2028😀")),
    "a path with backslashes": plain(
        record(
            readings=[
                dataclasses.replace(each, sources=(Source("HKLM\\Run", each.sources[0].outcome),))
                for each in healthy()[:1]
            ]
        )
    ),
    "readings of different moments": plain(
        record(
            readings=[
                dataclasses.replace(each, collected_at=NOW - timedelta(microseconds=place))
                for place, each in enumerate(healthy())
            ]
        )
    ),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_what_agents_write_is_read_the_quick_way(name: str) -> None:
    payload = written(UPLOADS[name])
    assert read_usual(payload) is not None
    assert judged_alike(payload)


def times(letters: str) -> list[str]:
    return [letters * length for length in (1, 8, 9, 32, 33, 64, 65, 512, 513)]


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, -(2**63), 10**30,
    1.0, 1.5, -0.0, 1e300, "", "0", "linux", "Linux", "beos",
    *times("a"), *times("é"), *times("😀"),
    "\0", "a\0b", "\\u0000", "\\", "\x01", "\x7f", "\ud800", "\udfff😀", '"', "/", "\u2028",
    [], [None], [[]], [{}], [0] * 300, {}, {"a": 1}, {"collected_at": "now"},
    "2026-11-27T09:30:00.000000Z", "2026-11-27T09:30:00Z", "2026-11-27T09:30:00.000Z",
    "2026-11-27 09:30:00.000000Z", "2026-11-27\\09:30:00.000000Z", "2026-11-27\n09:30:00.000000Z",
    "2026-11-27T09:30:00,000000Z", "2026-11-27T24:30:00.000000Z", "2026-02-30T09:30:00.000000Z",
    "0000-11-27T09:30:00.000000Z", "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z",
    "2026-11-27T09:30:60.000000Z", "2026-11-27T09:30:00.000000", "2026-11-27T09:30:00+00:00",
    "2026-11-27T09:30:00.00000Z", "2026-W48-5T09:30:00.000000Z", "20261127T093000.000000Z",
    "٢٠٢٦-11-27T09:30:00.000000Z", "now",
]  # fmt: skip


def fields(value: Any, way: Way = ()) -> Iterator[Way]:
    """Yield the way to everything in the upload; of lists the first and the last item."""
    if way:
        yield way
    if isinstance(value, dict):
        for name in value:
            yield from fields(value[name], (*way, name))
    if isinstance(value, list):
        for index in sorted({0, len(value) - 1} if value else ()):
            yield from fields(value[index], (*way, index))


def parent(upload: Any, way: Way) -> Any:
    for step in way[:-1]:
        upload = upload[step]
    return upload


# With a gap, so that a change of the first record is no fault of the next.
TWO_RECORDS = UPLOADS["a gap where records were dropped"]
CASES = [(USUAL, way) for way in fields(plain())]
CASES += [(written(TWO_RECORDS), way) for way in fields(TWO_RECORDS) if len(way) <= 3]


@pytest.mark.parametrize(
    ("payload", "way"),
    CASES,
    ids=[
        ".".join(["one" if payload == USUAL else "two", *map(str, way)]) for payload, way in CASES
    ],
)
def test_whatever_stands_in_a_field_is_taken_or_refused_as_the_codec_does(
    payload: bytes, way: Way
) -> None:
    upload = json.loads(payload)
    place = parent(upload, way)
    for value in VALUES:
        place[way[-1]] = value
        judged_alike(written(upload))
    del place[way[-1]]
    judged_alike(written(upload))


@pytest.mark.parametrize("name", ["", "a", "readings", "records", "zzz", "é", "\0", "\ud800"])
@pytest.mark.parametrize("way", [(), ("records", 0), ("records", 0, "readings", 0)], ids=str)
def test_an_unknown_field_is_refused_as_the_codec_does(way: Way, name: str) -> None:
    upload = plain()
    parent(upload, (*way, name)).setdefault(name, 1)
    judged_alike(written(upload))


@pytest.mark.parametrize(
    "payload",
    [
        written(plain(record(readings=healthy()[:1] * (MAX_READINGS + 1)))),
        written(plain(*[record()] * (MAX_RECORDS + 1))),
        written({**plain(), "records": []}),
        written([plain()]),
        b"",
        b"null",
        b"[" * 5000,
        USUAL.replace(b'"reason":""', b'"reason":' + b"[" * 5000 + b"]" * 5000),
        USUAL + b" ",
        b" " + USUAL,
        b"\xef\xbb\xbf" + USUAL,
        USUAL.replace(b'"records":[', b'"records":[ '),
        USUAL.replace(b'"version":1}', b'"version":1,"version":1}'),
        USUAL.replace(b'"method":"POST"', b'"method":"\\u0050OST"'),
        USUAL.replace(b'"uptime_s":3600', b'"uptime_s":3.6e3'),
        USUAL.replace(b'"uptime_s":3600', b'"uptime_s":-0'),
        json.dumps(plain()).encode(),
        json.dumps(plain(), sort_keys=True).encode(),
    ],
    ids=lambda payload: payload[:40].decode("latin-1"),
)
def test_what_is_refused_is_refused_as_the_codec_does(payload: bytes) -> None:
    assert not judged_alike(payload)


LETTERS = [bytes([code]) for code in b' "\\{}[],:-+.09aeZT\n\0\x7f\xc3\xff']


@given(
    some.integers(0, len(USUAL) - 1) | some.integers(READINGS, READINGS + 60),
    some.integers(0, 3),
    some.lists(some.sampled_from(LETTERS), max_size=2).map(b"".join),
)
def test_whatever_bytes_are_altered_it_is_taken_or_refused_as_the_codec_does(
    place: int, dropped: int, put: bytes
) -> None:
    judged_alike(USUAL[:place] + put + USUAL[place + dropped :])


NEARLY_THE_SAME = {
    "another name for the time": (b'{"collected_at"', b'{"collected_aT"'),
    "another bracket": (b'{"collected_at"', b'["collected_at"'),
    "white space": (b'"reason":""', b'"reason": ""'),
    "white space between two": (b"},{", b"}, {"),
    "white space after the time": (b'Z","facts"', b'Z", "facts"'),
    "white space before the name": (b'[{"collected_at"', b'[{ "collected_at"'),
    "a letter said in another way": (b'"status":"ok"', b'"status":"\\u006fk"'),
    "a name given twice": (b'"status":"ok"', b'"status":"ok","status":"ok"'),
    "a time given twice": (
        b'"status":"ok"',
        b'"status":"ok","collected_at":"2026-11-27T09:30:00.000000Z"',
    ),
    "the time in another place": (
        b'"reason":""',
        b'"collected_at":"2026-11-27T09:30:00.000000Z","reason":""',
    ),
}


@pytest.mark.parametrize("name", NEARLY_THE_SAME)
def test_readings_that_are_refused_are_never_known_by_their_findings(name: str) -> None:
    payload = USUAL.replace(*NEARLY_THE_SAME[name])
    assert payload != USUAL
    assert not judged_alike(payload)


def test_findings_are_the_digest_of_the_signals_and_the_readings_without_their_times() -> None:
    said = [
        {name: value for name, value in codec.encode(each).items() if name != "collected_at"}
        for each in healthy()
    ]
    expected = digest(canonical_bytes([*(signal.id for signal in CATALOG), *said]))
    assert read_upload(USUAL, DEVICE).findings == expected


def test_findings_move_when_anything_but_a_time_does() -> None:
    said_again = [dataclasses.replace(each, collected_at=NOW) for each in healthy()]
    assert findings(said_again) == KNOWN
    said = tuple(healthy())
    for other in (with_stick(), said[1:], said[::-1], (), said + said[:1]):
        assert findings(other) != KNOWN


def findings(readings: Sequence[Reading]) -> str:
    return read_upload(written(plain(record(readings=readings))), DEVICE).findings
