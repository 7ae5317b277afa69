"""What a login comes to: proof, person and posture, in one decision that is put on record."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request

from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.devices.store import find_device
from passmuster_server.gate.decision import Decision, Question
from passmuster_server.gate.oidc import codes, logins, postures
from passmuster_server.gate.oidc.clients import Client
from passmuster_server.gate.oidc.logins import Login
from passmuster_server.gate.oidc.parameters import AuthorizationError
from passmuster_server.gate.oidc.people import at, subject_of
from passmuster_server.gate.oidc.postures import UnmetError
from passmuster_server.gate.service import GateService
from passmuster_server.policy.document import Devices
from passmuster_server.policy.service import Policies
from passmuster_server.proof.service import Proofs, Proven
from passmuster_server.signing.service import SigningKeys

PROOF_LASTS = timedelta(minutes=5)
"""A login is rare and a proof cheap: it is asked for each time, but not twice in a row."""

ID_TOKEN_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True)
class Judged:
    """A decision about a login, under its id; `proven` is the device that the browser is on."""

    question: Question
    decision: Decision
    decision_id: str
    proven: Proven | None


class Verdicts:
    """Asks the gate about logins, and says yes in the words of OpenID Connect."""

    def __init__(
        self,
        issuer: str,
        database: Database,
        clock: Clock,
        gate: GateService,
        proofs: Proofs,
        policies: Policies,
        signing: SigningKeys,
    ) -> None:
        self._issuer = issuer
        self._database = database
        self._clock = clock
        self._gate = gate
        self._proofs = proofs
        self._policies = policies
        self._signing = signing

    async def proven(self, request: Request, login: Login) -> Proven | None:
        """Return the device that this browser has proven, recently enough for this login."""
        now, asked, within = self._clock(), login.request, PROOF_LASTS
        if asked.prompt == "login" or asked.max_age_s == 0:
            within = now - login.started_at
        elif asked.max_age_s is not None:
            within = min(within, timedelta(seconds=asked.max_age_s))
        elif login.proof_asked_at is not None:
            # What was proven on the way of this login counts to its end.
            within = max(within, now - login.proof_asked_at)
        return await self._proofs.find(request, login.client.organisation, within=within)

    def needs_proof(self, login: Login) -> bool:
        """Whether the person's devices alone will not do."""
        requirement = self._policies.current(login.client.organisation).devices
        asked = login.request
        return (
            requirement is Devices.PROVEN
            or not login.person
            or not (login.subject is not None or login.client.trusts_login_hint)
            or postures.needs_device(asked.wanted_acr, asked.wanted_amr)
        )

    def judge(self, login: Login, proven: Proven | None) -> Judged:
        """Return the decision, on its way to the record. Raises `StoreUnavailableError`."""
        question = self._question(login, proven)
        answer = self._gate.answer(login.client.client, question)
        return Judged(question, answer.decision, answer.decision_id, proven)

    def look(self, login: Login, proven: Proven | None) -> Decision:
        """Return what the decision would be now; lets nobody in, so it isn't recorded."""
        return self._gate.look_again(self._question(login, proven))

    def still_allows(self, client: Client, question: Question) -> bool:
        """Return whether what was allowed when a code was given still is; a deny is put on record.

        Raises `StoreUnavailableError` while nobody can tell.
        """
        return self._gate.still_allows(client.client, question)

    async def values(self, login: Login, judged: Judged) -> dict[str, str]:
        """Return what the answer of an allowed login says: its code, or its ID token.

        Ends the login. Raises `AuthorizationError` where what is essential to the relying party is
        not the case, or the login was answered before, and `StoreUnavailableError`.
        """
        try:
            claims = await self._claims(login, judged)
        except UnmetError:
            raise AuthorizationError(
                "unmet_authentication_requirements", "the laptop does not come up to the request"
            ) from None
        request, now = login.request, self._clock()

        def work(transaction: Transaction) -> str:
            connection = transaction.connection
            if login.login and not logins.end(connection, login.login, now):
                raise AuthorizationError("access_denied", "this login was answered before")
            if request.response_type == "id_token":
                return ""
            return codes.give_code(
                connection,
                login.client,
                redirect_uri=request.way.redirect_uri,
                challenge=request.challenge,
                question=judged.question,
                claims=claims,
                now=now,
            )

        code = await self._database.write(work)
        return {"code": code} if code else {"id_token": await self.id_token(claims)}

    async def id_token(self, claims: dict[str, Any]) -> str:
        """Return claims as an ID token that lasts from now on. Raises `StoreUnavailableError`."""
        now = self._clock()
        times = {"iat": at(now), "exp": at(now + ID_TOKEN_LIFETIME)}
        return await self._signing.sign("JWT", {**claims, **times})

    def _question(self, login: Login, proven: Proven | None) -> Question:
        client = login.client
        if proven is not None:
            person = login.person or proven.owner
            return Question(client.organisation, person, client.name, proven.device, proven.proof)
        if self.needs_proof(login):
            # Named by nobody, no device is the right one: the decision says that it isn't proven.
            return Question(client.organisation, login.person, client.name, must_prove=True)
        return Question(client.organisation, login.person, client.name)

    async def _claims(self, login: Login, judged: Judged) -> dict[str, Any]:
        request, proven, decision = login.request, judged.proven, judged.decision
        person, proof = judged.question.person, judged.question.proof
        subject = login.subject or subject_of(person)
        if request.subject is not None and request.subject != subject:
            raise UnmetError("sub")
        tier = "" if proven is None else await self._tier(login.client.organisation, proven.device)
        in_grace = decision.grace_until is not None
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": subject,
            "aud": login.client.client,
            "auth_time": at(self._clock() if proven is None else proven.at),
            "acr": postures.context_class(request.wanted_acr, in_grace=in_grace, proof=proof),
            "passmuster_proof": proof.value,
        }
        methods = postures.methods(request.wanted_amr, proof=proof, tier=tier)
        if methods:
            claims["amr"] = methods
        if request.nonce is not None:
            claims["nonce"] = request.nonce
        if decision.grace_until is not None:
            claims["passmuster_grace_until"] = at(decision.grace_until)
        if "email" in request.scopes:
            claims["email"] = person
        if "profile" in request.scopes:
            claims["preferred_username"] = person
        return claims

    async def _tier(self, organisation: str, device: str) -> str:
        row = await self._database.read(
            lambda connection: find_device(connection, organisation, device)
        )
        return "" if row is None else str(row.tier)
