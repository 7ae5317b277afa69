"""The recipes for containers, as far as they can be checked where no container runs.

Nothing here builds an image or starts a pod: linters and schemas read the recipes, a real nginx
runs the proxy's configuration, and what hardens them is asserted by name.
"""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from passmuster_server import config_reading
from tests.support.certificates import Authority
from tests.support.running_server import RunningServer, free_port, running_server
from tests.support.tools import REPOSITORY, require_tool

RECIPES = REPOSITORY / "packaging" / "server"
COMPOSE = RECIPES / "compose" / "compose.yaml"
NGINX = RECIPES / "compose" / "nginx.conf"
MANIFESTS = sorted(
    each for each in (RECIPES / "kubernetes").glob("*.yaml") if each.stem != "kustomization"
)
TOOLS = Path(sys.executable).parent


def check(*command: object) -> str:
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return services


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("proxied")
    with running_server(folder / "server") as server, _proxy(folder, server.port) as proxied:
        yield proxied


@pytest.fixture(scope="module")
def pods() -> dict[str, Any]:
    text = (RECIPES / "kubernetes" / "deployment.yaml").read_text(encoding="utf-8")
    spec: dict[str, Any] = yaml.safe_load(text)["spec"]
    return spec


class TestTheImage:
    def test_hadolint_finds_nothing_wrong(self) -> None:
        assert check(TOOLS / "hadolint", RECIPES / "Dockerfile") == ""

    def test_what_runs_is_not_root_is_watched_and_was_installed_by_hashes(self) -> None:
        text = (RECIPES / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
        last = text.rpartition("\nFROM ")[2].splitlines()
        instructions = {line.split(" ", 1)[0]: line.split(" ", 1)[-1] for line in last if line}
        assert instructions["USER"] == "10001:10001"
        assert "http://127.0.0.1:8463/healthz" in instructions["HEALTHCHECK"]
        assert "--require-hashes -r requirements.txt" in text
        command = json.loads(instructions["ENTRYPOINT"]) + json.loads(instructions["CMD"])
        assert command[0].startswith("/opt/passmuster/"), "a program, not a shell"


class TestCompose:
    def test_it_is_what_the_specification_allows(self) -> None:
        check(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)

    def test_no_service_can_write_to_its_root_or_gain_rights(
        self, services: dict[str, Any]
    ) -> None:
        assert set(services) == {"database", "server", "proxy"}
        for name, service in services.items():
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
            assert "no-new-privileges:true" in service["security_opt"], name

    def test_only_the_proxy_is_reached_and_only_the_server_reaches_the_database(
        self, services: dict[str, Any]
    ) -> None:
        assert [name for name in services if "ports" in services[name]] == ["proxy"]
        assert [name for name in services if "data" in services[name]["networks"]] == [
            *("database", "server")
        ]

    def test_passwords_are_files_and_never_in_the_environment(
        self, services: dict[str, Any]
    ) -> None:
        for service in services.values():
            for variable, value in service.get("environment", {}).items():
                assert "PASSWORD" not in variable or value.startswith("/run/secrets/")

    def test_its_settings_are_right_and_trust_the_proxys_network_alone(self) -> None:
        found = config_reading.load(RECIPES / "compose" / "server.toml", {})
        whole = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
        (subnet,) = whole["networks"]["inside"]["ipam"]["config"]
        assert found.trusted_proxies == (subnet["subnet"],)
        assert found.behind_proxy


class TestTheProxy:
    def test_pages_come_over_tls_and_say_to_stay_there(self, behind: RunningServer) -> None:
        with behind.client() as client:
            answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"

    def test_old_tls_is_refused(self, behind: RunningServer) -> None:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            speak_old_tls(behind)

    def test_it_is_the_configuration_that_refuses_old_tls(self, tmp_path: Path) -> None:
        """Here nothing else does: an OpenSSL that refused it by itself would prove nothing."""
        protocols = {"ssl_protocols TLSv1.2 TLSv1.3;": "ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3;"}
        with _proxy(tmp_path, free_port(), protocols) as lax:
            assert speak_old_tls(lax) == "TLSv1.1"

    def test_more_than_a_report_is_refused_before_it_is_read(self, behind: RunningServer) -> None:
        with behind.client() as client:
            answer = client.post("/api/v1/reports", content=b"x" * 600_000)
        assert answer.status_code == 413


class TestKubernetes:
    @pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
    def test_the_schema_of_its_kind_allows_it_and_nothing_is_misspelt(self, manifest: Path) -> None:
        check(TOOLS / "kubernetes-validate", "--strict", manifest)

    def test_all_manifests_are_listed(self) -> None:
        text = (RECIPES / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8")
        assert sorted(yaml.safe_load(text)["resources"]) == [each.name for each in MANIFESTS]

    def test_one_of_two_servers_is_always_there(self, pods: dict[str, Any]) -> None:
        budget = (RECIPES / "kubernetes" / "disruption-budget.yaml").read_text(encoding="utf-8")
        assert pods["replicas"] == 2
        assert pods["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert yaml.safe_load(budget)["spec"]["minAvailable"] == 1

    def test_no_container_is_root_or_can_become_it_or_writes_to_its_root(
        self, pods: dict[str, Any]
    ) -> None:
        pod = pods["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in (*pod["initContainers"], *pod["containers"]):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}

    def test_a_server_that_is_not_ready_is_left_out_but_not_restarted(
        self, pods: dict[str, Any]
    ) -> None:
        (server,) = pods["template"]["spec"]["containers"]
        assert server["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert server["livenessProbe"]["httpGet"]["path"] == "/healthz"


def speak_old_tls(server: RunningServer) -> str | None:
    """Return which TLS a client ends up with that knows none newer than 1.1."""
    context = ssl.create_default_context(cafile=server.authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", server.port), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted,
    ):
        return encrypted.version()


@contextlib.contextmanager
def _proxy(
    folder: Path, server: int, changed: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """Run a real nginx with the recipe's configuration, ports and places exchanged."""
    authority = Authority(folder)
    certificate, key = authority.issue()
    proxied = RunningServer(folder / "proxied", free_port(), authority=authority.certificate)
    text = NGINX.read_text(encoding="utf-8").replace(" /tmp/", f" {folder}/")
    for shown, used in {
        "server server:8463;": f"server 127.0.0.1:{server};",
        "listen 8443 ssl;": f"listen 127.0.0.1:{proxied.port} ssl;",
        "/run/secrets/chain.pem": str(certificate),
        "/run/secrets/key.pem": str(key),
        "worker_processes auto;": f"worker_processes 1; daemon off; {_user()}",
        # By itself OpenSSL refuses old TLS, whatever is configured.
        "server_tokens off;": "server_tokens off; ssl_ciphers ALL:@SECLEVEL=0;",
        **(changed or {}),
    }.items():
        assert text.count(shown) == 1, shown
        text = text.replace(shown, used)
    (folder / "nginx.conf").write_text(text)
    log = folder / "nginx.log"
    with log.open("wb") as output:
        nginx = str(require_tool("nginx"))
        command = [nginx, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while True:
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(httpx.HTTPError), proxied.client() as client:
                client.get("/healthz")
                break
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield proxied
    finally:
        process.terminate()
        process.wait(10)


def _user() -> str:
    # Root's nginx would become a user who can't enter this test's folder.
    return "user root;" if os.geteuid() == 0 else ""
