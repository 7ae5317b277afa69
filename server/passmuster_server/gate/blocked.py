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
from passmuster_server.clock import Clock
from passmuster_server.gate import words
from passmuster_server.gate.decision import Decision, DeviceFinding
from passmuster_server.gate.languages.language import CauseWords
from passmuster_server.gate.recorder import DecisionRecorder
from passmuster_server.gate.service import GateService
from passmuster_server.policy.standing import Reason
from passmuster_server.web.pages import Pages
from passmuster_server.web.worker_pages import STYLE_HASH, worker_values

LIFETIME = timedelta(hours=1)
MAX_ID = 64

SYSTEMS: Mapping[Platform, str] = {
    Platform.LINUX: "Linux",
    Platform.MACOS: "macOS",
    Platform.WINDOWS: "Windows",
}

SETTINGS_LINKS = ("ms-settings:", "x-apple.systempreferences:", "https://")
"""What a button to the settings may start with."""

_FOLDER = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; "
        "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
}


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
        self._shared = worker_values(public_url, contact)
        self._pages = Pages(_FOLDER / "templates")

    async def answer(self, request: Request) -> Response:
        """Return the page for the decision as things are now; 404 when it is unknown or old."""
        return await self.show(request.path_params["decision"])

    def again(self, application: str) -> Response:
        """Return the page for what was sent without a session: it has to be sent again."""
        return self._pages.response(
            "again.html", status=403, headers=_HEADERS, application=application, **self._shared
        )

    async def again_for_nginx(self, _: Request) -> Response:
        """Return that page for nginx, which gives it the status itself."""
        return self.again("")

    async def show(self, decision_id: str, *, again: str = "", break_glass: str = "") -> Response:
        """Return the page for a decision; `again` is where to look once more, else where one is.

        `break_glass` is where a code of IT's can be used, if it can.

        Its status is 403 as long as nothing has changed.
        """
        asked = None
        if len(decision_id) <= MAX_ID:
            asked = await self._recorder.question_of(decision_id)
        if asked is None or self._clock() - asked[1] > LIFETIME:
            return self._pages.response(
                "blocked_expired.html", status=404, headers=_HEADERS, **self._shared
            )
        question, _ = asked
        now = self._clock()
        decision = self._service.look_again(question)
        return self._pages.response(
            "blocked.html",
            status=200 if decision.allowed else 403,
            headers=_HEADERS,
            again=again,
            break_glass=break_glass,
            application=question.application,
            reference=decision_id,
            now=now,
            allowed=decision.allowed,
            devices=troubles_of(decision, self._whys),
            **self._shared,
        )


def troubles_of(decision: Decision, whys: Mapping[str, str]) -> tuple[DeviceTrouble, ...]:
    """Return what a denial holds against the person, laptop by laptop; empty for an allow."""
    if decision.allowed:
        return ()
    if decision.cause is not None:
        return (DeviceTrouble("", (_from_cause(words.CAUSES[decision.cause]),)),)
    return tuple(_device_trouble(finding, whys) for finding in decision.findings)


def _device_trouble(finding: DeviceFinding, whys: Mapping[str, str]) -> DeviceTrouble:
    standing = finding.standing
    if standing is None:
        return DeviceTrouble("", (_from_cause(words.CAUSES[finding.cause]),))
    found = [_from_reason(reason, standing.platform, whys) for reason in words.reasons_of(finding)]
    if not found:
        found = [_from_cause(words.CAUSES[finding.cause])]
    return DeviceTrouble(standing.computer_name, tuple(dict.fromkeys(found)), standing.last_seen)


def _from_reason(reason: Reason, platform: Platform, whys: Mapping[str, str]) -> Trouble:
    remedy = reason.remedy
    steps = remedy.steps if remedy is not None else ("Ask IT how to put this right.",)
    link = remedy.link if remedy is not None else None
    if link is not None and not link.startswith(SETTINGS_LINKS):
        link = None
    return Trouble(
        reason.worker,
        whys.get(reason.signal, ""),
        SYSTEMS[platform],
        steps,
        link,
        reason.outcome is Outcome.TRANSITIONING,
    )


def _from_cause(cause: CauseWords) -> Trouble:
    return Trouble(cause.worker, cause.why, "", cause.steps, None, False)
