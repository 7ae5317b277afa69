"""What only Windows can be asked is missing everywhere else, never empty."""

from collections.abc import Callable

import pytest

from passmuster_collectors.host.base import Host, SourceMissingError
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.host.macos import MacHost
from passmuster_collectors.host.windows_answers import Hive, WindowsQuestions

KEY = b"sixteen bytes or more"
QUESTIONS: dict[str, Callable[[Host], object]] = {
    "registry_value": lambda host: host.registry_value(Hive.LOCAL_MACHINE, "SOFTWARE", "x"),
    "registry_keys": lambda host: host.registry_keys(Hive.USERS, ""),
    "storage_volumes": lambda host: host.storage_volumes(),
    "shell_number": lambda host: host.shell_number("C:\\", "System.Volume.BitLockerProtection"),
    "wireless_connections": lambda host: host.wireless_connections(),
    "network_adapters": lambda host: host.network_adapters(),
    "network_routes": lambda host: host.network_routes(),
    "present_devices": lambda host: host.present_devices(),
    "user_sessions": lambda host: host.user_sessions(),
    "power_setting": lambda host: host.power_setting("a", "b"),
    "power_capabilities": lambda host: host.power_capabilities(),
}


def test_every_question_is_asked_here() -> None:
    named = {name for name in vars(WindowsQuestions) if not name.startswith("_")}
    assert set(QUESTIONS) == named


@pytest.mark.parametrize("host", [LinuxHost(KEY), MacHost(KEY)], ids=["linux", "macos"])
@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_it_is_missing(host: Host, question: Callable[[Host], object]) -> None:
    with pytest.raises(SourceMissingError, match="not Windows"):
        question(host)
