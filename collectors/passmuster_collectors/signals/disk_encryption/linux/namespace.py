"""Whether this process sees the computer itself or the inside of a container."""

from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError

SECOND_PROCESS = "/proc/2/stat"

KERNEL_THREAD = 0x0020_0000
"""`PF_KTHREAD` in include/linux/sched.h, in the ninth field of `/proc/<pid>/stat` (proc(5))."""


def check_first_namespace(host: Host) -> None:
    """Raise `SourceError` unless this process shares the kernel's first process namespace.

    There and only there process 2 is the kernel's own thread `kthreadd`. In any other namespace the
    first process is a container's, and so is its mount table: that is `SourceMissingError`.
    """
    if not parse_flags(host.read_file(SECOND_PROCESS)) & KERNEL_THREAD:
        raise SourceMissingError(SECOND_PROCESS, "process 2 is not the kernel's")


def parse_flags(content: bytes) -> int:
    """Return the kernel's flags of a process. Raises `SourceConflictError`."""
    # The name may hold anything, brackets too; what follows it starts with the third field.
    fields = content.rpartition(b")")[2].split()
    if len(fields) <= 6 or not fields[6].isdigit():
        raise SourceConflictError(SECOND_PROCESS, "not the fields that proc(5) has")
    return int(fields[6])
