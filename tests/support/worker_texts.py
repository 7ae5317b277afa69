"""Every text that a worker may be shown, found where it is written."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from jinja2 import Environment, nodes

from passmuster_agent import answering, delivery_words, refusals, told
from passmuster_agent.companion import sight, window, wording
from passmuster_agent.doctor import health
from passmuster_agent.doctor import text as doctor_text
from passmuster_collectors.contract.reading import SourceOutcome
from passmuster_collectors.contract.verdict import Outcome, Verdict
from passmuster_collectors.languages.templates import PLACES
from passmuster_collectors.signals import CATALOG, change
from passmuster_collectors.signals.readable import spoken, texts_of
from passmuster_collectors.signals.remote_access.products import TOOLS
from passmuster_collectors.signals.screen_lock.rule import NAMES as DESKTOPS
from passmuster_collectors.signals.signal import Signal
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.rule import NAMES as NETWORKS
from passmuster_server.devices import approval_routes as approving
from passmuster_server.fleet.privacy import ABOUT_THE_LAPTOP
from passmuster_server.gate import blocked, break_glass, words
from passmuster_server.gate.causes import CAUSES
from passmuster_server.policy import judgement
from passmuster_server.policy.key_tier import KEY_TIER, TIERS
from passmuster_server.privacy import laptops
from passmuster_server.proof import confirmations
from passmuster_server.proof import routes as proof
from tests.support.tools import REPOSITORY

SERVER = REPOSITORY / "server" / "passmuster_server"
SIGNALS = REPOSITORY / "collectors" / "passmuster_collectors" / "signals"
AGENT = REPOSITORY / "agent" / "passmuster_agent"
KEYS = AGENT / "keystore"
ENROLLING = tuple(
    AGENT / f"{name}.py"
    for name in (
        *("enrolment", "ceremony", "sign_in_approval", "one_time_code", "key_loss", "authority"),
        *("config", "private_files", "transport"),
    )
)
SPOKEN = ("say", "template", "t")
COUNTED = ("count", "counted")


def templates() -> tuple[Path, ...]:
    """Return the templates of workers' pages."""
    found = [
        path
        for path in sorted(SERVER.rglob("templates/*.html"))
        if path.name.startswith("worker_") or "worker_base.html" in path.read_text("utf-8")
    ]
    assert len(found) > 8
    return tuple(found)


def texts() -> Mapping[str, tuple[str, ...]]:
    """Return every text by the part of the product that says it, each once."""
    found = {
        "pages": tuple(_said_in_templates(SPOKEN)),
        "gate": tuple(_gate()),
        "proof": tuple(_proof()),
        "my_laptops": tuple(_my_laptops()),
        "facts": tuple(_facts()),
        "notification": tuple(_notification()),
        "status": tuple(_status()),
        "confirm": tuple(_confirm()),
        "fix": tuple(_fix()),
        "delivery": tuple(_delivery()),
        "filled_in": tuple(_filled_in()),
        "reasons": tuple(_reasons()),
        "enroll": tuple(_enroll()),
        "device": tuple(_device()),
        "doctor": tuple(_doctor()),
        **{signal.id: tuple(_signal(signal)) for signal in (*CATALOG, KEY_TIER)},
    }
    seen: set[str] = set()
    return {
        part: tuple(text for text in dict.fromkeys(said) if not (text in seen or seen.add(text)))  # type: ignore[func-returns-value] # remembers it
        for part, said in found.items()
    }


def counted() -> tuple[str, ...]:
    """Return every text that says a number."""
    said = [*_said_in_templates(COUNTED), words.MORE, wording.MORE]
    return tuple(dict.fromkeys(said))


def english_left(english: Sequence[str], told: Sequence[str]) -> list[str]:
    """Return the English sentences that are still in what was told line by line.

    A line of `fix` that shows a change has the setting and its values beside the words.
    """
    assert len(english) == len(told)
    return [
        sentence
        for line, foreign in zip(english, told, strict=True)
        for sentence in re.split(r"(?<=[.?!:]) ", re.sub(r"^.*: (.*) -> .*$", r"\1", line))
        if re.search(r"[A-Za-z]{2} [a-z]{2}|^[A-Z][a-z]+\.$", sentence) and sentence in foreign
    ]


def _said_in_templates(names: tuple[str, ...]) -> Iterator[str]:
    for path in templates():
        for call in (
            Environment(autoescape=True).parse(path.read_text("utf-8")).find_all(nodes.Call)
        ):
            called = call.node
            if isinstance(called, nodes.Name) and called.name in names and call.args:
                yield from _constants(call.args[0])


def _constants(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value


def _said_in(path: Path, names: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if (
            isinstance(node, ast.Call)
            and node.args
            and isinstance(node.func, ast.Attribute | ast.Name)
        ):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            first = node.args[0]
            if name in names and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _gate() -> Iterator[str]:
    yield from (words.UNTIL, blocked.ASK_IT, break_glass.TOO_MANY, break_glass.NOT_GOOD)
    yield from (approving.TOO_MANY, approving.NO_LAPTOP, approving.NOT_YOURS)
    yield from (approving.ANSWERED, approving.NO_ADDRESS, approving.TOO_LONG_AGO)
    # What a form of any page says when it is not its own.
    yield from _said_in(SERVER / "web" / "forms.py", ("_foreign",))
    for cause in CAUSES.values():
        yield from (cause.worker, cause.why, *cause.steps)


def _proof() -> Iterator[str]:
    yield from (proof.OVER, proof.NO_ANSWER, confirmations.TOO_MANY)
    for path in sorted((SERVER / "proof").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id == "refusal":
                detail = node.args[1]
                assert isinstance(detail, ast.Constant), f"{path.name}: a refusal made up of parts"
                yield str(detail.value)


def _my_laptops() -> Iterator[str]:
    yield from laptops.HEADINGS
    yield from sorted(laptops.TOLD)
    yield from laptops.WORDS.values()
    for pair in ABOUT_THE_LAPTOP:
        yield from pair


def _facts() -> Iterator[str]:
    for signal in CATALOG:
        yield from texts_of(signal.facts)
    yield from (spoken(each.value) for each in SourceOutcome)


def _notification() -> Iterator[str]:
    yield from (*wording.TITLES.values(), wording.SILENCED)
    yield from _said_in(AGENT / "companion" / "wording.py", SPOKEN)
    for pair in refusals.STOPPING.values():
        yield from pair


def _status() -> Iterator[str]:
    yield from (each.value.replace("_", " ") for each in (*Verdict, *Outcome))
    yield from _said_in(AGENT / "status_text.py", SPOKEN)
    yield from _sentences_in(AGENT / "status_text.py")
    yield from ("found", "source", "why", "fix")
    yield from (told.OUTDATED, told.DOCTOR, told.KEY_LOST, told.NO_MORE)
    yield from told.IN_THE_WAY.values()


def _confirm() -> Iterator[str]:
    yield from _sentences_in(AGENT / "confirm.py")
    yield from _sentences_in(AGENT / "companion" / "counter.py")
    yield from (answering.OTHER_SERVER, answering.NO_NUMBERS)


def _fix() -> Iterator[str]:
    yield from _sentences_in(AGENT / "fix.py")
    yield from _sentences_in(AGENT / "commands" / "fix.py")
    yield from change.WORDS
    yield from (each.value for each in SourceOutcome if each is not SourceOutcome.READ)


def _enroll() -> Iterator[str]:
    yield from _said_in(AGENT / "commands" / "enroll.py", SPOKEN)
    for path in (AGENT / "commands" / "enroll.py", *ENROLLING, *sorted(KEYS.glob("*.py"))):
        yield from _composed_in(path)
    yield "nothing has changed"


def _device() -> Iterator[str]:
    yield from _said_in(AGENT / "commands" / "device.py", SPOKEN)
    for path in (AGENT / "commands" / "device.py", AGENT / "leave.py", AGENT / "rotate_key.py"):
        yield from _composed_in(path)


def _doctor() -> Iterator[str]:
    yield from (doctor_text.THE_AGENT, doctor_text.WRONG, doctor_text.WELL)
    yield from doctor_text.WORDS.values()
    for node in ast.walk(ast.parse((AGENT / "doctor" / "health.py").read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Check":
            name = node.args[0]
            yield str(name.value) if isinstance(name, ast.Constant) else health.ROOT_HELPER


def _composed_in(path: Path) -> Iterator[str]:
    """Yield the sentences of a module as templates, those too that it fills in as it writes them.

    Each place is called by the last name of what fills it.
    """
    tree = ast.parse(path.read_text("utf-8"))
    unsaid = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if id(node) in unsaid or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        text = "".join(map(_template_of, parts))
        for line in map(str.strip, text.split("\n")):
            if re.match(r"(--|systemd-|[A-Z{]).* ", line) and re.search(r" [a-z]{2,} |\.$", line):
                yield line
            elif re.match(r"(to|it|its|the|a|for) [a-z{]+", line):
                # What was asked of a key store, and what is wrong with it.
                yield line


def _template_of(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return part.value if isinstance(part.value, str) else ""
    found = part.value if isinstance(part, ast.FormattedValue) else part
    while isinstance(found, ast.Call | ast.Subscript):
        found = found.func if isinstance(found, ast.Call) else found.value
    return f"{{{ast.unparse(found).rpartition('.')[2].strip('_')}}}"


def _delivery() -> Iterator[str]:
    yield from (text for name, text in vars(delivery_words).items() if name.isupper())
    yield sight.NOT_TOLD


def _sentences_in(path: Path) -> Iterator[str]:
    """Yield every sentence that is written in a module, but for its docstrings and its log."""
    tree = ast.parse(path.read_text("utf-8"))
    unsaid = {
        id(part)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."))
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in unsaid
            and re.match(r"[A-Z{].*[ .:?]", node.value)
        ):
            yield node.value


def _filled_in() -> Iterator[str]:
    yield "just now"
    yield DESKTOPS["unknown"]
    yield from (NETWORKS[Security.OPEN], NETWORKS[Security.UNKNOWN])
    yield from (judgement.NOT_REPORTED, judgement.NOT_UNDERSTOOD, "It could not be read.")
    yield "a device without a name ({ids})"
    yield from (sight.NO_ANSWER, sight.HUNG_UP, sight.OTHER_VERSION, sight.TOO_MUCH)
    yield from (window.NOT_A_PERSON, window.TOO_OFTEN)
    yield from TIERS.values()
    yield from (tool.title for tool in TOOLS.values() if not PLACES["tool"](tool.title))


def _reasons() -> Iterator[str]:
    """Yield why a reading is not whole, as the readers of every system say it."""
    for path in sorted(SIGNALS.rglob("*.py")):
        if path.stem not in ("problems", "facts"):
            parts = path.relative_to(SIGNALS.parents[1]).with_suffix("").parts
            module = import_module(".".join(parts).removesuffix(".__init__"))
            for name, value in vars(module).items():
                if name.isupper():
                    yield from _sentences_of(value)


def _sentences_of(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _sentences_of(each)
    elif isinstance(value, str) and re.fullmatch(r"[A-Za-z][^\\\\]* [^\\\\]*\.", value):
        yield value


def _signal(signal: Signal[Any, Any]) -> Iterator[str]:
    yield from (signal.title, signal.why)
    for problem in signal.problems.values():
        yield problem.worker
        for remedy in problem.remedy.values():
            yield from remedy.steps
