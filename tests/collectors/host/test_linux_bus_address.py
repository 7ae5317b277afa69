import pytest

from passmuster_collectors.host.linux_bus_address import system_bus_address, unix_sockets


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("unix:path=/run/bus", ("/run/bus",)),
        ("unix:path=/run/a%20b,guid=0123", ("/run/a b",)),
        ("unix:abstract=/tmp/bus", ("\0/tmp/bus",)),
        ("unix:path=/a;unix:path=/b", ("/a", "/b")),
        ("tcp:host=127.0.0.1,port=1;unix:path=/b", ("/b",)),
        ("unix:dir=/tmp", ()),
        ("", ()),
        (";;,=:", ()),
    ],
)
def test_only_local_sockets_are_taken(address: str, expected: tuple[str, ...]) -> None:
    assert unix_sockets(address) == expected


def test_the_standard_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/elsewhere")
    assert system_bus_address() == "unix:path=/elsewhere"
    monkeypatch.delenv("DBUS_SYSTEM_BUS_ADDRESS")
    assert unix_sockets(system_bus_address())[0] == "/run/dbus/system_bus_socket"
