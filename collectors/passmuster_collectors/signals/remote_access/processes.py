"""Which of the tools run, by the list of processes, which stays on the laptop."""

from collections.abc import Sequence
from functools import partial

from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.remote_access.products import ToolName, tool_of

NOT_TOLD = "This laptop does not tell which programs run."


def read_tools(host: Host, inquiry: Inquiry) -> frozenset[ToolName] | None:
    """Return the tools that run, or None where the processes can't be seen."""
    return inquiry.ask("processes", partial(_running, host))


def tools_among(processes: Sequence[Process]) -> frozenset[ToolName]:
    """Return the tools that these processes belong to.

    By the name that the kernel tells, and by that of the file it was started from.
    """
    return frozenset(
        tool
        for process in processes
        for name in (process.name, _file_name(process))
        if (tool := tool_of(name)) is not None
    )


def _file_name(process: Process) -> str:
    first = process.arguments[0] if process.arguments else ""
    return first.replace("\\", "/").rpartition("/")[2]


def _running(host: Host) -> frozenset[ToolName]:
    processes = host.processes()
    if not processes:
        raise SourceConflictError("processes", "none at all")
    return tools_among(processes)
