"""The stream that tells open pages to look again."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from passmuster_server.fleet import live
from passmuster_server.fleet.live import CHANGED, HELLO, PULSE, LiveFleet, TooManyListenersError
from passmuster_server.policy.standings import Standings
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.example_standings import standing


async def yes() -> bool:
    return True


def run(story: Callable[[Standings, LiveFleet], Awaitable[None]]) -> None:
    async def told() -> None:
        standings = Standings()
        async with asyncio.timeout(10):
            await story(standings, LiveFleet(standings))

    asyncio.run(told())


def test_a_change_is_told_once_however_many_there_are() -> None:
    async def story(standings: Standings, fleet: LiveFleet) -> None:
        events = fleet.stream(DEFAULT_ORGANISATION, yes)
        assert await anext(events) == HELLO
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        for number in range(20):
            standings.put(standing(device=f"device-{number}"))
        assert await waiting == CHANGED
        silent = asyncio.ensure_future(anext(events))
        await asyncio.sleep(3 * live.GATHER_S)
        assert not silent.done(), "one burst was told twice"
        fleet.close()
        with pytest.raises(StopAsyncIteration):
            await silent

    run(story)


def test_other_organisations_are_not_heard() -> None:
    async def story(standings: Standings, fleet: LiveFleet) -> None:
        events = fleet.stream(DEFAULT_ORGANISATION, yes)
        await anext(events)
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        standings.put(msgspec.structs.replace(standing(), organisation="other"))
        await asyncio.sleep(2 * live.GATHER_S)
        assert not waiting.done()
        waiting.cancel()

    run(story)


def test_a_quiet_stream_pulses_and_ends_with_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PULSE_S", 0.05)
    answers = iter([True, False])

    async def may_listen() -> bool:
        return next(answers)

    async def story(_: Standings, fleet: LiveFleet) -> None:
        told = [event async for event in fleet.stream(DEFAULT_ORGANISATION, may_listen)]
        assert told == [HELLO, PULSE]

    run(story)


def test_a_busy_stream_ends_with_the_session_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PULSE_S", 0.2)
    monkeypatch.setattr(live, "GATHER_S", 0.01)

    async def no() -> bool:
        return False

    async def story(standings: Standings, fleet: LiveFleet) -> None:
        async def keep_changing() -> None:
            while True:
                standings.put(standing())
                await asyncio.sleep(0.005)

        changing = asyncio.create_task(keep_changing())
        told = [event async for event in fleet.stream(DEFAULT_ORGANISATION, no)]
        changing.cancel()
        assert told[0] == HELLO

    run(story)


def test_places_are_limited_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_LISTENERS", 1)

    async def story(_: Standings, fleet: LiveFleet) -> None:
        first = fleet.stream(DEFAULT_ORGANISATION, yes)
        await anext(first)
        with pytest.raises(TooManyListenersError):
            fleet.stream(DEFAULT_ORGANISATION, yes)
        await first.aclose()  # type: ignore[attr-defined]
        assert await anext(fleet.stream(DEFAULT_ORGANISATION, yes)) == HELLO

    run(story)


def test_who_sees_one_group_hears_of_it_alone_and_of_what_leaves_it() -> None:
    async def story(standings: Standings, fleet: LiveFleet) -> None:
        events = fleet.stream(DEFAULT_ORGANISATION, yes, "manila")
        await anext(events)
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        standings.put(standing(group="cebu"))
        await asyncio.sleep(2 * live.GATHER_S)
        assert not waiting.done()
        standings.put(standing(group="manila", revision=1))
        assert await waiting == CHANGED
        leaving = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        standings.put(standing(group="cebu", revision=2))
        assert await leaving == CHANGED
        fleet.close()

    run(story)
