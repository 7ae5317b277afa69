"""How many access evaluations a second the gate answers, beside a no-op on the same server.

The server runs on one core in a process of its own, with enrolled laptops whose signed reports came
in through the API; the load comes from the other core over keep-alive connections. Every answer is
asked of memory and put on record in SQLite with full durability, on the server's core. The no-op is
a route of the same server that reads the request's body and answers a constant; the bare no-op does
the same before ASGI and all routes, as the real door does. Beside the rates stands the processor
time that the server took for each, which other work on the machine moves less.

Closed loop: as fast as answers come. p99: at 500 requests a second, planned beforehand, of the
no-op and of decisions in turn: what both have in common is the machine's.
"""

import argparse
import json
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from benchmarks.http_load import Load, closed_loop, paced, request  # noqa: E402
from passmuster_collectors.signals import CATALOG  # noqa: E402
from passmuster_server.app import create_app  # noqa: E402
from passmuster_server.config_reading import load  # noqa: E402
from passmuster_server.doors import Client, Headers  # noqa: E402
from passmuster_server.gate.authzen import EVALUATION_PATH  # noqa: E402
from passmuster_server.serving import Server, settings_of  # noqa: E402
from tests.support.running_server import RunningServer, free_port  # noqa: E402
from tests.support.signing_device import SigningDevice  # noqa: E402

PEOPLE = 12
RATE = 500
CONNECTIONS = 16
SETTLE_S = 0.3
"""Until the last decisions are stored, which is a part of their cost."""

ONLY_SHOWN = "".join(f'[signals.{signal.id}]\nseverity = "warn"\n' for signal in CATALOG)
"""Laptops without a reading pass: what they report is not what is measured here."""


async def no_op(_: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body", False):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"17")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"decision":true}'})


class NoOp:
    """The least a route can do with a POST, and the least that a door before ASGI can."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await no_op(scope, receive, send)

    max_body = 16 * 1024

    def waits_for_body(self, _: Headers) -> bool:
        return False

    def at_once(self, _: Headers, __: bytes, ___: Client) -> tuple[bytes, bytes]:
        return b"content-type: application/json\r\ncontent-length: 17\r\n", b'{"decision":true}'


def serve(directory: str, port: int, core: int) -> None:
    os.sched_setaffinity(0, {core})
    flags = {"data_directory": directory, "listen": f"127.0.0.1:{port}"}
    config = load(None, flags)
    app = create_app(config)
    app.router.routes.insert(1, Route("/no-op", NoOp(), methods=["POST"]))
    app.state.services.doors["/bare-no-op"] = NoOp()
    app.state.services.doors_at_once[b"/bare-no-op"] = NoOp()
    Server(settings_of(app, config), drain_s=0).run()


def question(token: str, person: str) -> bytes:
    body = {
        "subject": {"type": "user", "id": person},
        "action": {"name": "login"},
        "resource": {"type": "application", "id": "helpdesk"},
    }
    return _post(EVALUATION_PATH, token, json.dumps(body).encode())


def _post(path: str, token: str, body: bytes) -> bytes:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return request("POST", path, headers, body)


def enrol(server: RunningServer) -> list[str]:
    people = [f"worker{number:03}@example.com" for number in range(PEOPLE)]
    with server.client() as client:
        for number, person in enumerate(people):
            device = SigningDevice(server.url, computer_name=f"laptop-{number}")
            device.enroll(client, server.enroll_code(person))
            device.report(client, [])
    return people


def measured(what: str, answers: Load, wanted: int = 200) -> Load:
    assert set(answers.statuses) == {wanted}, f"{what}: {answers.statuses}"
    return answers


def run(directory: Path, core: int, seconds: float, rounds: int) -> dict[str, Any]:
    server = RunningServer(directory, free_port())
    server.command("migrate")
    server.publish_policy(ONLY_SHOWN)
    token = server.gate_token()
    server.start()
    try:
        people = enrol(server)
    finally:
        server.stop()

    # A fresh interpreter: the measured process holds what a server holds, and no more.
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(str(directory), server.port, core), daemon=True)
    process.start()
    try:
        wait_until_ready(server)
        asked = [question(token, person) for person in people]
        body = asked[0].partition(b"\r\n\r\n")[2]
        measuring = psutil.Process(process.pid)
        kinds = {
            "no-op": [_post("/no-op", token, body)],
            "bare no-op": [_post("/bare-no-op", token, body)],
            "decisions": asked,
        }
        rates: dict[str, list[float]] = {kind: [] for kind in kinds}
        costs: dict[str, list[float]] = {kind: [] for kind in kinds}
        given = 0
        for _ in range(rounds):
            for kind, requests in kinds.items():
                before = sum(measuring.cpu_times()[:2])
                answers = closed_loop(
                    server.port, requests, connections=CONNECTIONS, seconds=seconds
                )
                time.sleep(SETTLE_S)
                used = sum(measuring.cpu_times()[:2]) - before
                rates[kind].append(measured(kind, answers).per_second)
                costs[kind].append(used / len(answers.latencies) * 1e6)
                given += len(answers.latencies) if kind == "decisions" else 0
        steady = {kind: Load(0) for kind in ("no-op", "decisions")}
        for _ in range(rounds):
            for kind, load_of in steady.items():
                answers = paced(server.port, kinds[kind], rate=RATE, seconds=seconds)
                load_of.latencies += measured(f"paced {kind}", answers).latencies
        given += len(steady["decisions"].latencies)
    finally:
        process.terminate()
        process.join()
    per_s = {kind: median(found) for kind, found in rates.items()}
    cpu_us = {kind: median(found) for kind, found in costs.items()}
    for kind in kinds:
        print(f"{kind:11} {per_s[kind]:9,.0f} a second, {cpu_us[kind]:5.1f} us of the core each")
    for kind in ("no-op", "bare no-op"):
        print(
            f"beside {kind + ':':12} {per_s['decisions'] / per_s[kind]:.0%} by rate, "
            f"{cpu_us[kind] / cpu_us['decisions']:.0%} by processor time"
        )
    print(f"a second of the core is good for {1e6 / cpu_us['decisions']:,.0f} decisions")
    for kind, found in steady.items():
        print(
            f"at {RATE}/s:  {kind:9} median {found.percentile_ms(0.5):.2f} ms, "
            f"p99 {found.percentile_ms(0.99):.2f} ms"
        )
    print(f"on record:  {recorded(directory):,} of {given:,} decisions given")
    assert recorded(directory) == given, "a decision was given and not recorded"
    return {
        "decisions_per_s": round(per_s["decisions"]),
        "noop_per_s": round(per_s["no-op"]),
        "ratio": round(per_s["decisions"] / per_s["no-op"], 3),
        "decisions_per_cpu_s": round(1e6 / cpu_us["decisions"]),
        "decision_cpu_us": round(cpu_us["decisions"], 1),
        "noop_cpu_us": round(cpu_us["no-op"], 1),
        "cpu_ratio": round(cpu_us["no-op"] / cpu_us["decisions"], 3),
        "bare_ratio": round(per_s["decisions"] / per_s["bare no-op"], 3),
        "bare_cpu_ratio": round(cpu_us["bare no-op"] / cpu_us["decisions"], 3),
        "p99_ms": round(steady["decisions"].percentile_ms(0.99), 2),
        "noop_p99_ms": round(steady["no-op"].percentile_ms(0.99), 2),
        "store": "sqlite",
    }


def wait_until_ready(server: RunningServer) -> None:
    for _ in range(200):
        try:
            if httpx.get(f"{server.url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def recorded(directory: Path) -> int:
    with sqlite3.connect(directory / "passmuster.db") as connection:
        return int(connection.execute("SELECT count(*) FROM decisions").fetchone()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="under 40 seconds")
    quick = parser.parse_args().quick
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with tempfile.TemporaryDirectory() as directory:
        figures = run(Path(directory), cores[0], *((2.0, 2) if quick else (5.0, 5)))
    commit = subprocess.run(
        ["/usr/bin/git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    ).stdout.strip()
    print(json.dumps({"benchmark": "gate", "commit": commit, "cores": len(cores), **figures}))


if __name__ == "__main__":
    main()
