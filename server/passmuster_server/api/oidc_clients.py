"""Relying parties, for programs: which logins may have Passmuster as a step."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.messages import Nothing
from passmuster_server.api.oidc_clients_messages import (
    NewOidcClient,
    OidcClient,
    OidcClientList,
    OidcClientToRevoke,
    ShownOidcClient,
)
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.gate.callers import OIDC_MANAGE
from passmuster_server.gate.oidc import clients
from passmuster_server.gate.oidc.clients import (
    ClientError,
    ClientExistsError,
    HintIssuer,
    Registration,
    UnknownClientError,
)
from passmuster_server.gate.oidc.discovery import issuer_of
from passmuster_server.services import Services
from passmuster_server.urls import check_elsewhere
from passmuster_server.web.problems import RefusalError

PATH = f"{PREFIX}/oidc-clients"
MAX_BODY = 64 * 1024
_FIELDS = {
    "NAME": "name",
    "--redirect-uri": "redirect_uris",
    "--without-pkce": "pkce",
    "--id-token-hint-issuer": "id_token_hint_issuer",
    "--jwks-url": "jwks_url",
}


class OidcClients:
    """Adds, lists and revokes them. Each change goes on record."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._public_url = services.config.public_url

    async def many(self, call: Call[Nothing, PageQuery, Nothing]) -> OidcClientList:
        """Return one page of the relying parties, by name."""
        found = await self._database.read(
            lambda connection: clients.active_clients(connection, call.organisation)
        )
        page, following = page_of(
            found, lambda each: each.name, call.query, self._public_url + PATH
        )
        return OidcClientList([_told(each) for each in page], following)

    async def add(self, call: Call[Nothing, Nothing, NewOidcClient]) -> ShownOidcClient:
        """Return a new relying party's id and secret. Raises `ContractError`, `RefusalError`."""
        wanted = _registration(call.body)

        def work(transaction: Transaction) -> ShownOidcClient:
            client, secret = clients.create_client(transaction, call.organisation, wanted, call.now)
            details = {
                "redirect_uris": list(wanted.redirect_uris),
                "public": wanted.public,
                "trusts_login_hint": wanted.trusts_login_hint,
            }
            event = Event(
                Action.OIDC_CLIENT_CREATED, call.actor, subject=wanted.name, details=details
            )
            record(transaction.connection, call.organisation, event, call.now)
            return ShownOidcClient(issuer_of(self._public_url), wanted.name, client, secret)

        try:
            return await self._database.write(work)
        except ClientExistsError:
            raise RefusalError(
                409, "exists", "There is a client of that name.", field="name"
            ) from None

    async def revoke(self, call: Call[Nothing, Nothing, OidcClientToRevoke]) -> None:
        """Take a relying party out of use. Raises `RefusalError` 404."""
        name = call.body.name.strip()
        if not name.isprintable():
            raise not_found("client")

        def work(transaction: Transaction) -> None:
            clients.revoke_client(transaction, call.organisation, name, call.now)
            event = Event(Action.OIDC_CLIENT_REVOKED, call.actor, subject=name)
            record(transaction.connection, call.organisation, event, call.now)

        try:
            await self._database.write(work)
        except UnknownClientError:
            raise not_found("client") from None


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    made = OidcClients(services)
    scopes = (OIDC_MANAGE,)
    return (
        Operation(
            "listOidcClients",
            PATH,
            "The logins that may have Passmuster as a step, and where answers may go",
            scopes,
            Nothing,
            PageQuery,
            Nothing,
            OidcClientList,
            made.many,
            of_everyone=True,
        ),
        Operation(
            "addOidcClient",
            PATH,
            "Let a login have Passmuster as a step; its secret is told this once",
            scopes,
            Nothing,
            Nothing,
            NewOidcClient,
            ShownOidcClient,
            made.add,
            method="POST",
            of_everyone=True,
            max_body=MAX_BODY,
        ),
        Operation(
            "revokeOidcClient",
            f"{PATH}/revocations",
            "Take a login's client out of use: it may send nobody here any more",
            scopes,
            Nothing,
            Nothing,
            OidcClientToRevoke,
            None,
            made.revoke,
            method="POST",
            of_everyone=True,
        ),
    )


def _registration(given: NewOidcClient) -> Registration:
    hint = None
    if (given.id_token_hint_issuer is UNSET) != (given.jwks_url is UNSET):
        raise ContractError("jwks_url", "give it with id_token_hint_issuer, or neither")
    if given.id_token_hint_issuer is not UNSET and given.jwks_url is not UNSET:
        check_elsewhere(given.jwks_url, "jwks_url")
        hint = HintIssuer(given.id_token_hint_issuer, given.jwks_url, None)
    try:
        return Registration(
            given.name.strip(),
            tuple(dict.fromkeys(given.redirect_uris)),
            public=given.public,
            id_token_alone=given.id_token_alone,
            pkce=given.pkce,
            hint=hint,
        )
    except ClientError as error:
        option, _, problem = str(error).partition(": ")
        raise ContractError(_FIELDS[option], problem) from None


def _told(client: clients.Client) -> OidcClient:
    return OidcClient(
        client.name,
        client.client,
        client.secret_hash is None,
        list(client.redirect_uris),
        client.id_token_alone,
        client.pkce,
        client.trusts_login_hint,
        None if client.hint is None else client.hint.issuer,
        None if client.hint is None else client.hint.keys_url,
    )
