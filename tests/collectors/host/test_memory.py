import ctypes
import subprocess
import sys
import textwrap

from tests.support.tools import missing

# Eight threads side by side, each holding on to memory: how many heaps does that make?
PROGRAM = textwrap.dedent(
    """
    import ctypes, sys, threading
    from passmuster_collectors.host.memory import use_one_arena
    if sys.argv[1] == "one":
        use_one_arena()
    barrier = threading.Barrier(8)
    def allocate():
        kept = [bytearray(2000 + n) for n in range(200)]
        barrier.wait()
        return kept
    threads = [threading.Thread(target=allocate) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    # The C library's own count: addresses that look like an arena's may be anything's.
    libc = ctypes.CDLL(None)
    libc.fdopen.restype = ctypes.c_void_p
    output = ctypes.c_void_p(libc.fdopen(1, b"w"))
    libc.malloc_info(0, output)
    libc.fflush(output)
    """
)


def arenas(how: str) -> int:
    """Return how many heaps there are, from what malloc_info(3) prints."""
    output = subprocess.check_output([sys.executable, "-c", PROGRAM, how], text=True, timeout=60)
    return output.count("<heap nr=")


def test_threads_share_one_heap() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_info") or arenas("many") == 1:
        missing("this C library does not make a heap for each thread")
    assert arenas("one") == 1
