"""Two reports of one Wi-Fi interface, and what they say together."""

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.macos.airport import Station, parse_airport
from passmuster_collectors.signals.wifi_security.macos.ipconfig import Summary, parse_summary
from passmuster_collectors.signals.wifi_security.macos.negotiated import agree

WPA2 = frozenset({Security.WPA2_PERSONAL})
MIXED = frozenset({Security.WPA1_PERSONAL, Security.WPA2_PERSONAL})


def station(security: frozenset[Security] = WPA2, *, ssid: str | None = None) -> Station:
    return Station("en0", True, security, ssid)


def summary(
    security: Security | None = Security.WPA2_PERSONAL, *, ssid: str | None = None
) -> Summary:
    return Summary(is_wifi=True, active=True, security=security, ssid=ssid)


def printed(*lines: str) -> bytes:
    head = ("  InterfaceType : WiFi", "  LinkStatusActive : TRUE")
    return "\n".join(("<dictionary> {", *head, *lines, "}", "")).encode()


class TestAgreement:
    def test_what_both_say_counts(self) -> None:
        assert agree(station(), summary()).security is Security.WPA2_PERSONAL

    def test_the_summary_decides_what_a_mixed_network_negotiated(self) -> None:
        joined = agree(station(MIXED), summary(Security.WPA2_PERSONAL))
        assert joined.security is Security.WPA2_PERSONAL
        assert joined.weak_cipher == UNKNOWN, "the group cipher may still be the old one"
        assert agree(station(MIXED), summary(Security.WPA1_PERSONAL)).weak_cipher is True

    def test_one_of_them_alone_is_never_good_news(self) -> None:
        assert agree(station(), None).security is Security.UNKNOWN
        assert agree(station(), summary(None)).security is Security.UNKNOWN
        assert agree(station(frozenset()), summary()).security is Security.UNKNOWN

    def test_one_of_them_alone_is_bad_news(self) -> None:
        opened = frozenset({Security.OPEN})
        assert agree(station(opened), None).security is Security.OPEN
        assert agree(station(frozenset()), summary(Security.WEP)).security is Security.WEP

    def test_a_disagreement_is_unknown_and_told(self) -> None:
        joined = agree(station(), summary(Security.OPEN))
        assert joined.security is Security.UNKNOWN
        assert "security" in joined.conflict

    def test_an_interface_that_is_off_in_one_report_alone_is_a_conflict(self) -> None:
        off = Station("en0", False, frozenset(), None)
        joined = agree(off, summary(Security.OPEN))
        assert joined.connected == UNKNOWN
        assert "connected" in joined.conflict
        assert agree(off, None).connected is False

    def test_the_name_counts_when_the_two_do_not_contradict_each_other(self) -> None:
        assert agree(station(ssid="a"), summary(ssid="a")).ssid == "a"
        assert agree(station(), summary(ssid="a")).ssid == "a"
        assert agree(station(ssid="b"), summary(ssid="a")).ssid is None


class TestSummary:
    def test_entries_below_the_first_level_are_somebody_elses(self) -> None:
        nested = ("  IPv4 : <array> {", "    Security : WPA3_SAE", "Security : WPA3_SAE", "  }")
        assert parse_summary(printed(*nested, "  Security : NONE")).security is Security.OPEN

    @pytest.mark.parametrize(
        "lines",
        [
            ("  Security : WPA3_SAE", "  Security : NONE"),
            ("  SSID : x", "  Security : WPA3_SAE", "  Security : NONE"),
            ("  InterfaceType : WiFi", "  Security : NONE"),
            ("}", "  Security : WPA3_SAE", "<dictionary> {"),
            ("  IPv4 : <array> {", "  Security : WPA3_SAE"),
        ],
        ids=["twice", "by-name", "another-key", "closed-early", "never-closed"],
    )
    def test_lines_that_a_network_may_have_written_are_a_conflict(
        self, lines: tuple[str, ...]
    ) -> None:
        with pytest.raises(SourceConflictError):
            parse_summary(printed(*lines))

    @pytest.mark.parametrize(
        ("word", "security"),
        [
            ("NONE", Security.OPEN),
            ("WEP", Security.WEP),
            ("WPA_PSK", Security.WPA1_PERSONAL),
            ("WPA2_PSK", Security.WPA2_PERSONAL),
            ("WPA3_SAE", Security.WPA3_PERSONAL),
            ("WPA2_EAP", Security.WPA2_ENTERPRISE),
            ("OWE", Security.OWE),
            ("WPA4_SAE", Security.UNKNOWN),
            ("KEINE", Security.UNKNOWN),
            ("", Security.UNKNOWN),
        ],
    )
    def test_a_word_that_is_not_known_is_unknown(self, word: str, security: Security) -> None:
        assert parse_summary(printed(f"  Security : {word}")).security is security

    @pytest.mark.parametrize("output", [b"", b"\n", b"{", b"<dictionary> {\n", b"\xff\xfe"])
    def test_anything_else_is_a_conflict(self, output: bytes) -> None:
        with pytest.raises(SourceConflictError):
            parse_summary(output)


class TestReport:
    def test_an_interface_without_status_and_mode_is_not_for_joining(self) -> None:
        airdrop = {"_name": "awdl0", "spairport_current_network_information": {}}
        report = {"SPAirPortDataType": [{"spairport_airport_interfaces": [airdrop]}]}
        assert parse_airport(report) == ()

    @pytest.mark.parametrize(
        "mode", ["spairport_security_mode_wpa3_personal", "pairport_security_mode_wpa3_personal"]
    )
    def test_both_spellings_of_a_mode_are_read(self, mode: str) -> None:
        (found,) = parse_airport(report_of({"spairport_security_mode": mode}))
        assert found.security == {Security.WPA3_PERSONAL}

    @pytest.mark.parametrize("mode", ["spairport_security_mode_new", "wpa3", 3, None, ["none"]])
    def test_a_mode_that_is_not_known_is_none(self, mode: object) -> None:
        (found,) = parse_airport(report_of({"spairport_security_mode": mode}))
        assert found.security == frozenset()

    def test_an_interface_that_is_off_and_joined_is_neither(self) -> None:
        network = {"spairport_security_mode": "spairport_security_mode_none"}
        (found,) = parse_airport(report_of(network, status="spairport_status_off"))
        assert found.connected == UNKNOWN

    @pytest.mark.parametrize(
        "value",
        [
            None,
            [],
            {},
            {"SPAirPortDataType": {}},
            {"SPAirPortDataType": ["en0"]},
            {"SPAirPortDataType": [{"spairport_airport_interfaces": "en0"}]},
            {
                "SPAirPortDataType": [
                    {"spairport_airport_interfaces": [{"spairport_status_information": "x"}]}
                ]
            },
        ],
    )
    def test_anything_else_is_a_conflict(self, value: object) -> None:
        with pytest.raises(SourceConflictError):
            parse_airport(value)


def report_of(network: object, status: str = "spairport_status_connected") -> object:
    interface = {
        "_name": "en0",
        "spairport_status_information": status,
        "spairport_current_network_information": network,
    }
    return {"SPAirPortDataType": [{"spairport_airport_interfaces": [interface]}]}
