"""Automatic login on Linux: the display manager's own settings, the text consoles, open sessions.

Which display manager starts is where systemd's alias `display-manager.service` leads. Settings of
one that does not start are not looked at.
"""

from dataclasses import replace
from functools import partial

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceError, SourceMissingError
from passmuster_collectors.signals.automatic_login.facts import (
    AutomaticLoginFacts,
    Login,
    LoginProgram,
)
from passmuster_collectors.signals.automatic_login.linux.consoles import consoles_log_in
from passmuster_collectors.signals.automatic_login.linux.display_managers import (
    PROGRAMS,
    logs_in,
)
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.screen_lock.linux.sessions import read_sessions
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

SIGNAL = "automatic_login"

BOOTED = "/run/systemd/system"
"""sd_booted(3): it is there where systemd started the system."""

ALIAS = "/etc/systemd/system/display-manager.service"
AUTOLOGIN = "-autologin"

NO_SYSTEMD = "What starts on this laptop is not known."
UNCLEAR = "Not everything that opens a session on this laptop could be read."


def read(host: Host) -> Reading:
    """Return what opens sessions when this laptop starts, and whether it asks for a password."""
    inquiry = Inquiry()
    if inquiry.ask(BOOTED, partial(host.list_directory, BOOTED)) is None:
        return unavailable(SIGNAL, host.now(), NO_SYSTEMD, inquiry.sources)
    logins = [_of_consoles(host, inquiry), *_of_display_manager(host, inquiry)]
    opened = _opened_by_themselves(host, inquiry)
    logins = [
        replace(login, automatic=True) if login.program in opened else login for login in logins
    ]
    known = {login.program for login in logins}
    logins += [Login(program, automatic=True) for program in sorted(opened - known)]
    facts = AutomaticLoginFacts(tuple(logins))
    if any(login.automatic == UNKNOWN for login in logins):
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def _of_consoles(host: Host, inquiry: Inquiry) -> Login:
    found = inquiry.ask(
        "org.freedesktop.systemd1 getty@.service",
        partial(consoles_log_in, host),
        otherwise=UNKNOWN,
    )
    return Login(LoginProgram.TEXT_CONSOLE, found)


def _of_display_manager(host: Host, inquiry: Inquiry) -> tuple[Login, ...]:
    service = inquiry.ask(ALIAS, partial(_display_manager, host))
    if service is None:
        return (Login(LoginProgram.OTHER, UNKNOWN),)
    if not service:
        return ()
    program = PROGRAMS.get(service, LoginProgram.OTHER)
    found = inquiry.ask(
        f"settings of {program}", partial(logs_in, host, service), otherwise=UNKNOWN
    )
    return (Login(program, found),)


def _display_manager(host: Host) -> str:
    """Return the name of the service that starts as display manager, or nothing."""
    try:
        return host.resolve(ALIAS).rpartition("/")[2].removesuffix(".service")
    except SourceMissingError:
        return ""


def _opened_by_themselves(host: Host, inquiry: Inquiry) -> frozenset[LoginProgram]:
    """Return what has opened a session of those that are open now without a password.

    GDM, SDDM and LightDM use a PAM service of their own for it, which logind tells.
    """
    witness = Witness(host)
    try:
        sessions = read_sessions(witness)
    except SourceError:
        return frozenset()
    finally:
        inquiry.sources.extend(witness.sources())
    services = [session.service for session in sessions.people]
    return frozenset(
        PROGRAMS.get(service.removesuffix(AUTOLOGIN), LoginProgram.OTHER)
        for service in services
        if service.endswith(AUTOLOGIN)
    )
