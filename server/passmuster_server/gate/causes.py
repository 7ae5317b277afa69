"""The words for a denial that no signal explains; to workers they are said in their language."""

from collections.abc import Mapping
from dataclasses import dataclass

from passmuster_server.gate.decision import Cause


@dataclass(frozen=True)
class CauseWords:
    """`worker`, `why` and `steps` are for the worker, `admin` is for IT."""

    worker: str
    admin: str
    why: str
    steps: tuple[str, ...]


_REGISTERED = "Customers' data may only be opened on laptops that IT knows and that are safe."
_RECENT = "Only a laptop that was checked a short while ago is known to be safe now."

CAUSES: Mapping[Cause, CauseWords] = {
    Cause.NO_DEVICE: CauseWords(
        "No laptop is registered for you.",
        "no device is enrolled for this person",
        _REGISTERED,
        ("Ask IT to register the laptop you work with.",),
    ),
    Cause.NOT_PROVEN: CauseWords(
        "It is not clear which laptop you are at.",
        'no device was named, and policy demands a proven one (devices = "proven")',
        "What counts is the laptop in front of you, not another one that you have.",
        ("Sign in from the laptop that you were given for work.", "If you are there, tell IT."),
    ),
    Cause.ELSEWHERE: CauseWords(
        "This browser is not where your laptop is.",
        'the browser came from another address than the device\'s report (addresses = "same")',
        "Somebody else's browser could use your laptop's answer from afar.",
        (
            "Use the browser on your laptop, without a VPN or proxy of its own.",
            "Then check again.",
        ),
    ),
    Cause.BREAK_GLASS: CauseWords(
        "IT has let you in for a while without a check of your laptop.",
        "a break-glass code was used",
        "Sometimes the work can't wait.",
        ("Have your laptop put right meanwhile.",),
    ),
    Cause.UNKNOWN_DEVICE: CauseWords(
        "This laptop is not registered.",
        "the device is not enrolled",
        _REGISTERED,
        ("Use the laptop that you were given for work.", "Or ask IT to register this one."),
    ),
    Cause.OTHER_OWNER: CauseWords(
        "This laptop is registered for somebody else.",
        "the device is enrolled for another person",
        "Each laptop is registered for the one person who works with it.",
        ("Use your own work laptop.", "If this laptop is yours now, ask IT to register it again."),
    ),
    Cause.PENDING: CauseWords(
        "IT has not approved this laptop yet.",
        "the device waits for an administrator's approval",
        "A laptop that was set up along with many others opens nothing until IT has looked at it.",
        ("Ask IT to approve this laptop.", "Then check again."),
    ),
    Cause.REVOKED: CauseWords(
        "IT has blocked this laptop.",
        "the device is revoked",
        "A laptop is blocked when it was lost, replaced or given back.",
        ("Ask IT which laptop you should use.",),
    ),
    Cause.LOST: CauseWords(
        "This laptop was reported lost.",
        "the device was reported lost",
        "A lost laptop opens nothing until IT has it back.",
        ("Tell IT that you have it.", "Use another laptop until IT has looked at this one."),
    ),
    Cause.RETIRED: CauseWords(
        "This laptop is no longer registered.",
        "the device is retired: its agent said goodbye",
        _REGISTERED,
        ("Ask IT to register it again.",),
    ),
    Cause.CONFLICT: CauseWords(
        "IT has to look at this laptop before you can sign in.",
        "identity conflict: its key was used out of order, possibly by a second machine",
        "This laptop's registration was used in a way that one laptop alone would not.",
        ("Ask IT to register this laptop again.",),
    ),
    Cause.NEVER_REPORTED: CauseWords(
        "This laptop has not been checked yet.",
        "the device is enrolled and has never reported",
        _RECENT,
        ("Connect to the internet.", "Wait a minute, then check again."),
    ),
    Cause.STALE: CauseWords(
        "This laptop has not been checked for a while.",
        "the last report is older than policy allows",
        _RECENT,
        ("Connect to the internet.", "Wait a minute, then check again.", "Or restart the laptop."),
    ),
    Cause.UNREADABLE: CauseWords(
        "This laptop could not be checked.",
        "a signal could not be read",
        _RECENT,
        ("Restart the laptop, then check again.",),
    ),
    Cause.GRACE: CauseWords(
        "Something on this laptop needs your attention soon.",
        "in grace",
        "You have been given time to put this right.",
        (),
    ),
    Cause.GRACE_OVER: CauseWords(
        "The time to put this right is over.",
        "the grace period is over",
        "You had been given time to put this right.",
        (),
    ),
    Cause.NON_COMPLIANT: CauseWords(
        "This laptop is not set up safely.",
        "the device is not compliant",
        _REGISTERED,
        ("Ask IT what to change.",),
    ),
    Cause.NOT_A_PERSON: CauseWords(
        "Only people can sign in here.",
        'subject.type: only "user" can be judged',
        _REGISTERED,
        (),
    ),
}
