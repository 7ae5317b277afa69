"""Keys that sign, are rotated, and are known to everybody before they are used."""

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import KeySet

from passmuster_server.database import Database
from passmuster_server.signing.keys import generate_key
from passmuster_server.signing.service import KEPT, LIFETIME, SigningKeys, UntrustedTokenError
from tests.support import example_database


class Time:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def over_a_database(folder: Path, scenario: Callable[[Database, Time], Awaitable[None]]) -> None:
    async def run() -> None:
        async with example_database.running(folder) as database:
            await scenario(database, Time())

    asyncio.run(run())


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def hs256(header: dict[str, str], claims: dict[str, int], secret: bytes) -> str:
    """Sign by hand what the library refuses to."""
    signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


async def ids(keys: SigningKeys) -> list[str]:
    return [key["kid"] for key in (await keys.published())["keys"]]


async def signer(keys: SigningKeys) -> str:
    token = await keys.sign("JWT", {"a": 1})
    published = KeySet.import_key_set(await keys.published())  # type: ignore[arg-type]
    kid = jwt.decode(token, published, algorithms=["RS256"]).header["kid"]
    assert isinstance(kid, str)
    return kid


def test_what_is_signed_is_checked_with_what_is_published(tmp_path: Path) -> None:
    async def scenario(database: Database, time: Time) -> None:
        keys = SigningKeys(database, time)
        token = await keys.sign("JWT", {"sub": "ana"})
        published = await keys.published()
        decoded = jwt.decode(token, KeySet.import_key_set(published), algorithms=["RS256"])  # type: ignore[arg-type]
        assert decoded.claims == {"sub": "ana"}
        assert decoded.header["typ"] == "JWT"
        assert await keys.own_claims(token) == {"sub": "ana"}

    over_a_database(tmp_path, scenario)


def test_nothing_private_is_published_and_every_key_has_its_certificate(tmp_path: Path) -> None:
    async def scenario(database: Database, time: Time) -> None:
        published = (await SigningKeys(database, time).published())["keys"]
        assert len(published) == 2, "the one that signs and the next one"
        for key in published:
            assert key.keys() == {"kty", "n", "e", "kid", "use", "alg", "x5c"}
            certificate = x509.load_der_x509_certificate(base64.b64decode(key["x5c"][0]))
            public = certificate.public_key()
            assert isinstance(public, rsa.RSAPublicKey)
            modulus = public.public_numbers().n.to_bytes(256, "big")
            assert encoded(modulus) == key["n"]
            assert public.key_size >= 2048

    over_a_database(tmp_path, scenario)


def test_a_key_is_published_long_before_it_signs_and_after(tmp_path: Path) -> None:
    async def scenario(database: Database, time: Time) -> None:
        keys = SigningKeys(database, time)
        first, following = await ids(keys)
        old_token = await keys.sign("JWT", {"a": 1})
        time.now += LIFETIME - timedelta(seconds=1)
        await keys.refresh()
        assert await signer(keys) == first
        time.now += timedelta(seconds=1)
        await keys.refresh()
        assert await signer(keys) == following, "the key that everybody knew already"
        assert (await ids(keys))[:2] == [first, following]
        assert len(await ids(keys)) == 3, "and a new one for next time"
        assert await keys.own_claims(old_token) == {"a": 1}
        time.now += KEPT + timedelta(seconds=1)
        await keys.refresh()
        assert first not in await ids(keys)
        with pytest.raises(UntrustedTokenError):
            await keys.own_claims(old_token)

    over_a_database(tmp_path, scenario)


def test_two_servers_that_start_and_rotate_at_once_have_the_same_keys(tmp_path: Path) -> None:
    async def scenario(database: Database, time: Time) -> None:
        one, other = SigningKeys(database, time), SigningKeys(database, time)
        await asyncio.gather(one.refresh(), other.refresh())
        await asyncio.gather(one.refresh(), other.refresh())
        assert await ids(one) == await ids(other)
        assert len(await ids(one)) == 2
        time.now += LIFETIME
        await asyncio.gather(one.refresh(), other.refresh())
        await asyncio.gather(one.refresh(), other.refresh())
        assert await ids(one) == await ids(other)
        assert len(await ids(one)) == 3, "rotated once, not once a server"
        assert await signer(one) == await signer(other)

    over_a_database(tmp_path, scenario)


def test_a_token_by_another_key_or_algorithm_is_not_ours(tmp_path: Path) -> None:
    async def scenario(database: Database, time: Time) -> None:
        keys = SigningKeys(database, time)
        token = await keys.sign("JWT", {"a": 1})
        head, body, signature = token.split(".")
        public = (await keys.published())["keys"][0]
        # Algorithm confusion: the published certificate taken for a shared secret.
        confused = hs256(
            {"alg": "HS256", "kid": public["kid"]}, {"a": 2}, base64.b64decode(public["x5c"][0])
        )
        stranger = generate_key(time.now)
        none = encoded(b'{"alg":"none"}')
        for forged in (
            confused,
            f"{none}.{body}.",
            f"{head}.{body}.{signature[:-4]}AAAA",
            token.replace(".", "", 1),
            "",
            stranger.key_id,
        ):
            with pytest.raises(UntrustedTokenError):
                await keys.own_claims(forged)

    over_a_database(tmp_path, scenario)


def test_what_is_sealed_is_read_by_every_server_and_for_its_purpose_alone(tmp_path: Path) -> None:
    async def scenario(database: Database, time: Time) -> None:
        first, second = SigningKeys(database, time), SigningKeys(database, time)
        sealed = await first.seal("one", b"ana@example.com")
        assert b"ana" not in base64.urlsafe_b64decode(sealed.split(".")[3] + "==")
        assert await second.unseal("one", sealed) == b"ana@example.com"
        header, *rest = sealed.split(".")
        changed = "B" if rest[2][0] == "A" else "A"
        for wrong in (
            "",
            "x",
            "a.b.c.d.e",
            ".".join((header, rest[0], rest[1], changed + rest[2][1:], rest[3])),
            await first.sign("passmuster-begin+jwt", {"sub": "ana@example.com"}),
            "x" * 20_000,
        ):
            with pytest.raises(UntrustedTokenError):
                await first.unseal("one", wrong)
        with pytest.raises(UntrustedTokenError):
            await first.unseal("another", sealed)

    over_a_database(tmp_path, scenario)


@pytest.mark.parametrize(
    "other",
    [
        {"enc": ["A256GCM"]},
        {"enc": 7},
        {"alg": ["dir"]},
        {"alg": "A256KW"},
        {"crit": 7},
        {"crit": ["zip"]},
        {"zip": "DEF"},
        {"kid": ["x"]},
        {"kid": None},
    ],
)
def test_a_header_that_is_not_ours_opens_nothing_and_breaks_nothing(
    tmp_path: Path, other: dict[str, object]
) -> None:
    async def scenario(database: Database, time: Time) -> None:
        keys = SigningKeys(database, time)
        sealed = await keys.seal("one", b"value")
        ours, rest = sealed.split(".", 1)
        header = {**json.loads(base64.urlsafe_b64decode(ours + "==")), **other}
        with pytest.raises(UntrustedTokenError):
            await keys.unseal("one", f"{encoded(json.dumps(header).encode())}.{rest}")

    over_a_database(tmp_path, scenario)


def test_what_was_sealed_before_a_rotation_is_read_after_it(tmp_path: Path) -> None:
    async def scenario(database: Database, time: Time) -> None:
        keys = SigningKeys(database, time)
        sealed = await keys.seal("one", b"value")
        time.now += LIFETIME
        await keys.refresh()
        assert await keys.unseal("one", sealed) == b"value"
        assert (await keys.seal("one", b"value")).split(".")[0] != sealed.split(".")[0]
        time.now += KEPT + timedelta(seconds=1)
        await keys.refresh()
        with pytest.raises(UntrustedTokenError):
            await keys.unseal("one", sealed)

    over_a_database(tmp_path, scenario)
