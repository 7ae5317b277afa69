"""Who may import whom. The arrows go one way: agent → collectors ← server."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.architecture.modules import Import, Module, is_below, is_ours, is_standard, modules

COLLECTORS = "passmuster_collectors"
CONTRACT = f"{COLLECTORS}.contract"
HOST = f"{COLLECTORS}.host"
TEXT = f"{COLLECTORS}.text"
SIGNALS = f"{COLLECTORS}.signals"
LANGUAGES = f"{COLLECTORS}.languages"

# What an agent on a laptop loads, and a server must not have installed even.
AGENT_LIBRARIES = ("jeepney", "keyring", "libusb_package", "netifaces", "psutil", "requests", "usb")
READERS = ("linux", "macos", "windows")


def is_platform_reader(name: str) -> bool:
    """Whether the module reads one system's sources for a signal."""
    parts = name.split(".")
    return name.startswith(f"{SIGNALS}.") and any(part in READERS for part in parts[3:])


def may_import_collectors(module: str, imported: str) -> bool:
    """Whether a module of the collectors may import another one of ours."""
    if is_below(module, CONTRACT):
        return is_below(imported, CONTRACT)
    if is_below(module, TEXT):
        return is_below(imported, TEXT)
    if is_below(module, LANGUAGES):
        return is_below(imported, TEXT, LANGUAGES)
    if is_below(module, HOST):
        return is_below(imported, CONTRACT, HOST)
    if is_below(module, SIGNALS):
        names = ("answers", "base", "commands", "windows_answers")
        questions = tuple(f"{HOST}.{name}" for name in names)
        bases = (CONTRACT, *questions, TEXT, SIGNALS)
        return is_below(imported, *bases)
    return is_below(imported, COLLECTORS)


def may_import(module: str, imported: str) -> bool:
    """Whether `module` may import `imported`, which is one of ours."""
    if is_below(module, COLLECTORS):
        return may_import_collectors(module, imported)
    if is_below(module, "passmuster_agent"):
        return is_below(imported, "passmuster_agent", COLLECTORS)
    if imported == COLLECTORS:
        return True  # the version
    if is_below(imported, CONTRACT, LANGUAGES, SIGNALS):
        return not is_platform_reader(imported)
    return is_below(imported, "passmuster_server")


def offenders(wrong: Callable[[Module, Import], bool]) -> list[str]:
    return [
        f"{module.path}:{each.line} imports {each.module}"
        for module in modules().values()
        for each in module.imports
        if wrong(module, each)
    ]


def test_the_arrows_between_the_packages_go_one_way() -> None:
    found = offenders(
        lambda module, each: is_ours(each.module) and not may_import(module.name, each.module)
    )
    assert found == []


def test_the_contract_and_the_parsers_need_the_standard_library_alone() -> None:
    found = offenders(
        lambda module, each: (
            is_below(module.name, CONTRACT, LANGUAGES, TEXT)
            and not is_ours(each.module)
            and not is_standard(each.module)
        )
    )
    assert found == []


def test_a_signal_needs_no_library_and_reaches_the_system_through_the_host_alone() -> None:
    doors = ("os", "subprocess", "socket", "pathlib", "ctypes", "platform", "shutil", "pwd", "glob")
    found = offenders(
        lambda module, each: (
            is_below(module.name, SIGNALS)
            and not is_ours(each.module)
            and (not is_standard(each.module) or is_below(each.module, *doors))
        )
    )
    assert found == []


def test_only_the_host_may_load_what_reads_the_machine() -> None:
    found = offenders(
        lambda module, each: (
            is_below(each.module, "psutil", "usb", "libusb_package", "netifaces")
            and not is_below(module.name, HOST)
        )
    )
    assert found == []


def test_a_platforms_reader_is_loaded_by_its_own_room_when_it_is_asked_to_read() -> None:
    found = offenders(
        lambda module, each: (
            is_platform_reader(each.module)
            and not is_platform_reader(module.name)
            and not (each.deferred and each.module.startswith(f"{module.name}."))
        )
    )
    assert found == []


def test_a_room_does_not_read_another_rooms_sources_for_another_system() -> None:
    def crosses(module: Module, each: Import) -> bool:
        if not (is_platform_reader(module.name) and is_platform_reader(each.module)):
            return False
        here = next(part for part in module.name.split(".")[3:] if part in READERS)
        there = next(part for part in each.module.split(".")[3:] if part in READERS)
        return here != there

    assert offenders(crosses) == []


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    graph = {
        module.name: {
            each.module for each in module.imports if each.module in modules() and not each.deferred
        }
        for module in modules().values()
    }
    assert _circle(graph) == []


def test_imports_are_absolute_and_none_is_made_from_a_text() -> None:
    # It loads later what others' import statements name: whoever follows those misses nothing.
    later = "passmuster_agent.lean_imports"
    found = offenders(
        lambda module, each: (
            is_below(each.module, "importlib", "pkgutil", "imp") and module.name != later
        )
    )
    allowed = ("importlib.metadata", "importlib.resources")
    assert [each for each in found if not each.endswith(allowed)] == []


def loaded_by(*names: str) -> list[str]:
    """Return the modules that a fresh interpreter has loaded after importing `names`."""
    program = f"import {', '.join(names)}, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded: list[str] = json.loads(done.stdout)
    return loaded


def test_the_whole_server_runs_without_a_reader_or_an_agents_library() -> None:
    # Alembic runs the migrations as scripts; they can't be imported.
    server = "passmuster_server"
    # Traces bring libraries of their own, and are loaded by whoever has asked for them.
    left_out = ("passmuster_server.migrations", "passmuster_server.telemetry")
    names = [name for name in modules() if is_below(name, server) and not is_below(name, *left_out)]
    loaded = loaded_by(*names)
    assert [name for name in loaded if is_platform_reader(name)] == []
    assert [name for name in loaded if is_below(name, "passmuster_agent", *AGENT_LIBRARIES)] == []


def test_the_catalog_of_signals_is_loaded_without_a_reader_or_a_library() -> None:
    loaded = loaded_by(SIGNALS)
    assert [name for name in loaded if is_platform_reader(name)] == []
    assert [name for name in loaded if is_below(name, *AGENT_LIBRARIES)] == []


@pytest.mark.parametrize(
    ("module", "imported", "expected"),
    [
        (f"{CONTRACT}.codec", f"{SIGNALS}.signal", False),
        (f"{HOST}.linux", f"{CONTRACT}.reading", True),
        (f"{HOST}.linux", f"{SIGNALS}.signal", False),
        (f"{SIGNALS}.usb_devices.rule", f"{HOST}.linux", False),
        (f"{SIGNALS}.usb_devices.linux", f"{HOST}.base", True),
        (f"{SIGNALS}.usb_devices.windows", f"{HOST}.windows_answers", True),
        ("passmuster_agent.daemon", "passmuster_server.app", False),
        ("passmuster_agent.daemon", f"{COLLECTORS}.runner", True),
        ("passmuster_server.app", "passmuster_agent.daemon", False),
        ("passmuster_server.app", f"{COLLECTORS}.runner", False),
        ("passmuster_server.app", f"{SIGNALS}.usb_devices.linux", False),
        ("passmuster_server.app", f"{SIGNALS}.usb_devices.rule", True),
    ],
)
def test_the_rule_itself_tells_right_from_wrong(
    module: str, imported: str, *, expected: bool
) -> None:
    assert may_import(module, imported) is expected


def test_a_circle_would_be_seen() -> None:
    assert _circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c"]
    assert _circle({"a": {"b"}, "b": set()}) == []


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of a circle in order, or nothing."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for other in sorted(graph.get(name, ())):
            if circle := visit(other, [*path, name]):
                return circle
        done.add(name)
        return []

    return next((circle for name in sorted(graph) if (circle := visit(name, []))), [])
