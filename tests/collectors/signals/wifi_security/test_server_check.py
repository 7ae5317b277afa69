"""Who checks an enterprise network's server: each program's settings, and what they come to."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.linux.claims import Claim, conclude
from passmuster_collectors.signals.wifi_security.linux.server_check import (
    by_iwd,
    by_networkmanager,
    by_supplicant,
)

OWN = b"file:///home/ana/.certs/radius.pem\0"
BUNDLE = b"file:///etc/ssl/certs/ca-certificates.crt\0"
ENTERPRISE = frozenset({Security.WPA2_ENTERPRISE})


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"eap": ["peap"], "ca-cert": OWN}, True),
        ({"eap": ["peap"], "ca-cert": [*OWN]}, True),
        ({"eap": ["peap"]}, False),
        ({"eap": ["tls"]}, False),
        ({"eap": ["ttls"], "system-ca-certs": False}, False),
        ({"eap": ["ttls"], "system-ca-certs": True}, False),
        ({"eap": ["ttls"], "system-ca-certs": True, "domain-suffix-match": "example.com"}, True),
        ({"eap": ["peap"], "ca-cert": BUNDLE}, False),
        ({"eap": ["peap"], "ca-cert": BUNDLE, "altsubject-matches": ["DNS:radius.test"]}, True),
        ({"eap": ["peap"], "ca-path": "/etc/ssl/certs", "domain-match": "radius.test"}, True),
        ({"eap": ["peap"], "domain-suffix-match": "example.com"}, False),
        ({"eap": ["pwd"]}, True),
        ({"eap": ["leap"]}, False),
        ({"eap": ["pwd", "peap"]}, False),
        ({"eap": ["fast"]}, UNKNOWN),
        ({"eap": []}, UNKNOWN),
        ({}, UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_a_profile_of_networkmanagers(section: Any, expected: bool | Unknown) -> None:
    assert by_networkmanager(section) == expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"eap": "PEAP", "ca_cert": '"/etc/radius.pem"'}, True),
        ({"eap": "PEAP"}, False),
        ({"eap": "PEAP TTLS", "ca_cert": '"/etc/ssl/certs/ca-certificates.crt"'}, False),
        ({"eap": "TTLS", "ca_path": '"/etc/ssl/certs"', "domain_match": '"radius.test"'}, True),
        ({"eap": "PWD"}, True),
        ({"key_mgmt": "WPA-EAP"}, UNKNOWN),
    ],
)
def test_a_network_of_wpa_supplicants(properties: Any, expected: bool | Unknown) -> None:
    assert by_supplicant(properties) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[Security]\nEAP-Method=PEAP\nEAP-PEAP-CACert=/var/lib/iwd/ca.pem\n", True),
        (b"[Security]\nEAP-Method=PEAP\nEAP-Identity=ana\n", False),
        (b"[Security]\nEAP-Method=PEAP\n#EAP-PEAP-CACert=/var/lib/iwd/ca.pem\n", False),
        (b"[Security]\nEAP-Method=TTLS\nEAP-PEAP-CACert=/var/lib/iwd/ca.pem\n", False),
        (b"[Security]\nEAP-Method=PWD\n", True),
        (b"[Settings]\nAutoConnect=true\n", UNKNOWN),
        (b"\xff\xfe", UNKNOWN),
    ],
)
def test_a_file_of_iwds(content: bytes, expected: bool | Unknown) -> None:
    assert by_iwd(content) == expected


def told(*answers: bool | Unknown | None, security: frozenset[Security] = ENTERPRISE) -> Any:
    claims = [
        Claim(str(at), security, False, None, frozenset(), each) for at, each in enumerate(answers)
    ]
    return conclude(claims).server_checked


def test_only_enterprise_networks_have_a_server_to_check() -> None:
    assert told(False, security=frozenset({Security.WPA2_PERSONAL})) is None


def test_whoever_knows_tells_and_contradiction_is_unknown() -> None:
    assert told(None, True) is True
    assert told(UNKNOWN, False, None) is False
    assert told(True, False) == UNKNOWN
    assert told(None) == UNKNOWN


values = st.none() | st.booleans() | st.integers() | st.binary() | st.text(string.printable)


@given(
    st.dictionaries(
        st.sampled_from(["eap", "ca-cert", "ca_cert", "ca-path"]), values | st.lists(values)
    )
)
def test_no_settings_make_it_stumble(section: dict[str, Any]) -> None:
    for answer in (by_networkmanager(section), by_supplicant(section)):
        assert answer in (True, False, UNKNOWN)
