"""Traces: what a real receiver of OTLP gets, of nobody in particular, and none unless asked for."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from passmuster_server import __version__
from passmuster_server.accounts import guard
from passmuster_server.config import ConfigError
from passmuster_server.config_reading import load
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy
from tests.support.signing_device import SigningDevice
from tests.support.trace_receiver import TraceReceiver, attributes, trace_receiver

OWNER = "ana@example.com"
STRANGERS_TRACE = "0af7651916cd43dd8448eb211c80319c"
NOBODY = "http://127.0.0.1:9/hook?key=for-nobody-else"
EVALUATION = "/access/v1/evaluation"


@dataclass
class Traced:
    """A server that sends its traces, after a laptop has reported and a helpdesk has asked."""

    server: ClockedServer
    receiver: TraceReceiver
    laptop: SigningDevice
    token: str

    def within(self, parent: Span, name: str) -> Span:
        return self.receiver.wait_for(
            name,
            lambda span: span.trace_id == parent.trace_id and span.parent_span_id == parent.span_id,
        )


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with trace_receiver() as receiver:
        folder = tmp_path_factory.mktemp("server")
        with clocked_server(folder, policy=ONLY_USB, traces_endpoint=receiver.url) as server:
            server.command("webhook", "add", "tickets", NOBODY)
            token = server.gate_token()
            with server.client() as client:
                laptop = enrolled(server, client, OWNER, healthy())
                asked = {
                    "subject": {"type": "user", "id": OWNER},
                    "action": {"name": "login"},
                    "resource": {"type": "application", "id": "helpdesk"},
                }
                headers = {
                    "Authorization": f"Bearer {token}",
                    "traceparent": f"00-{STRANGERS_TRACE}-b7ad6b7169203331-01",
                }
                assert client.post(EVALUATION, json=asked, headers=headers).json()["decision"]
                client.get(f"/fleet/devices/{laptop.device}?search={OWNER}")
                client.get("/readyz")
                client.get(f"/nothing/{laptop.device}")
                client.post("/api/v1/reports", content=b"nonsense")
            yield Traced(server, receiver, laptop, token)


def test_taking_in_a_report_is_verified_then_judged_within_the_commit(traced: Traced) -> None:
    request = traced.receiver.wait_for(
        "POST /api/v1/reports", lambda span: attributes(span)["http.response.status_code"] == 200
    )
    verified = traced.within(request, "ingest verify")
    committed = traced.within(request, "store commit")
    judged = traced.within(committed, "ingest judge")
    assert verified.end_time_unix_nano <= committed.start_time_unix_nano
    assert committed.start_time_unix_nano <= judged.start_time_unix_nano
    assert judged.end_time_unix_nano <= committed.end_time_unix_nano


def test_a_question_to_the_gate_tells_the_answer(traced: Traced) -> None:
    request = traced.receiver.wait_for(f"POST {EVALUATION}")
    decided = traced.within(request, "gate decide")
    assert attributes(decided) == {"passmuster.allowed": True}


def test_a_page_is_named_by_its_route_and_not_by_its_address(traced: Traced) -> None:
    page = traced.receiver.wait_for("GET /fleet/devices/{device}")
    assert attributes(page) == {
        "http.request.method": "GET",
        "http.route": "/fleet/devices/{device}",
        "http.response.status_code": 401,
    }


def test_what_has_no_route_is_named_by_its_method_alone(traced: Traced) -> None:
    found = traced.receiver.wait_for("GET")
    assert attributes(found)["http.response.status_code"] == 404


def test_a_push_of_an_event_tells_its_outcome(traced: Traced) -> None:
    pushed = traced.receiver.wait_for("event push")
    assert attributes(pushed) == {"passmuster.outcome": "failed"}


def test_the_sender_is_named_by_product_and_version_alone(traced: Traced) -> None:
    traced.receiver.wait_for("GET")
    assert set(traced.receiver.resource) == {
        "service.name",
        "service.version",
        "service.instance.id",
    }
    assert traced.receiver.resource["service.name"] == "passmuster-server"
    assert traced.receiver.resource["service.version"] == __version__


def test_no_trace_names_a_person_a_device_an_address_or_a_secret(traced: Traced) -> None:
    for name in ("event push", "gate decide", "GET /fleet/devices/{device}", "GET"):
        traced.receiver.wait_for(name)
    sent = b"".join(traced.receiver.raw)
    for secret in (OWNER, "ana-laptop", traced.laptop.device, traced.token, "127.0.0.1", "key="):
        assert secret.encode() not in sent, secret


def test_whoever_asks_has_no_say_in_the_trace(traced: Traced) -> None:
    traced.receiver.wait_for(f"POST {EVALUATION}")
    traces = {span.trace_id.hex() for span in traced.receiver.spans}
    assert STRANGERS_TRACE not in traces


def test_the_questions_of_machines_whether_it_runs_leave_no_trace(traced: Traced) -> None:
    traced.receiver.wait_for("GET")
    assert [span.name for span in traced.receiver.spans if "/readyz" in span.name] == []


def test_of_a_mistake_it_tells_the_kind_and_not_the_text(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise LookupError(OWNER)

    # No request makes our mistakes by itself.
    monkeypatch.setattr(guard, "find_session", fails)
    with traced.server.client() as client:
        client.cookies.set("passmuster_session", "nobodys")
        assert client.get("/fleet").status_code == 500
    span = traced.receiver.wait_for("GET /fleet", lambda span: "error.type" in attributes(span))
    assert attributes(span)["error.type"] == "LookupError"
    assert attributes(span)["http.response.status_code"] == 500
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert (span.status.message, list(span.events)) == ("", [])


def test_what_waits_is_sent_before_the_server_ends(tmp_path: Path) -> None:
    with trace_receiver() as receiver:
        with (
            clocked_server(tmp_path, traces_endpoint=receiver.url) as server,
            server.client() as client,
        ):
            client.get("/privacy")
        names = [span.name for span in receiver.spans]
    assert names == ["GET /privacy"]


def test_a_receiver_that_hangs_keeps_no_server_from_answering_or_ending(tmp_path: Path) -> None:
    ended = Event()

    class Hangs(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            ended.wait(60)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited
            pass

    hanging = ThreadingHTTPServer(("127.0.0.1", 0), Hangs)
    hanging.daemon_threads = True
    listening = Thread(target=hanging.serve_forever, kwargs={"poll_interval": 0.05})
    listening.start()
    endpoint = f"http://127.0.0.1:{hanging.server_address[1]}/v1/traces"
    try:
        with (
            clocked_server(tmp_path, traces_endpoint=endpoint) as server,
            server.client() as client,
        ):
            assert client.get("/privacy").status_code == 200
            server.stop()
            # It would hang for a minute: the server has ended before its receiver gave in.
            assert not ended.is_set()
    finally:
        ended.set()
        hanging.shutdown()
        listening.join()
        hanging.server_close()


def test_nothing_of_opentelemetry_is_imported_unless_it_is_asked_for(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from passmuster_server.app import create_app\n"
        "from passmuster_server.config_reading import load\n"
        f"create_app(load(None, {{'data_directory': {str(tmp_path)!r}}}))\n"
        "print(sorted(name for name in sys.modules if name.startswith('opentelemetry')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"traces_endpoint": "collector:4318"}, "traces_endpoint: expected a URL"),
        ({"traces_endpoint": "http://user@127.0.0.1/"}, "traces_endpoint: expected a URL"),
        ({"traces_endpoint": "http://collector.example.com/v1/traces"}, "is for loopback only"),
        ({"traces_endpoint": 4318}, "traces_endpoint: expected a URL"),
        ({"traces_percent": 0}, "traces_percent: expected 1 to 100"),
        ({"traces_percent": 101}, "traces_percent: expected 1 to 100"),
        ({"traces_percent": "all"}, "traces_percent: expected a number"),
    ],
)
def test_a_wrong_setting_is_named_at_the_start(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(None, settings)


def test_the_environment_sets_them_too() -> None:
    environment = {
        "PASSMUSTER_SERVER_TRACES_ENDPOINT": "https://collector.example.com/v1/traces",
        "PASSMUSTER_SERVER_TRACES_PERCENT": "5",
    }
    config = load(None, {}, environment)
    assert config.traces_endpoint == "https://collector.example.com/v1/traces"
    assert config.traces_percent == 5


def test_without_its_packages_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ConfigError, match=r"requirements-telemetry\.txt"):
        load(None, {"traces_endpoint": "http://127.0.0.1:4318/v1/traces"})


def test_one_percent_is_far_fewer_than_all(tmp_path: Path) -> None:
    with (
        trace_receiver() as receiver,
        clocked_server(
            tmp_path,
            traces_endpoint=receiver.url,
            traces_percent=1,
        ) as server,
        server.client() as client,
    ):
        for _ in range(100):
            client.get("/nothing")
        server.stop()
        # More would be kept once in 10^60 runs.
        assert len(receiver.spans) < 50
