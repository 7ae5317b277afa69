"""What each kind of account may do in the console."""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """One thing that not every account may do."""

    SEE_FLEET = "see_fleet"
    SEE_AUDIT = "see_audit"
    ASK_REPORT = "ask_report"
    WAIVE = "waive"
    CHANGE_DEVICES = "change_devices"
    CHANGE_POLICY = "change_policy"
    CHANGE_ALERTS = "change_alerts"
    TIGHTEN_GROUP = "tighten_group"


class Role(StrEnum):
    """The kinds of accounts."""

    VIEWER = "viewer"
    HELPDESK = "helpdesk"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.SEE_FLEET}),
    Role.HELPDESK: frozenset({Permission.SEE_FLEET, Permission.ASK_REPORT, Permission.WAIVE}),
    Role.AUDITOR: frozenset({Permission.SEE_FLEET, Permission.SEE_AUDIT}),
    Role.ADMINISTRATOR: frozenset(Permission),
}

WITHIN_A_GROUP = frozenset(
    {Permission.SEE_FLEET, Permission.CHANGE_DEVICES, Permission.TIGHTEN_GROUP}
)
"""All that an account may do that sees one group alone, and of that group's: a supplier decides
which laptops it works with and demands more of them, and neither excuses them from anything nor
sees what is on record."""

TITLES: Mapping[Role, str] = {
    Role.VIEWER: "sees the fleet",
    Role.HELPDESK: "sees the fleet and grants waivers",
    Role.AUDITOR: "sees the fleet and the audit record",
    Role.ADMINISTRATOR: "may do everything",
}
