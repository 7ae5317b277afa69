"""What a freezer sees: it follows import statements, whatever system they are for."""

import pytest

from tests.architecture.modules import is_below, modules

COMMAND = "passmuster_agent.cli"

# A freezer takes a package's own module with everything inside it.
AGENT = ("passmuster_agent", "passmuster_collectors")


def reached_from(start: str) -> set[str]:
    """Return the modules of ours that `start` imports, in functions too, and those import."""
    known = modules()
    found: set[str] = set()
    left = [start]
    while left:
        name = left.pop()
        if name in known and name not in found:
            found.add(name)
            parents = name.split(".")
            left += [".".join(parents[:length]) for length in range(1, len(parents))]
            left += [each.module for each in known[name].imports]
    return found


def test_every_module_of_the_agent_is_reached_from_its_command() -> None:
    ours = {name for name in modules() if is_below(name, *AGENT)}
    assert sorted(ours - reached_from(COMMAND)) == []


@pytest.mark.parametrize(
    "module",
    [
        "passmuster_agent.keystore.cng",
        "passmuster_agent.keystore.dpapi",
        "passmuster_agent.service.launchd",
        "passmuster_agent.service.windows",
        "passmuster_agent.windows.file_rights",
        "passmuster_collectors.host.macos_watch",
        "passmuster_collectors.host.windows_watch",
        "passmuster_collectors.signals.screen_lock.windows",
    ],
)
def test_what_another_system_needs_is_reached_from_here(module: str) -> None:
    assert module in reached_from(COMMAND)
