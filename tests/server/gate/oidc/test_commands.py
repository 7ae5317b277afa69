"""`passmuster-server oidc-client`, as an administrator runs it."""

import pytest

from tests.support.running_server import RunningServer
from tests.support.signing_in import refused, register

CALLBACK = "https://sso.example.com/callback"


def test_a_client_is_added_listed_and_revoked(server: RunningServer) -> None:
    added = register(server, CALLBACK, name="keycloak")
    listed = server.command("oidc-client", "list").stdout
    assert f"keycloak  {added.client}  with a secret\n  {CALLBACK}\n" in listed
    assert added.secret not in listed
    assert added.secret.encode() not in server.stored(), "only its hash is kept"
    assert "already" in refused(server, "add", "keycloak", "--redirect-uri", CALLBACK)

    asked = f"/oidc/authorize?client_id={added.client}&redirect_uri={CALLBACK}"
    with server.client() as client:
        assert client.get(asked).status_code == 303, "an error that the client is told of"
        server.command("oidc-client", "revoke", "keycloak")
        assert client.get(asked).status_code == 400
    assert "no client" in refused(server, "revoke", "keycloak")


@pytest.mark.parametrize(
    "uri",
    [
        "http://sso.example.com/callback",
        "https://sso.example.com/callback#part",
        "https://*.example.com/callback",
        "https://user@sso.example.com/callback",
        "/callback",
        "javascript:alert(1)",
        "https://",
        "https://sso.example.com/ callback",
    ],
)
def test_an_address_that_answers_may_not_go_to_is_refused(server: RunningServer, uri: str) -> None:
    assert "--redirect-uri" in refused(server, "add", "okta", "--redirect-uri", uri)


def test_options_that_make_no_sense_together_are_refused(server: RunningServer) -> None:
    add = ("add", "okta", "--redirect-uri", CALLBACK)
    assert "--without-pkce" in refused(server, *add, "--public", "--without-pkce")
    assert "give both" in refused(server, *add, "--jwks-url", "https://sso.example.com/keys")
    hint = ("--id-token-hint-issuer", "https://sso.example.com", "--jwks-url", "http://sso/keys")
    assert "--jwks-url" in refused(server, *add, *hint)
