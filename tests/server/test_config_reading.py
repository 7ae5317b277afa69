"""The server's settings: safe by default, and every mistake told at once by its key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from passmuster_server.config import Config, ConfigError
from passmuster_server.config_reading import load
from tests.support.certificates import Authority


def loaded(**flags: Any) -> Config:
    return load(None, flags)


def mistakes_in(file: Path | None = None, /, **flags: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, flags)
    return list(caught.value.mistakes)


def keys(mistakes: list[str]) -> list[str]:
    return [mistake.partition(":")[0] for mistake in mistakes]


def file(folder: Path, text: str) -> Path:
    path = folder / "server.toml"
    path.write_text(text, encoding="utf-8")
    return path


def settings(folder: Path) -> Mapping[str, str]:
    certificate, key = Authority(folder).issue()
    return {"tls_certificate": str(certificate), "tls_key": str(key)}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return settings(tmp_path_factory.mktemp("tls"))


def test_without_a_word_it_listens_on_loopback_only() -> None:
    config = loaded()
    assert (config.host, config.port) == ("127.0.0.1", 8463)
    assert config.public_url == "http://127.0.0.1:8463"
    assert config.tls_certificate is None


def test_the_database_lies_in_the_data_directory(tmp_path: Path) -> None:
    config = loaded(data_directory=str(tmp_path))
    assert config.database_url == f"sqlite:///{tmp_path}/passmuster.db"


def test_a_user_without_root_keeps_data_where_the_xdg_specification_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/it/data")
    assert loaded().data_directory == Path("/home/it/data/passmuster")


def test_root_keeps_data_in_var_lib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert loaded().data_directory == Path("/var/lib/passmuster")


def test_a_flag_wins_over_the_file(tmp_path: Path) -> None:
    path = file(tmp_path, 'listen = "127.0.0.1:1111"\ncontact = "it@example.com"\n')
    config = load(path, {"listen": "127.0.0.1:2222", "contact": None})
    assert (config.port, config.contact) == (2222, "it@example.com")


def test_every_mistake_is_told_at_once_by_its_key(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        'listen = "nowhere"\npublic_url = "ftp://x"\nbehind_proxy = "yes"\nunheard_of = 1\n'
        'tls_key = "/does/not/exist"\ntrusted_proxies = ["the one next door"]\n'
        f'database = "postgres://x"\ncontact = "{"x" * 201}"\n',
    )
    assert sorted(keys(mistakes_in(path))) == [
        "behind_proxy",
        "contact",
        "database",
        "listen",
        "public_url",
        "tls_certificate, tls_key",
        "tls_key",
        "trusted_proxies",
        "unheard_of",
    ]


@pytest.mark.parametrize("value", ["0.0.9", "new", "", "1"])
def test_the_oldest_agent_is_a_version_that_this_server_understands(value: str) -> None:
    assert keys(mistakes_in(oldest_agent=value)) == ["oldest_agent"]


def test_proxies_are_trusted_by_address_or_by_network() -> None:
    given = ["10.20.30.40", "172.30.84.0/24", "fd00::/8"]
    config = load(None, {"trusted_proxies": given})
    assert config.trusted_proxies == tuple(given)


@pytest.mark.parametrize("value", ["10.0.0.1/8", "0.0.0.0/0", "*", "proxy.example.com", 7])
def test_what_is_no_network_of_proxies_is_refused(value: object) -> None:
    assert keys(mistakes_in(trusted_proxies=[value])) == ["trusted_proxies"]


@pytest.mark.parametrize("value", ["8463", "127.0.0.1", ":1", "h:0", "h:65536", "h:٣", "h:-1"])
def test_what_is_no_host_and_port_is_refused(value: str) -> None:
    assert keys(mistakes_in(listen=value)) == ["listen"]


def test_beyond_loopback_it_wants_tls_or_a_proxy() -> None:
    (mistake,) = mistakes_in(listen="192.0.2.1:8463")
    assert mistake.startswith("listen: 192.0.2.1 is not loopback")


def test_behind_a_proxy_it_has_to_be_told_its_public_address() -> None:
    assert keys(mistakes_in(listen="192.0.2.1:8463", behind_proxy=True)) == ["public_url"]
    config = loaded(
        listen="192.0.2.1:8463", behind_proxy=True, public_url="https://passmuster.example.com/"
    )
    assert config.public_url == "https://passmuster.example.com"


def test_on_every_address_it_has_to_be_told_its_public_one(pair: Mapping[str, str]) -> None:
    assert keys(mistakes_in(listen="0.0.0.0:8463", **pair)) == ["public_url"]


def test_with_tls_its_address_is_https(pair: Mapping[str, str]) -> None:
    config = loaded(listen="[::1]:8463", **pair)
    assert config.public_url == "https://[::1]:8463"


def test_a_public_address_beyond_loopback_is_encrypted() -> None:
    assert keys(mistakes_in(public_url="http://passmuster.example.com")) == ["public_url"]


@pytest.mark.parametrize(
    "url", ["https://", "https://x?y", "https://u@x", "https://x:p", "https://x\n", "//x"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    assert keys(mistakes_in(public_url=url)) == ["public_url"]


def test_a_key_of_another_certificate_is_refused(pair: Mapping[str, str], tmp_path: Path) -> None:
    other = settings(tmp_path)
    mixed = {"tls_certificate": pair["tls_certificate"], "tls_key": other["tls_key"]}
    assert keys(mistakes_in(**mixed)) == ["tls_certificate, tls_key"]


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "x")
    found = mistakes_in(tls_certificate=str(path), tls_key=str(path))
    assert keys(found) == ["tls_certificate, tls_key"]


def test_a_file_that_is_not_there_not_toml_not_text_or_too_large_is_named(tmp_path: Path) -> None:
    assert mistakes_in(tmp_path / "none.toml")[0].endswith("(No such file or directory)")
    assert "not TOML" in mistakes_in(file(tmp_path, "= 1"))[0]
    assert "larger than" in mistakes_in(file(tmp_path, "#" * 70_000))[0]
    path = tmp_path / "server.toml"
    path.write_bytes(b"\xff")
    assert "not UTF-8" in mistakes_in(path)[0]


def test_a_laptop_may_call_a_server_on_loopback_by_any_of_its_names() -> None:
    assert loaded().addresses == (
        "http://127.0.0.1:8463",
        "http://localhost:8463",
        "http://[::1]:8463",
    )


def test_a_public_server_has_one_address() -> None:
    url = "https://passmuster.example.com"
    assert loaded(public_url=url).addresses == (url,)


class TestEnvironment:
    """Settings of a container: over the file, under the flags, and checked with them."""

    def test_it_wins_over_the_file_and_a_flag_over_both(self, tmp_path: Path) -> None:
        path = file(tmp_path, 'contact = "file"\nlisten = "127.0.0.1:1"\nhistory_days = 1\n')
        environment = {
            "PASSMUSTER_SERVER_CONTACT": "environment",
            "PASSMUSTER_SERVER_LISTEN": "127.0.0.1:2",
            "PASSMUSTER_SERVER_HISTORY_DAYS": "30",
        }
        config = load(path, {"contact": "flag", "listen": None}, environment)
        assert (config.contact, config.port, config.history_days) == ("flag", 2, 30)

    def test_truths_and_lists_are_read_as_such(self) -> None:
        environment = {
            "PASSMUSTER_SERVER_BEHIND_PROXY": "true",
            "PASSMUSTER_SERVER_PUBLIC_URL": "https://passmuster.example.com",
            "PASSMUSTER_SERVER_TRUSTED_PROXIES": "192.0.2.1, 192.0.2.2",
            "PASSMUSTER_SERVER_CONTACT": "",
            "SOMETHING_ELSE": "1",
        }
        config = load(None, {}, environment)
        assert config.behind_proxy
        assert config.trusted_proxies == ("192.0.2.1", "192.0.2.2")

    def test_mistakes_of_file_environment_and_flags_are_told_together(self, tmp_path: Path) -> None:
        path = file(tmp_path, "unheard_of = 1\ndecision_days = 0\n")
        environment = {
            "PASSMUSTER_SERVER_HISTORY_DAYS": "many",
            "PASSMUSTER_SERVER_BEHIND_PROXY": "perhaps",
            "PASSMUSTER_SERVER_NOT_A_SETTING": "1",
            "PASSMUSTER_SERVER_DATABASE": "postgresql://passmuster:secret@db/passmuster",
        }
        with pytest.raises(ConfigError) as caught:
            load(path, {"listen": "nowhere"}, environment)
        told = list(caught.value.mistakes)
        assert set(keys(told)) == {
            "unheard_of",
            "decision_days",
            "history_days",
            "behind_proxy",
            "not_a_setting",
            "database",
            "listen",
        }
        assert "secret" not in "\n".join(told)
