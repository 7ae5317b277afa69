"""Every question that a reader asks a Mac or a PC, and what is tried with its answer.

The table names each source of `docs/platforms.md` by what is asked. Most answers are distorted
elsewhere, each on every recorded machine that is asked for it: outputs of programs and files in
`test_distortions.py`, lists of Windows' interfaces in `test_distorted_answers.py`, settings in
`test_distorted_settings.py`. What a companion says, and what is left, is distorted here.
"""

import dataclasses
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.host.base import COMPANION, Host, SourceError, SourceMissingError
from passmuster_collectors.runner import OWN_ERROR, collect
from passmuster_collectors.signals import CATALOG, signal_by_id
from tests.collectors import test_distorted_answers, test_distorted_settings, test_distortions
from tests.support.recorded_host import RecordedHost
from tests.support.recorded_windows import program_line
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings"
LETS_IN = {Outcome.PASS, Outcome.NOT_APPLICABLE}

OUTPUT, LIST, SETTING, WORD, HERE = "output", "list", "setting", "word", "here"
TRIED_IN = {
    OUTPUT: test_distortions,
    LIST: test_distorted_answers,
    SETTING: test_distorted_settings,
}

LOCK_SETTINGS = {
    r"registry_value HK(LM|U) .*": SETTING,
    r"power_setting \S+ \S+": SETTING,
    r"registry_keys HKU \S+": HERE,
    r"file_status .*\.scr": HERE,
    "power_capabilities": HERE,
    "user_sessions": LIST,
}
MAC_LOCK = {
    r"IOREG -n Root -d1 -a": OUTPUT,
    r"DEFAULTS -currentHost read com\.apple\.screensaver idleTime": OUTPUT,
    r"SYSADMINCTL -screenLock status": OUTPUT,
    r"PMSET -g custom": OUTPUT,
    r"read_file /Library/Managed Preferences/(\w+/)?com\.apple\.screensaver\.plist": OUTPUT,
    "file_status /dev/console": HERE,
    r"testimony \d+ screen_lock": WORD,
}

SOURCES: dict[tuple[str, str], dict[str, str]] = {
    ("macos", "disk_encryption"): {
        "FDESETUP status": OUTPUT,
        "DISKUTIL apfs list -plist": OUTPUT,
        r"DISKUTIL info -plist (/|/System/Volumes/Data)": OUTPUT,
        "DISKUTIL list -plist internal physical": OUTPUT,
    },
    ("macos", "wifi_security"): {
        "SYSTEM_PROFILER -json SPAirPortDataType": OUTPUT,
        r"IPCONFIG getsummary \w+": OUTPUT,
        "network_interfaces": HERE,
    },
    ("macos", "screen_lock"): MAC_LOCK
    | {"IOREG -r -c IOHIDSystem -d1 -a": OUTPUT, "PMSET -g assertions": OUTPUT},
    ("macos", "usb_devices"): {
        "IOREG -r -c IOUSBHostDevice -l -a": OUTPUT,
        "SYSTEM_PROFILER -json SPUSB(Host)?DataType": OUTPUT,
    },
    ("macos", "idle_logoff"): MAC_LOCK
    | {
        r"read_file /Library/(Managed )?Preferences/(\w+/)?\.GlobalPreferences\.plist": OUTPUT,
        r"read_file /etc/z\w+": OUTPUT,
        "processes": HERE,
    },
    ("macos", "automatic_login"): {
        r"read_file /Library/(Managed )?Preferences/com\.apple\.loginwindow\.plist": OUTPUT,
        "file_status /etc/kcpassword": HERE,
    },
    ("macos", "firewall"): {"SOCKETFILTERFW --getglobalstate": OUTPUT},
    ("macos", "system_updates"): {
        r"read_file /System/Library/CoreServices/SystemVersion\.plist": OUTPUT,
        r"read_file /Library/Preferences/com\.apple\.SoftwareUpdate\.plist": OUTPUT,
    },
    ("macos", "remote_access"): {"processes": HERE},
    ("macos", "secure_boot"): {"SYSTEM_PROFILER -json SPiBridgeDataType": OUTPUT},
    ("windows", "disk_encryption"): {
        "POWERSHELL # BitLocker": OUTPUT,
        r"MANAGE_BDE -status \w: -protectionaserrorlevel": OUTPUT,
        "storage_volumes": LIST,
        r"shell_number \w:\\ System\.Volume\.BitLockerProtection": HERE,
        r"registry_value HKLM SYSTEM\\CurrentControlSet\\Services\\\w+ Start": SETTING,
    },
    ("windows", "wifi_security"): {
        "wireless_connections": LIST,
        "network_adapters": LIST,
        "network_routes": LIST,
        "user_sessions": LIST,
        r"testimony \d+ wifi_security": WORD,
    },
    ("windows", "screen_lock"): LOCK_SETTINGS,
    ("windows", "usb_devices"): {"present_devices": LIST},
    ("windows", "idle_logoff"): LOCK_SETTINGS,
    ("windows", "automatic_login"): {r"registry_value HKLM .*\\Winlogon \w+": SETTING},
    ("windows", "firewall"): {
        r"registry_value HKLM .*\\\w+Profile \w+": SETTING,
        r"registry_value HKLM .*\\mpssvc Start": SETTING,
    },
    ("windows", "system_updates"): {
        r"registry_value HKLM .*\\CurrentVersion \w+": SETTING,
        r"registry_keys HKLM .*\\WindowsUpdate(\\Auto Update)?": HERE,
    },
    ("windows", "remote_access"): {
        "processes": HERE,
        r"registry_value HKLM .* fDenyTSConnections": SETTING,
    },
    ("windows", "secure_boot"): {
        r"registry_value HKLM .* (UEFISecureBootEnabled|PEFirmwareType)": SETTING,
    },
}
QUESTIONS = [name for name in vars(Host) if not name.startswith("_")] + [
    *("registry_value", "registry_keys", "storage_volumes", "shell_number", "present_devices"),
    *("wireless_connections", "network_adapters", "network_routes", "user_sessions"),
    *("power_setting", "power_capabilities"),
]
SYSTEM_HAS_ANSWERED = {"now", "platform", "uid", "keyed_hash", "resolve"}
Distort = Callable[[Any], Any]

often = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def question_of(name: str, arguments: tuple[Any, ...]) -> str:
    """Return how the table names a question."""
    if name == "run":
        return program_line(arguments[0], arguments[1:])
    return " ".join((name, *(str(each) for each in arguments)))


class BentHost(RecordedHost):
    """Notes what it is asked; the answer to the question that `pattern` names is distorted."""

    def __init__(
        self, machine: Mapping[str, Any], pattern: str = "", distort: Distort = id
    ) -> None:
        super().__init__(machine)
        self.asked: set[str] = set()
        for name in QUESTIONS:
            if name not in SYSTEM_HAS_ANSWERED and hasattr(self, name):
                setattr(self, name, self._bent(name, getattr(self, name), pattern, distort))

    def _bent(self, name: str, ask: Callable[..., Any], pattern: str, distort: Distort) -> Any:
        def bent(*arguments: Any, **options: Any) -> Any:
            question = question_of(name, arguments)
            try:
                answer = ask(*arguments, **options)
            except SourceError:
                self.asked.add(question)
                raise
            self.asked.add(f"{question}\0")
            return distort(answer) if pattern and re.fullmatch(pattern, question) else answer

        return bent


def recorded() -> Iterator[tuple[str, Path, str, str]]:
    for system in ("macos", "windows"):
        for path in sorted(MACHINES.glob(f"{system}/*/expected.json")):
            for name, expected in json.loads(path.read_text(encoding="utf-8")).items():
                yield system, path.parent / "machine.json", name, expected["outcome"]


@cache
def asked(path: Path, name: str) -> frozenset[str]:
    """Return what that machine is asked; a NUL stands after what it answered."""
    host = BentHost(json.loads(path.read_text(encoding="utf-8")))
    collect(host, [signal_by_id(name)])
    return frozenset(host.asked)


def cases(*kinds: str) -> list[Any]:
    """Return every machine with each source of those kinds that answers there."""
    return [
        pytest.param(path, name, pattern, outcome, id=f"{path.parent.name}-{name}-{pattern}")
        for system, path, name, outcome in recorded()
        for pattern, kind in SOURCES[system, name].items()
        if kind in kinds
        and any(
            each.endswith("\0") and re.fullmatch(pattern, each[:-1]) for each in asked(path, name)
        )
    ]


def judged(path: Path, name: str, pattern: str, distort: Distort) -> Outcome:
    signal = signal_by_id(name)
    host = BentHost(json.loads(path.read_text(encoding="utf-8")), pattern, distort)
    (reading,) = collect(host, [signal])
    assert reading.reason != OWN_ERROR, reading.sources
    return signal.judge(reading, signal.limits()).outcome


class TestTheTable:
    def test_is_about_every_reader_of_both_systems(self) -> None:
        readers = {
            (platform.value, signal.id)
            for signal in CATALOG
            for platform, reader in signal.readers.items()
            if reader is not None and platform.value in {"macos", "windows"}
        }
        assert SOURCES.keys() == readers

    def test_names_every_question_that_is_asked(self) -> None:
        unnamed = {
            (system, name, question.rstrip("\0"))
            for system, path, name, _ in recorded()
            for question in asked(path, name)
            if not any(re.fullmatch(each, question.rstrip("\0")) for each in SOURCES[system, name])
        }
        assert unnamed == set()

    @pytest.mark.parametrize(
        ("system", "name", "pattern"),
        [(system, name, each) for (system, name), found in SOURCES.items() for each in found],
    )
    def test_every_source_answers_on_a_recorded_machine(
        self, system: str, name: str, pattern: str
    ) -> None:
        answers = [
            path
            for found, path, signal, _ in recorded()
            if (found, signal) == (system, name)
            and any(
                each.endswith("\0") and re.fullmatch(pattern, each[:-1])
                for each in asked(path, name)
            )
        ]
        assert answers, "nothing is ever distorted where nothing answers"

    @pytest.mark.parametrize("kind", TRIED_IN)
    def test_the_other_tests_try_what_they_are_said_to_try(self, kind: str) -> None:
        tried = TRIED_IN[kind]
        assert any(name.startswith("test_no_") for name in vars(tried))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("unknown"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["stations", "guid", "cipher", "idle_s", "grace_s", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def is_a_word(value: Any) -> bool:
    """Whether a companion may say it: then it is another word, and no distorted one."""
    if not isinstance(value, dict):
        return False
    return value.keys() in ({"idle_s", "grace_s"}, {"stations"})


def nobody(_: Any) -> Any:
    raise SourceMissingError(COMPANION, "none runs")


@pytest.mark.parametrize(("path", "name", "pattern", "outcome"), cases(WORD))
@often
@given(said=JSON.filter(lambda value: not is_a_word(value)))
def test_what_no_companion_may_say_is_worth_no_more_than_none(
    path: Path, name: str, pattern: str, outcome: str, said: Any
) -> None:
    found = judged(path, name, pattern, lambda _: said)
    assert found not in LETS_IN or judged(path, name, pattern, nobody) in LETS_IN
    if "companion_tells" in path.parent.name:
        assert found not in LETS_IN, f"the word was all there was, and it was {outcome}"


def emptied(answer: Any) -> Any:
    if isinstance(answer, tuple):
        return ()
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        return answer
    return type(answer)()


@pytest.mark.parametrize(
    ("path", "name", "pattern", "outcome"),
    [
        case
        for case in cases(HERE)
        if case.values[2] in {"processes", "network_interfaces"} or "shell" in case.values[2]
    ],
)
def test_an_empty_answer_is_never_a_pass(path: Path, name: str, pattern: str, outcome: str) -> None:
    assert judged(path, name, pattern, emptied) not in LETS_IN, outcome


LETTERS = "abc \0\n../\\:%äя😀"


def bent(answer: Any, chance: random.Random) -> Any:
    """Return another answer of the same kind: cut, reordered, garbled, of other numbers."""
    if isinstance(answer, tuple):
        kept = list(answer[: chance.randint(0, len(answer))])
        chance.shuffle(kept)
        return tuple(bent(each, chance) for each in kept)
    if isinstance(answer, bool):
        return chance.random() < 0.5
    if isinstance(answer, int):
        return chance.choice((0, 1, 5, 2**16, 2**31, 2**64 - 1, chance.randint(0, 2**64 - 1)))
    if isinstance(answer, str):
        return "".join(chance.choices(LETTERS, k=chance.randint(0, 20)))
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        changed = {
            field.name: bent(getattr(answer, field.name), chance)
            for field in dataclasses.fields(answer)
        }
        return dataclasses.replace(answer, **changed)
    return answer


@pytest.mark.parametrize(("path", "name", "pattern", "outcome"), cases(HERE))
@often
@given(seed=st.integers(0, 2**32))
def test_no_answer_makes_a_reader_stumble(
    path: Path, name: str, pattern: str, outcome: str, seed: int
) -> None:
    # A reader asks in a thread of its own, so the answer is worked out from a number.
    found = judged(path, name, pattern, lambda answer: bent(answer, random.Random(seed)))
    if "shell_number" in pattern:
        assert found not in LETS_IN or outcome in LETS_IN
