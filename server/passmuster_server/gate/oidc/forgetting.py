"""What logins and their answers hold of a person, and its end."""

from sqlalchemy import Connection, delete, func, select

from passmuster_server.gate.oidc.tables import oidc_access_tokens, oidc_codes, oidc_logins


def forget_person(connection: Connection, organisation: str, person: str) -> None:
    """Delete the logins under way of a person, and what was given out at the end of others."""
    folded = person.lower()
    codes = (
        oidc_codes.c.organisation_id == organisation,
        func.lower(oidc_codes.c.person) == folded,
    )
    connection.execute(
        delete(oidc_access_tokens).where(
            oidc_access_tokens.c.organisation_id == organisation,
            oidc_access_tokens.c.code_hash.in_(select(oidc_codes.c.code_hash).where(*codes)),
        )
    )
    connection.execute(delete(oidc_codes).where(*codes))
    connection.execute(
        delete(oidc_logins).where(
            oidc_logins.c.organisation_id == organisation,
            func.lower(oidc_logins.c.person) == folded,
        )
    )
