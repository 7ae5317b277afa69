"""The OpenAPI document, and that every answer of the running server keeps to it."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import schemathesis

from passmuster_server.api.routes import routes
from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.signing_device import SigningDevice

DOCUMENT = "/api/v1/openapi.json"
SCOPES = tuple(
    argument
    for scope in (
        *("fleet.read", "fleet.manage", "audit.read"),
        *("enrolment.manage", "policy.manage", "policy.tighten", "groups.manage"),
        *("privacy.manage", "alerts.manage"),
        *("callers.manage", "break-glass.manage"),
        # Not webhooks.manage: nothing is to be sent to addresses that are made up.
        *("oidc.manage", "administrators.limit"),
    )
    for argument in ("--scope", scope)
)
EXAMPLES = 12

Fleet = dict[str, SigningDevice]


@pytest.fixture(scope="module")
def everything(caller: Caller, fleet: Fleet) -> httpx.Client:
    """A caller that may do all there is."""
    assert fleet
    return caller(*SCOPES)


def settings(folder: Path, client: httpx.Client, device: str) -> Path:
    """Return a configuration for `schemathesis`: the caller's token is not in its arguments."""
    path = folder / "schemathesis.toml"
    path.write_text(
        f"""
        headers = {{ Authorization = "{client.headers["Authorization"]}" }}

        [generation]
        database = "none"
        deterministic = true
        max-examples = {EXAMPLES}

        # An `after` that nobody gave out is refused, which its pattern can't say.
        [[operations]]
        include-operation-id = [
            "listDevices", "listDeploymentSecrets", "listPolicyVersions", "listGroups",
            "listAllowances", "listUnknownUsbDevices", "listNetworks", "listAlerts",
            "getHistory", "getHistoryOfGroups", "getTrends", "getEvidence",
            "listCallers", "listBreakGlassCodes", "listOidcClients", "listAdministrators",
        ]
        checks.positive_data_acceptance.expected-statuses = [200, 304, 400]

        # So is a reason that can't be printed, and one of blanks alone.
        [[operations]]
        include-operation-id = "grantWaiver"
        checks.positive_data_acceptance.expected-statuses = [201, 400]
        parameters = {{ device = "{device}" }}

        # No pattern says all that is wrong about an address, a name or a domain, nor what is there.
        [[operations]]
        include-operation-id = ["issueEnrolmentCode", "issueDeploymentSecret"]
        checks.positive_data_acceptance.expected-statuses = [201, 400, 409]

        [[operations]]
        include-operation-id = "revokeDeploymentSecret"
        checks.positive_data_acceptance.expected-statuses = [204, 404, 409]

        [[operations]]
        include-operation-id = "approveDevice"
        checks.positive_data_acceptance.expected-statuses = [204, 409]
        parameters = {{ device = "{device}" }}

        [[operations]]
        include-operation-id = "listGroupAdministrators"
        checks.positive_data_acceptance.expected-statuses = [200, 304, 400]
        parameters = {{ group = "default" }}

        # No pattern says which ways go together; and what is told where is a test's of its own.
        [[operations]]
        include-operation-id = "addAlert"
        checks.positive_data_acceptance.expected-statuses = [201, 400, 409]

        [[operations]]
        include-operation-id = ["testAlert", "removeAlert"]
        checks.positive_data_acceptance.expected-statuses = [200, 204, 404]
        parameters = {{ alert = "unknown" }}

        [[operations]]
        include-operation-id = ["grantAllowance", "makeGroup"]
        checks.positive_data_acceptance.expected-statuses = [201, 400, 409]

        [[operations]]
        include-operation-id = ["makeCaller", "makeBreakGlassCode", "addOidcClient"]
        checks.positive_data_acceptance.expected-statuses = [201, 400, 403, 409, 413]
        # Long lists of long texts are refused before they are read.
        checks.negative_data_rejection.expected-statuses = [
            400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429
        ]

        [[operations]]
        include-operation-id = "placeDevice"
        checks.positive_data_acceptance.expected-statuses = [204, 400]
        parameters = {{ device = "{device}" }}

        [[operations]]
        include-operation-id = [
            "addGroupAdministrator", "changeGroupAdministrator", "issueSignInLink"
        ]
        checks.positive_data_acceptance.expected-statuses = [201, 204, 400, 404, 409]
        parameters = {{ group = "default" }}

        # The laptop that the others are about has to stay.
        [[operations]]
        include-operation-id = "eraseDevice"
        parameters = {{ device = "{"0" * 32}" }}

        [[operations]]
        include-operation-id = ["shutOutAdministrator", "signOutAdministrator"]
        checks.positive_data_acceptance.expected-statuses = [200, 204, 400, 404, 409]

        # Nor what is a policy; and a tag that is made up is of none.
        [[operations]]
        include-operation-id = ["simulatePolicy", "simulateGroupPolicy"]
        checks.positive_data_acceptance.expected-statuses = [200, 400, 404]

        [[operations]]
        include-operation-id = ["publishPolicy", "rollBackPolicy", "changeGroupPolicy"]
        checks.positive_data_acceptance.expected-statuses = [200, 400, 404, 409, 412]
        checks.missing_required_header.expected-statuses = [428]

        [[operations]]
        include-operation-id = [
            "getDevice", "takeOutOfService", "getDeviceHistory", "explainDevice"
        ]
        parameters = {{ device = "{device}" }}
        """,
        encoding="utf-8",
    )
    return path


def test_schemathesis_finds_nothing(
    server: ClockedServer, everything: httpx.Client, fleet: Fleet, tmp_path: Path
) -> None:
    settled = settings(tmp_path, everything, fleet["olga2"].device)
    found = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(settled)),
            *("run", server.url + DOCUMENT, "--no-color"),
        ],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_document_is_there_for_everyone_and_has_a_tag(server: ClockedServer) -> None:
    with server.client() as stranger:
        first = stranger.get(DOCUMENT)
        again = stranger.get(DOCUMENT, headers={"If-None-Match": first.headers["ETag"]})
    assert first.json()["openapi"] == "3.1.0"
    assert first.json()["servers"] == [{"url": server.url}]
    assert again.status_code == 304


def test_it_describes_every_address_of_the_api(server: ClockedServer) -> None:
    served = {
        (route.path, method.lower())
        for route in routes(server.services)
        for method in (route.methods or set()) - {"HEAD"}
        if route.path != DOCUMENT
    }
    with server.client() as stranger:
        paths = stranger.get(DOCUMENT).json()["paths"]
    assert {(path, method) for path, methods in paths.items() for method in methods} == served


def test_a_real_device_keeps_to_its_description(everything: httpx.Client, fleet: Fleet) -> None:
    described = schemathesis.openapi.from_dict(everything.get(DOCUMENT).json())
    for name in ("mia", "olga1"):
        answer = everything.get(f"/api/v1/devices/{fleet[name].device}")
        described["/api/v1/devices/{device}"]["get"].validate_response(answer)
