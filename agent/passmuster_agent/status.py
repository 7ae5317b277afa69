"""`status`: what is found on this laptop now, how it was judged, and how reporting goes."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from passmuster_agent.advice import SignalStatus, server_words, signal_status
from passmuster_agent.collection import DEADLINE_S, recalling
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import KEY_UNUSABLE, Delivery, DeliveryKind
from passmuster_agent.outbox import Outbox, Overview
from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.host import this_host
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG

VERSION = 1
HASH_KEY_BYTES = 32


@dataclass(frozen=True)
class DeviceStatus:
    """Who this laptop is to its organisation."""

    device: str
    owner: str
    server_url: str
    tier: KeyTier
    fingerprint: str
    key_usable: bool
    """Whether the key signed when it was last asked to."""


@dataclass(frozen=True)
class AgentStatus:
    """All that `status` tells, also as JSON.

    `verdict` is the server's last; `current` says that it is about what is found now and not older
    than the server allows. `waiting` counts records that the server does not have yet.
    """

    version: int
    device: DeviceStatus | None
    running: bool
    verdict: Verdict | None
    current: bool
    judged_at: datetime | None
    grace_until: datetime | None
    signals: tuple[SignalStatus, ...]
    waiting: int
    set_aside: tuple[str, ...]
    dropped: int
    last_try: Delivery | None


def status(state: State) -> AgentStatus:
    """Read this laptop and tell. Nothing is sent. Raises `AgentError`."""
    device = state.find_device() if state.path.exists() else None
    overview = None
    host = this_host(device.hash_key_bytes() if device else secrets.token_bytes(HASH_KEY_BYTES))
    readings = collect(host, CATALOG, deadline_s=DEADLINE_S)
    if device is not None:
        with Outbox(state.outbox(device)) as outbox:
            overview = outbox.overview()
            readings = recalling(CATALOG, readings, outbox)
    return describe(device, overview, readings, host.platform, running=state.is_locked())


def describe(
    device: Device | None,
    overview: Overview | None,
    readings: Sequence[Reading],
    platform: Platform,
    *,
    running: bool,
) -> AgentStatus:
    """Put what was found beside what the server said; `readings` has one for each signal."""
    trusted = overview if overview is not None and _is_current(overview) else None
    answer = trusted.answer if trusted else None
    verdicts = {each.signal: each for each in answer.signals} if answer else {}
    latest = trusted.latest if trusted else None
    reported = {each.signal: each for each in latest.readings} if latest else {}
    signals = tuple(
        signal_status(
            signal,
            reading,
            platform,
            server_words(signal.id, reading, reported, verdicts),
        )
        for signal, reading in zip(CATALOG, readings, strict=True)
    )
    said = overview.answer if overview else None
    return AgentStatus(
        version=VERSION,
        device=_device_status(device, overview) if device else None,
        running=running,
        verdict=said.verdict if said else None,
        current=answer is not None,
        judged_at=said.judged_at if said else None,
        grace_until=said.grace_until if said else None,
        signals=signals,
        waiting=overview.waiting if overview else 0,
        set_aside=overview.set_aside if overview else (),
        dropped=overview.dropped if overview else 0,
        last_try=overview.delivery if overview else None,
    )


def _is_current(overview: Overview) -> bool:
    """Whether the server's answer is about the newest record and as fresh as the server asks for.

    Both ends of the interval are this laptop's clock, so it matters little that it may be wrong.
    """
    if overview.answered_at is None or not overview.reported or overview.delivery is None:
        return False
    age = datetime.now(UTC) - overview.answered_at
    fresh = timedelta() <= age <= timedelta(seconds=overview.report_within_s)
    return fresh and overview.delivery.kind is DeliveryKind.ACCEPTED


def _device_status(device: Device, overview: Overview | None) -> DeviceStatus:
    last = overview.delivery if overview else None
    return DeviceStatus(
        device.device,
        device.owner,
        device.server_url,
        device.tier,
        device.fingerprint,
        key_usable=last is None or last.code != KEY_UNUSABLE,
    )
