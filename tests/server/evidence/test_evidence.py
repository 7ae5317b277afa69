"""What an auditor is handed: its figures, its controls, on the page, as a PDF and as JSON."""

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.signals import CATALOG
from passmuster_server.evidence.gathering import Outcomes, gather
from passmuster_server.evidence.measures import SIGNALS, measures
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import signed_in, wait_until
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice
from tests.support.tools import require_tool

OFF = "idle_logoff"
POLICY = f'[signals.{USB}]\nseverity = "block"\n[signals.{OFF}]\nseverity = "off"\n'
ANA = "ana@example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("server"), policy=POLICY) as running:
        with running.client() as client:
            laptops = [SigningDevice(running.url) for _ in range(3)]
            for laptop in laptops:
                laptop.enroll(client, running.enroll_code(ANA))
                laptop.report(client, healthy())
            laptops[1].report(client, with_stick())
            laptops[2].report(client, with_stick())
            running.command("waive", laptops[2].device, USB, "--days", "1", "--reason", "Agreed")
            laptops[2].report(client, with_stick())
        running.command("policy", "publish", str(policy_file(tmp_path_factory)))
        judged = "SELECT count(*) FROM verdicts WHERE verdict = 'compliant' AND policy_version = 3"
        wait_until(lambda: running.rows(judged) == [(2,)])
        yield running


def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    path.write_text(f"{POLICY}# The second version.\n")
    return path


def written(server: ClockedServer, path: Path) -> bytes:
    server.command("evidence", str(path))
    return path.read_bytes()


def text_of(pdf: bytes) -> str:
    command = [str(require_tool("pdftotext")), "-layout", "-", "-"]
    return subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()


def test_every_signal_has_its_controls() -> None:
    assert {signal.id for signal in CATALOG} == set(SIGNALS)
    for measure in measures():
        assert measure.controls.iso_27001, measure.title
        assert measure.controls.trust_services, measure.title


def test_it_counts_laptops_by_what_they_are_now(server: ClockedServer, tmp_path: Path) -> None:
    found = json.loads(written(server, tmp_path / "evidence.json"))
    assert found["by_status"] == {"active": 3}
    assert found["by_verdict"]["compliant"] == 2
    assert found["by_verdict"]["non_compliant"] == 1
    usb = found["signals"][USB]
    assert (usb["passed"], usb["failed"], usb["excepted"]) == (1, 1, 1)
    assert found["waivers_granted"] == found["waivers_in_force"] == 1
    assert found["deeds"]["waiver.granted"] == 1
    assert [each["version"] for each in found["policies"]] == [1, 2, 3]
    assert found["chain"]["problem"] == ""
    assert found["measures"][0]["controls"]["iso_27001"]


def test_of_laptops_that_fell_silent_every_signal_that_policy_looks_at_is_unknown(
    server: ClockedServer,
) -> None:
    services, now = server.services, server.now()
    standings = services.standings.all(DEFAULT_ORGANISATION)
    period = (now, now + timedelta(days=3))
    found = services.database.read_now(
        lambda connection: gather(connection, DEFAULT_ORGANISATION, standings, *period, period[1])
    )
    assert found.by_verdict == {"unknown": 3}
    assert found.signals[OFF] == Outcomes(), "nobody looks at it, silent or not"
    others = [each for signal, each in found.signals.items() if signal != OFF]
    assert {each.unknown for each in others} == {3}
    assert {each.passed for each in others} == {0}


def test_it_names_no_worker(server: ClockedServer, tmp_path: Path) -> None:
    assert ANA.encode() not in written(server, tmp_path / "evidence.json")


def test_the_pdf_says_the_same(server: ClockedServer, tmp_path: Path) -> None:
    text = text_of(written(server, tmp_path / "evidence.pdf"))
    for expected in ("not compliant", "USB devices", "ISO 27001", "CC6.1", "32(1)(a)", "Page 1"):
        assert expected in text, text
    assert "The audit record holds" in text
    assert ANA not in text


def test_handing_it_out_goes_on_record(server: ClockedServer, tmp_path: Path) -> None:
    written(server, tmp_path / "evidence.pdf")
    newest = server.command("audit", "--limit", "1").stdout
    assert "audit.exported" in newest
    assert "evidence.pdf" in newest
    assert (tmp_path / "evidence.pdf").stat().st_mode & 0o077 == 0, "the file is its owner's alone"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("out.docx",), "file: expected a name that ends with .pdf or .json"),
        (("out.pdf", "--since", "tomorrow"), "--since: expected a time such as"),
        (("out.pdf", "--since", "2020-01-01"), "--since: expected a time up to 400 days"),
        (("/nowhere/out.pdf",), "file: /nowhere/out.pdf: No such file"),
    ],
)
def test_what_can_not_be_written_is_told(
    server: ClockedServer, arguments: tuple[str, ...], said: str
) -> None:
    done = server.command("evidence", *arguments, check=False)
    assert done.returncode != 0
    assert said in done.stderr


def test_a_record_that_does_not_hold_is_said_loudly(tmp_path: Path) -> None:
    with clocked_server(tmp_path / "server", policy=POLICY) as server:
        server.enroll_code(ANA)
        server.change("UPDATE audit_entries SET actor = 'nobody' WHERE number = 1")
        done = server.command("evidence", str(tmp_path / "evidence.pdf"), check=False)
        assert done.returncode != 0
        assert "the audit record does not hold" in done.stderr
        assert "DOES NOT HOLD" in text_of((tmp_path / "evidence.pdf").read_bytes())


class TestInTheConsole:
    @pytest.fixture
    def auditor(self, server: ClockedServer) -> Iterator[httpx.Client]:
        with signed_in(server, "--role", "auditor") as client:
            yield client

    def test_an_auditor_sees_it_and_takes_it_along(self, auditor: httpx.Client) -> None:
        page = auditor.get("/audit/evidence")
        assert page.status_code == 200
        assert "ISO 27001" in page.text
        assert ANA not in page.text
        document = auditor.get("/audit/evidence.pdf?since=2026-01-01&until=2026-02-01")
        assert document.headers["content-type"] == "application/pdf"
        assert "evidence-2026-01-01-2026-02-01.pdf" in document.headers["content-disposition"]
        assert "1 January 2026" in text_of(document.content)
        assert "evidence.pdf" in auditor.get("/audit").text

    @pytest.mark.parametrize(
        "query",
        [
            "since=x&until=y",
            "since=2026-02-01&until=2026-01-01",
            "until=9999-12-31",
            "until=0001-01-01",
        ],
    )
    def test_what_is_no_period_is_the_last_ninety_days(
        self, auditor: httpx.Client, query: str
    ) -> None:
        page = auditor.get(f"/audit/evidence?{query}")
        assert page.status_code == 200

    def test_a_viewer_does_not(self, server: ClockedServer) -> None:
        with signed_in(server, "--role", "viewer") as client:
            assert client.get("/audit/evidence").status_code == 403
            assert client.get("/audit/evidence.pdf").status_code == 403
