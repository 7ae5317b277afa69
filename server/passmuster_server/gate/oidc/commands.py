"""`passmuster-server oidc-client add|list|revoke`: which logins may have Passmuster as a step."""

from argparse import ArgumentParser, _SubParsersAction

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.gate.oidc.clients import (
    HINT_CLAIM,
    ClientError,
    ClientExistsError,
    HintIssuer,
    Registration,
    UnknownClientError,
    active_clients,
    create_client,
    revoke_client,
)
from passmuster_server.gate.oidc.discovery import issuer_of
from passmuster_server.schema import DEFAULT_ORGANISATION


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `oidc-client`."""
    parser = parsers.add_parser("oidc-client", help="let a login have Passmuster as a step")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="add a relying party and print its id and secret")
    add.add_argument("name", metavar="NAME", help="the application that is logged in to")
    add.add_argument(
        "--redirect-uri",
        metavar="URL",
        action="append",
        required=True,
        help="where answers may go, letter by letter; may be given several times",
    )
    add.add_argument("--public", action="store_true", help="it can keep no secret: PKCE alone")
    add.add_argument(
        "--without-pkce",
        action="store_true",
        help="it has a secret and knows no PKCE; every request then needs a nonce",
    )
    add.add_argument(
        "--id-token",
        action="store_true",
        help="it asks for response_type=id_token by form_post, as Entra ID does",
    )
    add.add_argument(
        "--trust-login-hint",
        action="store_true",
        help="it knows the person already and compares our answer: a login_hint will do where "
        "policy wants no proven laptop",
    )
    add.add_argument(
        "--id-token-hint-issuer", metavar="URL", help="who signs the id_token_hint that it sends"
    )
    add.add_argument("--jwks-url", metavar="URL", help="that issuer's keys")
    add.add_argument(
        "--id-token-hint-audience", metavar="ID", help="the audience of the hint, if not our client"
    )
    add.add_argument(
        "--id-token-hint-claim",
        metavar="NAME",
        default=HINT_CLAIM,
        help=f"the claim with the person's address (default: {HINT_CLAIM})",
    )
    add.set_defaults(run=add_client)
    actions.add_parser("list", help="list the relying parties").set_defaults(run=list_clients)
    revoke = actions.add_parser("revoke", help="take a relying party out of use")
    revoke.add_argument("name", metavar="NAME")
    revoke.set_defaults(run=revoke_named)


def add_client(command: Command) -> int:
    """Add a client and print what its administrator has to enter."""
    given = command.arguments
    name = given.name.strip()
    try:
        wanted = Registration(
            name,
            tuple(dict.fromkeys(given.redirect_uri)),
            public=given.public,
            id_token_alone=given.id_token,
            pkce=not given.without_pkce,
            trusts_login_hint=given.trust_login_hint,
            hint=_hint(command),
        )
        client, secret = command.change(
            lambda transaction: create_client(
                transaction, DEFAULT_ORGANISATION, wanted, command.clock()
            ),
            lambda _: Event(
                Action.OIDC_CLIENT_CREATED,
                subject=name,
                details={
                    "redirect_uris": list(wanted.redirect_uris),
                    "public": wanted.public,
                    "trusts_login_hint": wanted.trusts_login_hint,
                },
            ),
        )
    except ClientError as error:
        raise CommandError(str(error)) from None
    except ClientExistsError:
        raise CommandError(f"there is a client {name!r} already; revoke it first") from None
    print(f"Issuer:        {issuer_of(command.config.public_url)}")
    print(f"Client id:     {client}")
    if secret is not None:
        print(f"Client secret: {secret}")
        print("The secret is shown this once.")
    return 0


def list_clients(command: Command) -> int:
    """Print each client's name, id, kind and redirect addresses."""
    for each in command.database.read_now(
        lambda connection: active_clients(connection, DEFAULT_ORGANISATION)
    ):
        kind = "public" if each.secret_hash is None else "with a secret"
        print(f"{each.name}  {each.client}  {kind}")
        for uri in each.redirect_uris:
            print(f"  {uri}")
    return 0


def revoke_named(command: Command) -> int:
    """Take a client out of use."""
    name = command.arguments.name.strip()
    try:
        command.change(
            lambda transaction: revoke_client(
                transaction, DEFAULT_ORGANISATION, name, command.clock()
            ),
            lambda _: Event(Action.OIDC_CLIENT_REVOKED, subject=name),
        )
    except UnknownClientError:
        raise CommandError(f"there is no client {name!r}") from None
    print(f"{name} may not send anybody here any more.")
    return 0


def _hint(command: Command) -> HintIssuer | None:
    given = command.arguments
    if (given.id_token_hint_issuer is None) != (given.jwks_url is None):
        raise CommandError("--id-token-hint-issuer, --jwks-url: give both or neither")
    if given.id_token_hint_issuer is None:
        return None
    return HintIssuer(
        given.id_token_hint_issuer,
        given.jwks_url,
        given.id_token_hint_audience,
        given.id_token_hint_claim,
    )
