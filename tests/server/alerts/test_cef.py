"""An alert as CEF: what a reader written from its standard makes of it."""

from datetime import UTC, datetime

import pytest

from passmuster_server import __version__
from passmuster_server.alerts import cef
from passmuster_server.alerts.cef import messages_of
from passmuster_server.alerts.rules import Alert, Kind, Severity
from passmuster_server.policy.demands import JUDGED
from tests.support.syslog_receiver import read

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
URL = "https://passmuster.example.com:8443"
ALERT = Alert("d1", Kind.SHUT_OUT, Severity.HIGH, ("usb_devices", "firewall"), 1_772_616_600)


def test_an_alert_tells_which_laptop_why_how_bad_and_where_to_look() -> None:
    (message,) = messages_of([ALERT], "m", URL, NOW)
    assert message.startswith(
        b"<83>1 2026-03-04T09:30:00Z passmuster.example.com passmuster - shut_out - CEF:0|"
    )
    event = read(message)
    assert (event.vendor, event.product, event.version) == (
        "Passmuster",
        "Passmuster",
        __version__,
    )
    assert (event.event_class, event.name, event.severity) == ("shut_out", "Laptop is shut out", 8)
    assert event.values == {
        "rt": "1772616600000",
        "externalId": "m-0",
        "cat": "shut_out",
        "deviceExternalId": "d1",
        "reason": "usb_devices,firewall",
        "request": f"{URL}/fleet/devices/d1",
        "msg": "Laptop d1 is shut out (high): usb_devices, firewall",
    }


def test_each_alert_is_an_event_of_its_own() -> None:
    events = [read(each) for each in messages_of([ALERT, ALERT], "m", URL, NOW)]
    assert [each.event_class for each in events] == ["shut_out", "shut_out"]
    assert [each.values["externalId"] for each in events] == ["m-0", "m-1"]


def test_the_worse_it_is_the_more_urgent_is_its_priority() -> None:
    alerts = [Alert("d", Kind.GRACE, each, (), 1_772_616_600) for each in Severity]
    events = [read(each) for each in messages_of(alerts, "m", URL, NOW)]
    assert [(each.priority, each.severity) for each in events] == [(85, 3), (84, 6), (83, 8)]


def test_the_longest_message_is_one_that_each_receiver_takes() -> None:
    host = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert len(host) == 253, "the longest name that there is"
    signals = tuple(each.id for each in JUDGED)
    alerts = [Alert("f" * 32, each, Severity.MEDIUM, signals, 1_772_616_600) for each in Kind]
    told = messages_of(alerts * 10, "a" * 32, f"https://{host}:65535", NOW)
    assert all(read(each).values["reason"] == ",".join(signals) for each in told), "whole"
    assert max(map(len, told)) <= 2_048, "RFC 5425, section 4.3.1"


def test_a_test_says_that_it_is_one() -> None:
    (message,) = messages_of([], "m", URL, NOW)
    assert (read(message).event_class, read(message).values["rt"]) == ("test", "1772616600000")


@pytest.mark.parametrize("odd", ["a=b", "a|b", "a\\b", "a\\=|b\\", "one\ntwo\rthree", "x= y=", "é"])
def test_no_text_can_make_a_field_of_its_own(odd: str) -> None:
    alert = Alert(odd, Kind.SHUT_OUT, Severity.HIGH, (odd,), 1_772_616_600)
    event = read(messages_of([alert], "m", URL, NOW)[0])
    assert event.values["deviceExternalId"] == odd
    assert event.values["reason"] == odd
    assert set(event.values) == {
        *("rt", "externalId", "cat", "deviceExternalId", "reason", "request", "msg")
    }


def test_a_field_of_the_prefix_is_one_line_and_ends_at_its_own_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cef, "PRODUCT", "a|b\\c=d\ne")
    (message,) = messages_of([ALERT], "m", URL, NOW)
    assert b"|a\\|b\\\\c=d e|" in message
    assert read(message).product == "a|b\\c=d e"
