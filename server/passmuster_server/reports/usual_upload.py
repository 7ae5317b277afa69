"""The quick way to read an upload that is as agents write it.

It says nothing of what is wrong: whatever it is not sure of is left to the contract's codec. The
readings are passed over as bytes, and are not known to be canonical JSON.
"""

import re
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import digest
from passmuster_collectors.contract.declaration import Items, Text, Whole
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.report import Record, Upload

NUL = b"\\u0000"
_TIME = slice(17, 44)
_SAID = slice(46, None)
_BEGINNING = re.compile(
    rb'\{"collected_at":"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z",'
)
"""Of a reading: its first name in sorted order, and a time as `format_time` writes it."""


class UsualUpload(NamedTuple):
    """An upload whose records lack their readings, the hash of each whole record, and `said`.

    `said` is what the newest readings say but when, each as `,` and the object without its time.
    """

    upload: Upload
    hashes: tuple[str, ...]
    said: bytes


def read_usual(payload: bytes) -> UsualUpload | None:
    """Return the upload in a payload whose every byte outside the readings is right, else None.

    Of the readings it is known that each begins with a time that is one, and that commas alone
    are between them. If those of the same `said` were in the canonical form before, these are.
    """
    # A text of ours has no NUL, which msgspec would not mind. One letter is found much faster.
    if b"\\" in payload and NUL in payload:
        return None
    try:
        envelope = _DECODER.decode(payload)
        if _ENCODER.encode(envelope) != payload or not envelope.records:
            return None
        hashes = tuple([digest(_ENCODER.encode(record)) for record in envelope.records])
        said = [_said(record.readings) for record in envelope.records]
        return UsualUpload(_upload(envelope), hashes, said[-1])
    except (msgspec.MsgspecError, ContractError, ValueError, RecursionError):
        return None


def _said(readings: list[msgspec.Raw]) -> bytes:
    raw = [bytes(reading) for reading in readings]
    # Most readings of a report were taken at the same moment.
    for beginning in {reading[: _SAID.start] for reading in raw}:
        if not _BEGINNING.fullmatch(beginning):
            raise ValueError
        codec.parse_time(beginning[_TIME].decode("ascii"), "")
    return b",{".join([b"", *[reading[_SAID] for reading in raw]])


def _upload(envelope: Any) -> Upload:
    fields = msgspec.structs.asdict(envelope)
    fields["sent_at"] = codec.parse_time(envelope.sent_at, "")
    fields["records"] = tuple([_record(record) for record in envelope.records])
    return Upload(**fields)


def _record(record: Any) -> Record:
    fields = msgspec.structs.asdict(record)
    fields["collected_at"] = codec.parse_time(record.collected_at, "")
    fields["readings"] = ()
    return Record(**fields)


def _struct(message: type[Any]) -> type[msgspec.Struct]:
    """Return what msgspec decodes as the codec decodes a message, and writes in sorted order."""
    hints = get_type_hints(message, include_extras=True)
    required = [(name, _bounded(hints[name])) for name in sorted(hints)]
    return msgspec.defstruct(message.__name__, required, forbid_unknown_fields=True)


def _bounded(hint: Any) -> Any:
    """Return the hint of a message's field as msgspec knows it, with the codec's bounds."""
    inner, *bounds = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if inner is str:
        return Annotated[str, _bound(*bounds or (codec.DEFAULT_TEXT,))]
    if inner is int:
        return Annotated[int, _bound(*bounds or (codec.DEFAULT_WHOLE,))]
    if get_origin(inner) is tuple:
        item = get_args(inner)[0]
        entry: Any = msgspec.Raw if item is Reading else _struct(item)
        return Annotated[list[entry], _bound(*bounds or (codec.DEFAULT_ITEMS,))]
    if inner is datetime:
        return str
    if issubclass(inner, Enum):
        return inner
    raise TypeError(f"{hint!r} has no quick way")


def _bound(bound: Text | Whole | Items) -> msgspec.Meta:
    if isinstance(bound, Whole):
        return msgspec.Meta(ge=bound.least, le=bound.most)
    return msgspec.Meta(max_length=bound.longest if isinstance(bound, Text) else bound.most)


_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_struct(Upload))
_ENCODER = msgspec.json.Encoder()
