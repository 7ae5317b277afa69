"""nginx while Passmuster does not answer, by the text of docs/sso/when-we-are-down.md."""

import time
from pathlib import Path

import httpx
import pytest

from tests.support.clocked_server import clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.nginx import running_application, running_nginx

OPEN_S = 20
PASSWORD = "a password"


def test_who_was_let_in_goes_on_for_the_stated_time_and_nobody_else(tmp_path: Path) -> None:
    with (
        clocked_server(tmp_path / "server", policy=ONLY_USB) as server,
        server.client() as reports,
        running_application() as application,
        running_nginx(
            tmp_path / "nginx",
            passmuster=server.port,
            application=application,
            token=server.gate_token(),
            open_for_s=OPEN_S,
        ) as nginx,
    ):

        def visit(name: str) -> int:
            sign_in = (f"{name}@example.com", PASSWORD)
            return httpx.get(nginx.url, auth=sign_in, trust_env=False, timeout=20).status_code

        for name, readings in (
            ("good", healthy()),
            ("bad", with_usb_stick()),
            ("late", healthy()),
        ):
            nginx.add_person(f"{name}@example.com", PASSWORD)
            enrolled(server, reports, f"{name}@example.com", readings)
        assert (visit("good"), visit("bad")) == (200, 403)
        let_in = time.monotonic()
        server.stop()
        assert visit("good") == 200, "it is the answer of before"
        assert visit("bad") == 500, "a refusal is no answer to go on with"
        assert visit("late") == 500, "nobody new comes in"
        while visit("good") == 200:
            assert time.monotonic() < let_in + OPEN_S + 15, "it stays open beyond the stated time"
            time.sleep(0.2)
        assert time.monotonic() > let_in + 1, "it was not open at all"
        server.start()
        assert (visit("good"), visit("bad"), visit("late")) == (200, 403, 200)


def test_a_laptop_that_falls_out_is_refused_within_the_kept_second(tmp_path: Path) -> None:
    with (
        clocked_server(tmp_path / "server", policy=ONLY_USB) as server,
        server.client() as reports,
        running_application() as application,
        running_nginx(
            tmp_path / "nginx",
            passmuster=server.port,
            application=application,
            token=server.gate_token(),
            open_for_s=900,
        ) as nginx,
    ):
        nginx.add_person("ana@example.com", PASSWORD)
        laptop = enrolled(server, reports, "ana@example.com", healthy())
        sign_in = ("ana@example.com", PASSWORD)
        assert httpx.get(nginx.url, auth=sign_in, trust_env=False, timeout=20).status_code == 200
        laptop.report(reports, with_usb_stick())
        deadline = time.monotonic() + 20
        while httpx.get(nginx.url, auth=sign_in, trust_env=False, timeout=20).status_code != 403:
            assert time.monotonic() < deadline, "an old answer is used while Passmuster answers"
            time.sleep(0.1)


@pytest.mark.parametrize("value", ["0", "3601", "-1", "x", "1e3"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    with clocked_server(tmp_path / "server", policy=ONLY_USB) as server, server.client() as client:
        enrolled(server, client, "ana@example.com", healthy())
        answer = client.get(
            "/gate/nginx",
            headers={
                "Authorization": f"Bearer {server.gate_token()}",
                "X-Passmuster-Subject": "ana@example.com",
                "X-Passmuster-Application": "helpdesk",
                "X-Passmuster-Open-For": value,
            },
        )
        assert answer.status_code == 400
        assert answer.json()["field"] == "X-Passmuster-Open-For"
