"""The head of an answer leaves together with its body, and never later than it would be due."""

import asyncio
from collections.abc import Callable

from passmuster_server.joined_writes import JoinedWrites


class Wire(asyncio.Transport):
    """Remembers each write that reaches it, and the end."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.seen.append(bytes(data))

    def close(self) -> None:
        self.seen.append(b"(closed)")

    def abort(self) -> None:
        self.seen.append(b"(aborted)")


def after(story: Callable[[JoinedWrites], None], *, turns: int = 0) -> list[bytes]:
    """Return what reached the wire so many turns of the loop after `story` was told."""

    async def told() -> list[bytes]:
        wire = Wire()
        story(JoinedWrites(wire, asyncio.get_running_loop()))
        for _ in range(turns):
            await asyncio.sleep(0)
        return list(wire.seen)

    return asyncio.run(told())


def test_a_head_and_its_body_are_one_write() -> None:
    def story(transport: JoinedWrites) -> None:
        transport.write(b"head ")
        transport.write(b"body")

    assert after(story) == [b"head body"]
    assert after(story, turns=3) == [b"head body"], "nothing is sent twice"


def test_a_head_whose_body_takes_its_time_leaves_in_the_same_turn() -> None:
    assert after(lambda transport: transport.write(b"head")) == []
    assert after(lambda transport: transport.write(b"head"), turns=1) == [b"head"]


def test_everything_arrives_in_its_order() -> None:
    def story(transport: JoinedWrites) -> None:
        for piece in (b"1", b"2", b"3", b"4", b"5"):
            transport.write(piece)

    assert b"".join(after(story, turns=1)) == b"12345"


def test_what_is_held_back_is_sent_before_the_end() -> None:
    def story(transport: JoinedWrites) -> None:
        transport.write(b"431")
        transport.close()

    assert after(story, turns=1) == [b"431", b"(closed)"]


def test_nothing_follows_an_abort() -> None:
    def story(transport: JoinedWrites) -> None:
        transport.write(b"head")
        transport.abort()

    assert after(story, turns=1) == [b"(aborted)"]
