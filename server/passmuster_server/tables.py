"""Every area's tables in one metadata: for migrations, which see the schema as a whole."""

import passmuster_server.accounts.tables
import passmuster_server.alerts.tables
import passmuster_server.audit.tables
import passmuster_server.changes
import passmuster_server.console.tables
import passmuster_server.devices.tables
import passmuster_server.gate.oidc.tables
import passmuster_server.gate.tables
import passmuster_server.policy.tables
import passmuster_server.proof.tables
import passmuster_server.reports.tables
import passmuster_server.signing.tables
import passmuster_server.ssf.tables  # noqa: F401 - importing a module declares its tables
from passmuster_server.schema import METADATA

__all__ = ["METADATA"]
