import subprocess
import sys
import textwrap

from tests.support.tools import missing

# Eight threads side by side, each holding on to memory: how many heaps does that make?
PROGRAM = textwrap.dedent(
    """
    import sys, threading
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
    # An arena of a thread is a reserved area of 64 MiB (HEAP_MAX_SIZE, arena.c of glibc).
    sizes = [line.split()[0].split("-") for line in open("/proc/self/maps")]
    starts = [int(start, 16) for start, end in sizes]
    print(sum(start % (64 << 20) == 0 for start in starts))
    """
)


def arenas(how: str) -> int:
    output = subprocess.check_output([sys.executable, "-c", PROGRAM, how], text=True, timeout=60)
    return int(output)


def test_threads_share_one_heap() -> None:
    if arenas("many") == 0:
        missing("this C library does not make a heap for each thread")
    assert arenas("one") == 0
