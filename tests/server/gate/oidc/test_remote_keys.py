"""Keys of other issuers: one that is stuck holds up nobody else, and is left alone a while."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from passmuster_server import fetching
from passmuster_server.gate.oidc import remote_keys
from passmuster_server.gate.oidc.remote_keys import KeysUnavailableError, RemoteKeys
from tests.support.identity_provider import identity_provider


class Stuck:
    """A host that takes connections and tells one byte now and then. `came` counts them."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._over = threading.Event()
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/keys"
        self.came = 0

    def serve(self) -> None:
        opened = []
        while not self._over.wait(0.02):
            try:
                opened.append(self._listening.accept()[0])
                self.came += 1
                opened[-1].sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            except BlockingIOError:
                pass
            for each in opened:
                with contextlib.suppress(OSError):
                    each.sendall(b"x")
        for each in opened:
            each.close()

    def stop(self) -> None:
        self._over.set()


@contextmanager
def stuck_host() -> Iterator[Stuck]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        host = Stuck(listening)
        thread = threading.Thread(target=host.serve)
        thread.start()
        try:
            yield host
        finally:
            host.stop()
            thread.join()


@pytest.mark.usefixtures("limited")
def test_an_issuer_that_is_stuck_holds_up_no_other() -> None:
    async def both(stuck: str, well: str) -> None:
        keys = RemoteKeys()
        waiting = asyncio.create_task(keys.at(stuck))
        await asyncio.sleep(0)
        assert (await keys.at(well)).keys
        assert not waiting.done(), "the other one was answered first"
        with pytest.raises(KeysUnavailableError, match="FetchError"):
            await waiting

    with stuck_host() as stuck, identity_provider() as idp:
        asyncio.run(both(stuck.url, idp.keys_url))


@pytest.mark.usefixtures("limited")
def test_all_who_wait_for_it_are_told_once_and_it_is_left_alone_for_a_while() -> None:
    now = [1000.0]

    async def many(url: str) -> None:
        keys = RemoteKeys(lambda: now[0])
        found = await asyncio.gather(*(keys.at(url) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(each, KeysUnavailableError) for each in found)
        with pytest.raises(KeysUnavailableError, match="a moment ago"):
            await keys.at(url)
        now[0] += remote_keys.FAILED_PAUSE_S
        with pytest.raises(KeysUnavailableError, match="FetchError"):
            await keys.at(url)

    with stuck_host() as stuck:
        asyncio.run(many(stuck.url))
        assert stuck.came == 2, "asked once for all of them, and once after a while"


def test_an_issuer_that_is_well_again_is_asked_again() -> None:
    now = [1000.0]

    async def again(url: str) -> None:
        keys = RemoteKeys(lambda: now[0])
        with pytest.raises(KeysUnavailableError):
            await keys.at(f"{url}/nowhere")
        with pytest.raises(KeysUnavailableError, match="a moment ago"):
            await keys.at(f"{url}/nowhere")
        assert (await keys.at(f"{url}/keys")).keys
        now[0] += remote_keys.KEPT_S
        assert (await keys.at(f"{url}/keys")).keys

    with identity_provider() as idp:
        asyncio.run(again(idp.issuer))
        assert idp.asked == 3


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_S", 1.0)
