"""Work that goes on beside the requests, and is begun again when it ends by a mistake."""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LASTED_S = 60.0
"""Whoever ran this long before a failure fails anew, not again."""

FAILING_AFTER = 3
"""One mistake is mended by beginning again; so many in a row are not, and somebody has to know."""

_log = logging.getLogger(__name__)


class BackgroundTask:
    """Runs `work`, which never ends by itself, until it is told to stop.

    `end` tells the work to come to its end; without it the work is cancelled. `failures` counts how
    often it ended by a mistake.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[None]],
        end: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self._work = work
        self._end = end
        self.failures = 0
        self._stopping = False
        self._in_a_row = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def failing(self) -> bool:
        """Whether it has ended by a mistake several times in a row."""
        return self._in_a_row >= FAILING_AFTER

    def start(self) -> None:
        """Begin; needs a running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Bring the work to its end and wait for it."""
        self._stopping = True
        if self._task is None:
            return
        if self._end is None:
            self._task.cancel()
        else:
            self._end()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._work()
            except Exception as error:  # noqa: BLE001 - whatever it was, the work has to go on
                if clock() - began >= LASTED_S:
                    self._in_a_row = 0
                self._in_a_row += 1
                self.failures += 1
                # Without the error's text and trace, which may hold what was read.
                _log.error("%s failed: %s", self.name, _place(error))
                if self._stopping:
                    return
                pause = FIRST_PAUSE_S * 2.0 ** min(self._in_a_row - 1, 10)
                await asyncio.sleep(min(LONGEST_PAUSE_S, pause))
            else:
                return


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} at {place}"
