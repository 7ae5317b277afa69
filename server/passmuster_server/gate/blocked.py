"""The page a worker sees instead of the application: what is wrong and how to put it right.

nginx shows it in place, under the application's own address, so it holds its style itself and
"Check again" is a link to the address that is already in the browser: there is nothing in it that
could lead elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.languages import Language
from passmuster_server.clock import Clock
from passmuster_server.gate import words
from passmuster_server.gate.causes import CAUSES, CauseWords
from passmuster_server.gate.decision import Cause, Decision, DeviceFinding
from passmuster_server.gate.recorder import DecisionRecorder
from passmuster_server.gate.service import GateService
from passmuster_server.policy.standing import Reason
from passmuster_server.web.worker_pages import HERE, STYLE_HASH, WorkerPages, language_for

LIFETIME = timedelta(hours=1)
MAX_ID = 64

SYSTEMS: Mapping[Platform, str] = {
    Platform.LINUX: "Linux",
    Platform.MACOS: "macOS",
    Platform.WINDOWS: "Windows",
}

SETTINGS_LINKS = ("ms-settings:", "x-apple.systempreferences:", "https://")
"""What a button to the settings may start with."""

ASK_IT = "Ask IT how to put this right."

PATH = "/gate/blocked/"
AGAIN = "/gate/page/again"

_FOLDER = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; "
        "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
}
HEADERS_OF_A_WAY = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; script-src 'self'; "
        "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
}
"""Of a page at our own address, which may look by itself whether all is well."""


@dataclass(frozen=True)
class WayOn:
    """How a browser at our own address gets on: by looking again, by itself, by a code of IT's.

    `ready` tells the page whether it would be let in.
    """

    again: str
    ready: str
    break_glass: str = ""


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong: a sentence, why it matters, and what to do about it."""

    sentence: str
    why: str
    system: str
    steps: tuple[str, ...]
    link: str | None
    waiting: bool


@dataclass(frozen=True)
class DeviceTrouble:
    """What is wrong with one laptop; the name is empty where it isn't known."""

    name: str
    troubles: tuple[Trouble, ...]
    checked_at: datetime | None = None


class BlockedPage:
    """`GET /gate/blocked/{decision}`. `whys` are the signals' reasons to exist, by their id."""

    def __init__(
        self,
        recorder: DecisionRecorder,
        service: GateService,
        clock: Clock,
        *,
        whys: Mapping[str, str],
        public_url: str,
        contact: str,
    ) -> None:
        self._recorder = recorder
        self._service = service
        self._clock = clock
        self._whys = whys
        self._public_url = public_url
        self._pages = WorkerPages(_FOLDER / "templates", public_url=public_url, contact=contact)

    async def answer(self, request: Request) -> Response:
        """Return the page for the decision as things are now; 404 when it is unknown or old."""
        return await self.show(request, request.path_params["decision"])

    def again(self, request: Request, application: str) -> Response:
        """Return the page for what was sent without a session: it has to be sent again."""
        return self._pages.response(
            request,
            "again.html",
            status=403,
            headers=_HEADERS,
            here=self._public_url + AGAIN,
            application=application,
        )

    async def again_for_nginx(self, request: Request) -> Response:
        """Return that page for nginx, which gives it the status itself."""
        return self.again(request, "")

    async def show(self, request: Request, decision_id: str, way: WayOn | None = None) -> Response:
        """Return the page for a decision; without a `way` one looks again where one is.

        Its status is 403 as long as nothing has changed.
        """
        asked = None
        if len(decision_id) <= MAX_ID:
            asked = await self._recorder.question_of(decision_id)
        if asked is None or self._clock() - asked[1] > LIFETIME:
            return self._pages.response(
                request,
                "blocked_expired.html",
                status=404,
                headers=_HEADERS,
                here=self._public_url + PATH + decision_id[:MAX_ID],
            )
        question, _ = asked
        now = self._clock()
        decision = self._service.look_again(question)
        return self._pages.response(
            request,
            "blocked.html",
            status=200 if decision.allowed else 403,
            headers=_HEADERS if way is None else HEADERS_OF_A_WAY,
            here=self._public_url + PATH + decision_id if way is None else HERE,
            again="" if way is None else way.again,
            go="" if way is None else way.again,
            ready="" if way is None else way.ready,
            break_glass="" if way is None else way.break_glass,
            application=question.application,
            reference=decision_id,
            now=now,
            allowed=decision.allowed,
            grace_until=decision.grace_until,
            devices=troubles_of(decision, self._whys, language_for(request)),
        )


def troubles_of(
    decision: Decision, whys: Mapping[str, str], language: Language
) -> tuple[DeviceTrouble, ...]:
    """Return what is wrong, laptop by laptop, in the language.

    Empty for an allow, unless it is for a while: then it is what has to be put right until then.
    """
    if decision.allowed and decision.grace_until is None:
        return ()
    if decision.cause is not None:
        return (DeviceTrouble("", (_from_cause(CAUSES[decision.cause], language),)),)
    found = [each for each in decision.findings if each.cause is not Cause.COMPLIANT]
    return tuple(_device_trouble(finding, whys, language) for finding in found)


def _device_trouble(
    finding: DeviceFinding, whys: Mapping[str, str], language: Language
) -> DeviceTrouble:
    standing = finding.standing
    if standing is None:
        return DeviceTrouble("", (_from_cause(CAUSES[finding.cause], language),))
    found = [
        _from_reason(reason, standing.platform, whys, language)
        for reason in words.reasons_of(finding)
    ]
    if not found:
        found = [_from_cause(CAUSES[finding.cause], language)]
    return DeviceTrouble(standing.computer_name, tuple(dict.fromkeys(found)), standing.last_seen)


def _from_reason(
    reason: Reason, platform: Platform, whys: Mapping[str, str], language: Language
) -> Trouble:
    remedy = reason.remedy
    steps = remedy.steps if remedy is not None else (ASK_IT,)
    link = remedy.link if remedy is not None else None
    if link is not None and not link.startswith(SETTINGS_LINKS):
        link = None
    return Trouble(
        language.rendered(reason.worker),
        language.template(whys.get(reason.signal, "")),
        SYSTEMS[platform],
        tuple(language.rendered(step) for step in steps),
        link,
        reason.outcome is Outcome.TRANSITIONING,
    )


def _from_cause(cause: CauseWords, language: Language) -> Trouble:
    steps = tuple(language.template(step) for step in cause.steps)
    return Trouble(
        language.template(cause.worker), language.template(cause.why), "", steps, None, False
    )
