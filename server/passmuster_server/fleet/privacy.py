"""What is collected and why: the page that is made from the signals' own declarations."""

from dataclasses import dataclass

from passmuster_collectors.contract.declaration import DeclaredField, declared_fields
from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.readable import titled

ABOUT_THE_LAPTOP = (
    ("Computer name, system and its version", "So that IT recognises the laptop and its remedies."),
    ("Owner's e-mail address", "The gate asks by person: whose laptop is it?"),
    ("Public key, and where the private one is kept", "Proves that a report is this laptop's own."),
    ("Agent version", "Shows who needs an update."),
    ("Start of the system (random id) and time since", "Tells a restart from a copied report."),
    (
        "A hash of the address it reports from, where your organisation compares addresses",
        "Tells a browser that is where the laptop is from one that is elsewhere.",
    ),
    ("Time of each reading and report", "A verdict counts only while it is fresh."),
)
"""What is told once at enrolment or with every report, beside the signals."""


@dataclass(frozen=True)
class CollectedField:
    """One fact by its path in the report and as a heading, and the reason it is collected."""

    path: str
    heading: str
    why: str


@dataclass(frozen=True)
class CollectedSignal:
    """One signal: why it is read, and every field of it."""

    id: str
    title: str
    why: str
    fields: tuple[CollectedField, ...]


def _field(declared: DeclaredField) -> CollectedField:
    name = declared.path.rpartition(".")[2]
    return CollectedField(declared.path, titled(name), declared.why)


COLLECTED = tuple(
    CollectedSignal(
        signal.id, signal.title, signal.why, tuple(map(_field, declared_fields(signal.facts)))
    )
    for signal in CATALOG
)
