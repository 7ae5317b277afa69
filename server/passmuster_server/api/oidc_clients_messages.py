"""What the API takes and answers about relying parties: logins that have Passmuster as a step."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from passmuster_server.gate.oidc.clients import MAX_NAME, MAX_REDIRECTS, MAX_URL

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="One line.")]
Url = Annotated[str, Meta(min_length=1, max_length=MAX_URL)]


class NewOidcClient(Struct, forbid_unknown_fields=True):
    """An application that is logged in to, and where answers may go, letter by letter.

    `public`: it can keep no secret. `id_token_alone`: it asks for `response_type=id_token`.
    `id_token_hint_issuer` and `jwks_url` go together: who signs the hint that it sends, and the
    keys. A client that trusts a `login_hint` is made on the server alone.
    """

    name: Name
    redirect_uris: Annotated[list[Url], Meta(min_length=1, max_length=MAX_REDIRECTS)]
    public: bool = False
    id_token_alone: bool = False
    pkce: bool = True
    id_token_hint_issuer: Url | UnsetType = UNSET
    jwks_url: Url | UnsetType = UNSET


class ShownOidcClient(Struct):
    """What its administrator enters; the secret is told this once, null: it has none."""

    issuer: str
    name: str
    client: str
    secret: str | None


class OidcClient(Struct):
    """A relying party, without its secret."""

    name: str
    client: str
    public: bool
    redirect_uris: list[str]
    id_token_alone: bool
    pkce: bool
    trusts_login_hint: bool
    id_token_hint_issuer: str | None
    jwks_url: str | None


class OidcClientList(Struct):
    """One page of the relying parties, by name."""

    clients: list[OidcClient]
    next: str | None


class OidcClientToRevoke(Struct, forbid_unknown_fields=True):
    """Which one may send nobody here any more."""

    name: Name
