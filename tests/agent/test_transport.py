import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from passmuster_agent import transport as transport_module
from passmuster_agent.errors import AgentError
from passmuster_agent.transport import (
    MAX_ANSWER_BYTES,
    Reply,
    Transport,
    UnreachableError,
    check_url,
)
from tests.support.certificates import Authority
from tests.support.report_server import Raw, ReportServer, refusal, serving


def post(server_url: str, authority: Path | None = None) -> Reply:
    transport = Transport(server_url, authority)
    try:
        return transport.post("reports", b"body", "application/jose")
    finally:
        transport.close()


def reply_to(server: ReportServer, answer: Raw) -> Reply:
    server.instead.append(answer)
    return post(server.url)


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "https://passmuster.example.com",
            "https://passmuster.example.com:8443/below/",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
            "http://localhost",
        ],
    )
    def test_https_and_loopback_are_taken(self, url: str) -> None:
        assert check_url(url) == url.rstrip("/")

    @pytest.mark.parametrize(
        "url",
        [
            "http://passmuster.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "http://0.0.0.0",
        ],
    )
    def test_anything_else_unencrypted_is_refused(self, url: str) -> None:
        with pytest.raises(AgentError, match=r"not encrypted.*https://"):
            check_url(url)

    @pytest.mark.parametrize(
        "url", ["", "example.com", "ftp://example.com", "https://", "https://a:b", "https://a?b"]
    )
    def test_what_is_no_url_is_refused(self, url: str) -> None:
        with pytest.raises(AgentError, match="looks like this"):
            check_url(url)

    def test_a_user_name_is_refused_and_not_repeated(self) -> None:
        with pytest.raises(AgentError, match="user name") as caught:
            check_url("https://ana:secret@example.com")
        assert "secret" not in str(caught.value)


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    def test_a_certificate_of_the_pinned_authority_is_trusted(self, authority: Authority) -> None:
        with serving(certificate=authority.issue()) as server:
            server.instead.append(Raw(200, {}, b"hello"))
            assert post(server.url, authority.certificate).body == b"hello"

    def test_one_of_another_authority_is_refused(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        other = Authority(tmp_path, "Another authority")
        with serving(certificate=other.issue()) as server:
            with pytest.raises(UnreachableError, match=r"did not prove who it is.*issuer"):
                post(server.url, authority.certificate)
            assert server.bodies == [], "nothing may be sent to a stranger"

    def test_an_expired_one_is_refused(self, authority: Authority) -> None:
        with (
            serving(certificate=authority.issue(expired=True)) as server,
            pytest.raises(UnreachableError, match=r"did not prove who it is.*expired"),
        ):
            post(server.url, authority.certificate)

    def test_one_for_another_name_is_refused(self, authority: Authority) -> None:
        with (
            serving(certificate=authority.issue(["passmuster.example.com"])) as server,
            pytest.raises(UnreachableError, match=r"did not prove who it is.*127\.0\.0\.1"),
        ):
            post(server.url, authority.certificate)

    def test_without_a_pin_an_unknown_authority_is_refused(self, authority: Authority) -> None:
        with (
            serving(certificate=authority.issue()) as server,
            pytest.raises(UnreachableError, match="did not prove who it is"),
        ):
            post(server.url)

    def test_the_environment_cannot_add_an_authority(
        self, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = Authority(tmp_path, "Another authority")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.certificate))
        monkeypatch.setenv("CURL_CA_BUNDLE", str(other.certificate))
        with (
            serving(certificate=other.issue()) as server,
            pytest.raises(UnreachableError, match="did not prove who it is"),
        ):
            post(server.url, authority.certificate)

    def test_a_pin_that_is_gone_trusts_nobody(self, authority: Authority, tmp_path: Path) -> None:
        with serving(certificate=authority.issue()) as server:
            with pytest.raises(UnreachableError, match="pinned cannot be read"):
                post(server.url, tmp_path / "gone.pem")
            assert server.bodies == []


class TestAnswers:
    def test_a_refusal_is_understood(self, server: ReportServer) -> None:
        reply = reply_to(server, refusal(401, "revoked", "Revoked.", "kid"))
        assert reply.problem is not None
        assert (reply.problem.code, reply.problem.field) == ("revoked", "kid")

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b'{"code":"revoked"}', b"\xff", b"[" * 5000]
    )
    def test_one_in_another_form_is_no_refusal_of_ours(
        self, server: ReportServer, body: bytes
    ) -> None:
        reply = reply_to(server, Raw(401, {"Content-Type": "application/problem+json"}, body))
        assert reply.problem is None

    def test_html_is_no_refusal_of_ours(self, server: ReportServer) -> None:
        assert reply_to(server, Raw(403, {"Content-Type": "text/html"}, b"<html>")).problem is None

    def test_a_redirect_is_not_followed(self, server: ReportServer) -> None:
        reply = reply_to(server, Raw(307, {"Location": f"{server.url}/api/v1/reports"}))
        assert reply.status == 307
        assert len(server.bodies) == 1

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [("30", 30), ("", 0), ("-5", 0), ("soon", 0), ("9" * 30, 0), ("999999999", 3600), ("٣", 0)],
    )
    def test_retry_after_is_bounded(self, server: ReportServer, value: str, seconds: int) -> None:
        encoded = value.encode("utf-8").decode("latin-1")
        assert reply_to(server, Raw(503, {"Retry-After": encoded})).retry_after_s == seconds

    def test_one_that_is_too_large_is_refused(self, server: ReportServer) -> None:
        with pytest.raises(UnreachableError, match="more than 262144 bytes"):
            reply_to(server, Raw(200, {}, b"x" * (MAX_ANSWER_BYTES + 1)))

    def test_one_that_is_cut_off_is_refused(self, server: ReportServer) -> None:
        with pytest.raises(UnreachableError, match="cannot be reached"):
            reply_to(server, Raw(200, {"Content-Length": "100"}, b"x"))

    def test_one_that_never_ends_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport_module, "ANSWER_S", 0.5)
        began = time.monotonic()
        with trickling() as url, pytest.raises(UnreachableError, match="longer than"):
            post(url)
        assert time.monotonic() - began < 5.0

    def test_none_at_all_is_unreachable(self, server: ReportServer) -> None:
        with pytest.raises(UnreachableError, match="cannot be reached"):
            reply_to(server, Raw(0))

    def test_a_silent_server_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport_module, "READ_S", 0.3)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(UnreachableError, match="did not answer in time"):
                post(url)


class TestProxies:
    def test_those_of_the_environment_are_not_asked_about_loopback(
        self, server: ReportServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "")
        assert reply_to(server, Raw(200, {}, b"hello")).body == b"hello"

    def test_they_are_used_for_other_machines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as proxy:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
            monkeypatch.setenv("no_proxy", "")
            asked = threading.Thread(target=refuse_one, args=(proxy,))
            asked.start()
            with pytest.raises(UnreachableError, match="proxy"):
                post("https://passmuster.example.com")
            asked.join()


def refuse_one(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        assert connection.recv(4096).startswith(b"CONNECT passmuster.example.com:443 ")
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def trickling() -> Iterator[str]:
    """Serve an answer that comes byte by byte and has no end."""
    done = threading.Event()

    def answer(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not done.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            done.set()
            thread.join()
