"""`show`: exactly what would leave this laptop, and why each field of it is needed.

The facts say themselves why they are collected (`declared_fields`); what wraps them says so here.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from passmuster_agent.ceremony import HASH_KEY_BYTES, start_message
from passmuster_agent.collection import DEADLINE_S, recalling
from passmuster_agent.config import Device, State
from passmuster_agent.identity import CONTENT_TYPE
from passmuster_agent.keystore import p256
from passmuster_agent.notebook import StateNotebook
from passmuster_agent.outbox import Outbox
from passmuster_agent.records import new_record
from passmuster_agent.status_text import BOLD, DIM, paint
from passmuster_agent.terminal_text import printable
from passmuster_agent.transport import Transport, request_headers
from passmuster_collectors.contract import codec, report
from passmuster_collectors.contract.declaration import declared_fields
from passmuster_collectors.contract.enrolment import EnrolmentStart, KeyTier
from passmuster_collectors.contract.report import Record, Upload
from passmuster_collectors.host import this_host
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG

AT_ENROLMENT = "(given at enrolment)"

ENROLMENT: Mapping[str, str] = {
    "version": "Lets old and new versions understand one another.",
    "public_key": "Checks this laptop's signatures. The private half never leaves it.",
    "tier": "How well the private key is kept: IT may ask for a minimum.",
    "platform": "Chooses the rules and remedies for this system.",
    "computer_name": "Lets IT recognise the laptop that asks to be enrolled.",
    "system": "Lets IT recognise the laptop that asks to be enrolled.",
    "agent_version": "Shows which laptops need an update of the agent.",
}
"""Sent once, when this laptop is enrolled."""

ENROLMENT_PROOF: Mapping[str, str] = {
    "version": "Lets old and new versions understand one another.",
    "enrolment": "The name that the server gave this enrolment a moment before.",
    "code": "The one-time code that IT gave you: says whose laptop this is.",
    "proof": "Signed by the new key: binds it to this code, this server and this moment.",
    "owner": "Your e-mail address, where IT's secret is for many laptops: says whose this one is.",
}
"""Sent right after that. What it holds is made then, so there is no value to show before."""

HEADERS: Mapping[str, str] = {
    "Content-Type": "Says that a signed report follows, or JSON at enrolment.",
    "Accept": "Says which forms of answer this agent understands.",
    "Accept-Encoding": "Asks for an answer that is not compressed.",
    "User-Agent": "Names the agent and its version.",
}
"""With each request, beside what HTTP itself needs (the server's name and the length)."""

UPLOAD: Mapping[str, str] = {
    "version": "Lets old and new versions understand one another.",
    "audience": "Makes the signature worthless at any other server.",
    "method": "Makes the signature worthless for any other request.",
    "url": "Makes the signature worthless at any other address.",
    "sequence": "Shows a missing or repeated report.",
    "nonce": "The server's own word from its last answer: shows a copied key.",
    "sent_at": "Shows IT when this laptop's clock is wrong.",
    "records": "What was read, once for each time it changed.",
}
"""Around the records of each report."""

RECORD: Mapping[str, str] = {
    "version": "Lets old and new versions understand one another.",
    "device": "The name that the server gave this laptop.",
    "record_id": "Tells two records apart in the server's log.",
    "sequence": "Keeps records in order, also those that were read offline.",
    "previous": "Ties each record to the one before it, so that none can be taken out unseen.",
    "collected_at": "When it was read, by this laptop's clock.",
    "boot_id": "Tells a restart from a gap in the reports. It is random and new at each start.",
    "uptime_s": "Tells a restart from a gap in the reports.",
    "platform": "Chooses the rules and remedies for this system.",
    "agent_version": "Shows which laptops need an update of the agent.",
    "readings": "What was found: one reading for each signal, below.",
}
"""Around the readings of each record."""

READING: Mapping[str, str] = {
    "signal": "Which signal it is.",
    "status": "Tells what was read from what could not be read.",
    "reason": "Why it could not be read, for you and IT.",
    "facts": "What was found, field by field below.",
    "sources": "Which places were asked and how each answered, so that IT sees why.",
    "collected_at": "When it was read, by this laptop's clock.",
}
"""Around the facts of each reading."""


@dataclass(frozen=True)
class Disclosure:
    """What enrolment would send (None once it is done) and what a report would.

    `waiting` are earlier records that the server does not have yet: they go first.
    """

    enrolment: EnrolmentStart | None
    upload: Upload
    waiting: tuple[Record, ...] = ()


def disclose(state: State) -> Disclosure:
    """Read this laptop and return what would be sent. Nothing is sent or kept.

    Before enrolment a throw-away key stands for the key and for the organisation's hash key.
    """
    device = state.find_device() if state.path.exists() else None
    key = device.hash_key_bytes() if device else secrets.token_bytes(HASH_KEY_BYTES)
    host = this_host(key, notebook=StateNotebook(state.path))
    readings = collect(host, CATALOG, deadline_s=DEADLINE_S)
    name = device.device if device else AT_ENROLMENT
    sequence, nonce = 1, AT_ENROLMENT
    waiting: tuple[Record, ...] = ()
    if device is None:
        record = new_record(name, host.platform, host.now(), readings)
    else:
        with Outbox(state.outbox(device)) as outbox:
            told = recalling(CATALOG, readings, outbox)
            record = outbox.preview(new_record(name, host.platform, host.now(), told))
            sequence, nonce = outbox.ratchet()
            waiting = outbox.waiting()
    upload = Upload(
        version=report.VERSION,
        audience=device.server if device else AT_ENROLMENT,
        method="POST",
        url=_report_url(state, device),
        sequence=sequence,
        nonce=nonce,
        sent_at=datetime.now(UTC),
        records=(record,),
    )
    public_key = p256.public_key(p256.generate())
    start = None if device else start_message(public_key, KeyTier.FILE)
    return Disclosure(start, upload, waiting)


def to_json(disclosure: Disclosure) -> str:
    """Return what would be sent and the reasons, for programs."""
    value = codec.encode(disclosure) | {
        "why": {
            "enrolment": ENROLMENT,
            "enrolment_proof": ENROLMENT_PROOF,
            "headers": HEADERS,
            "upload": UPLOAD,
            "record": RECORD,
            "reading": READING,
            "signals": {signal.id: signal.why for signal in CATALOG},
            "facts": {
                signal.id: {each.path: each.why for each in declared_fields(signal.facts)}
                for signal in CATALOG
            },
        }
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def render(disclosure: Disclosure, *, colour: bool) -> str:
    """Return the same for people: each field, its value, and why it is needed."""
    return "\n".join([*_lines(disclosure, colour), ""])


def _lines(disclosure: Disclosure, colour: bool) -> Iterator[str]:
    yield "This is all that leaves this laptop. Nothing has been sent now."
    upload = codec.encode(disclosure.upload)
    record = upload["records"][0]
    if disclosure.enrolment is not None:
        yield "Serials and network names are hashed with a throw-away key until it is enrolled."
        yield from _section(
            "Once, at enrolment", codec.encode(disclosure.enrolment), ENROLMENT, colour
        )
        yield from _section(
            "Right after that",
            dict.fromkeys(ENROLMENT_PROOF, AT_ENROLMENT),
            ENROLMENT_PROOF,
            colour,
        )
    yield from _section("With each request", request_headers(CONTENT_TYPE), HEADERS, colour)
    yield from _section("With each report", upload, UPLOAD, colour)
    if disclosure.waiting:
        first, last = disclosure.waiting[0], disclosure.waiting[-1]
        yield ""
        yield (
            f"Records of earlier that wait for the server and go first: {len(disclosure.waiting)}, "
            f"read between {codec.format_time(first.collected_at)} and "
            f"{codec.format_time(last.collected_at)}. `show --json` prints them whole."
        )
    yield from _section("Each record", record, RECORD, colour)
    readings = {reading["signal"]: reading for reading in record["readings"]}
    for signal in CATALOG:
        reading = readings[signal.id]
        yield from _section(f"{signal.title}: {signal.why}", reading, READING, colour)
        for each in declared_fields(signal.facts):
            values = _values(reading["facts"], each.path)
            yield from _field(f"  {each.path}", values, each.why, colour)


def _section(
    title: str, value: Mapping[str, Any], reasons: Mapping[str, str], colour: bool
) -> Iterator[str]:
    yield ""
    yield paint(title, BOLD, colour)
    for name, why in reasons.items():
        yield from _field(name, [value[name]], why, colour)


def _field(name: str, values: list[Any], why: str, colour: bool) -> Iterator[str]:
    shown = dict.fromkeys(_shown(value) for value in values)
    yield f"  {name} = {printable(', '.join(shown)) or '-'}"
    yield paint(f"      {why}", DIM, colour)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{…}" if any(isinstance(each, dict | list) for each in value.values()) else _json(value)
        )
    if isinstance(value, list) and value and isinstance(value[0], dict):
        if "outcome" in value[0]:
            return "; ".join(_source(each) for each in value)
        return f"{len(value)} below"
    return _json(value)


def _source(source: Mapping[str, str]) -> str:
    detail = f" ({source['detail']})" if source["detail"] else ""
    return f"{source['name']} {source['outcome']}{detail}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _values(facts: Any, path: str) -> list[Any]:
    """Return what is at a declared path such as `devices[].serial`, in every item of the list."""
    level = [facts]
    for step in path.split("."):
        name = step.removesuffix("[]")
        level = [item[name] for item in level if isinstance(item, dict) and name in item]
        if step.endswith("[]"):
            level = [item for each in level for item in each]
    return level


def _report_url(state: State, device: Device | None) -> str:
    if device is None:
        return AT_ENROLMENT
    transport = Transport(device.server_url, state.authority(device))
    try:
        return transport.url("reports")
    finally:
        transport.close()
