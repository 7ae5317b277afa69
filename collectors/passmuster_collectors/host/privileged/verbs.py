"""The words that the root helper understands, and how a question to a machine is written down."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from passmuster_collectors.host.base import SourceError

SOCKET = "/run/passmuster-agent-helper.sock"
FIREWALL_SOCKET = "/run/passmuster-agent-firewall.sock"
SERVICE_USER = "passmuster-agent"


class Verb(StrEnum):
    """All that may be asked for. None takes an argument."""

    CRYPTTAB = "crypttab"
    """Where the keys of encrypted volumes lie; no key."""

    DEVICE_MAPPER = "device-mapper"
    """Targets and ciphers of mapped devices, and changes under way in LUKS2 headers; no key."""

    WIFI = "wifi"
    """What was negotiated for the networks this laptop has joined; no password."""

    PROCESSES = "processes"
    """Running processes where `/proc` hides them; arguments of lock programs alone."""

    ENVIRONMENTS = "environments"
    """For each session, the variables that say which desktop it is and where its settings are."""

    FIREWALL = "firewall"
    """The kernel's filter rules; another helper than the others' answers it, on its own socket."""


Answer = Any
"""A value as `Host` returns it, or the `SourceError` it raises."""

Answers = Mapping[str, Answer]
"""Answers by question."""


def question(method: str, *arguments: Any) -> str:
    """Return how a question to a `Host` is written down."""
    return json.dumps([method, *arguments])


def answer_of(ask: Callable[..., Any], *arguments: Any) -> Answer:
    """Return the answer, or the refusal."""
    try:
        return ask(*arguments)
    except SourceError as error:
        return error
