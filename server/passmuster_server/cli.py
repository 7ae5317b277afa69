"""`passmuster-server`: thin; each area brings its own commands."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from passmuster_collectors.contract.errors import ContractError
from passmuster_server import __version__, logs, migrations
from passmuster_server.accounts.commands import add_commands as add_accounts_commands
from passmuster_server.alerts.commands import add_commands as add_alert_commands
from passmuster_server.audit.commands import add_commands as add_audit_commands
from passmuster_server.backup_commands import add_commands as add_backup_commands
from passmuster_server.clock import utc_now
from passmuster_server.commands import Command, CommandError
from passmuster_server.config import DEFAULT_PORT, Config, ConfigError, default_file
from passmuster_server.config_reading import load
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.devices.commands import add_commands as add_devices_commands
from passmuster_server.devices.deployment_commands import add_commands as add_deployment_commands
from passmuster_server.devices.group_commands import add_commands as add_group_commands
from passmuster_server.evidence.commands import add_commands as add_evidence_commands
from passmuster_server.fleet.history_commands import add_commands as add_history_commands
from passmuster_server.gate.break_glass_commands import add_commands as add_break_glass_commands
from passmuster_server.gate.commands import add_commands as add_gate_commands
from passmuster_server.gate.oidc.commands import add_commands as add_oidc_commands
from passmuster_server.policy.commands import add_commands as add_policy_commands
from passmuster_server.policy.explain_commands import add_commands as add_explain_commands
from passmuster_server.policy.network_commands import add_commands as add_network_commands
from passmuster_server.policy.service import check_policies
from passmuster_server.policy.usb_commands import add_commands as add_usb_commands
from passmuster_server.policy.waiver_commands import add_commands as add_waiver_commands
from passmuster_server.privacy.commands import add_commands as add_privacy_commands
from passmuster_server.signing.commands import add_commands as add_signing_commands
from passmuster_server.ssf.commands import add_commands as add_ssf_commands

AREAS = (
    add_accounts_commands,
    add_devices_commands,
    add_group_commands,
    add_deployment_commands,
    add_policy_commands,
    add_waiver_commands,
    add_usb_commands,
    add_network_commands,
    add_explain_commands,
    add_gate_commands,
    add_break_glass_commands,
    add_oidc_commands,
    add_privacy_commands,
    add_signing_commands,
    add_audit_commands,
    add_evidence_commands,
    add_backup_commands,
    add_history_commands,
    add_ssf_commands,
    add_alert_commands,
)

SETTINGS = (
    "data_directory",
    "public_url",
    "listen",
    "tls_certificate",
    "tls_key",
    "behind_proxy",
    "contact",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 can't be done, 2 mistyped."""
    parsed = _parser().parse_args(arguments)
    # Whatever a command makes is for its own user alone: 0600, and 0700 for directories.
    os.umask(0o077)
    try:
        config = load(getattr(parsed, "config", None) or default_file(), _flags(parsed), os.environ)
        return _run(config, parsed)
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more may be written to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ConfigError as error:
        for mistake in error.mistakes:
            print(f"passmuster-server: {mistake}", file=sys.stderr)
    except (CommandError, StoreUnavailableError, migrations.NewerSchemaError) as error:
        print(f"passmuster-server: {error}", file=sys.stderr)
    except migrations.SchemaError as error:
        print(f"passmuster-server: {error}; run: passmuster-server migrate", file=sys.stderr)
    return 1


class _Parser(argparse.ArgumentParser):
    """A parser that takes the settings of every command, before the command's name or after it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        group = self.add_argument_group("settings")
        # Without a default, so that what was given before the command is not undone after it.
        for flag, metavar, text in (
            ("--config", "FILE", "settings, as TOML"),
            ("--data-directory", "DIR", "where the database is kept"),
            ("--public-url", "URL", "the address by which others reach this server"),
        ):
            group.add_argument(
                flag,
                metavar=metavar,
                help=text,
                default=argparse.SUPPRESS,
                type=Path if flag == "--config" else str,
            )


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="passmuster-server",
        description="Judges laptops by policy, shows the fleet, and answers the helpdesk's gate.",
    )
    parser.add_argument("--version", action="version", version=f"passmuster-server {__version__}")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    serve = parsers.add_parser("serve", help="run the server")
    serve.add_argument(
        "--listen", metavar="HOST:PORT", help=f"default: 127.0.0.1:{DEFAULT_PORT} (loopback)"
    )
    serve.add_argument("--tls-certificate", metavar="FILE", help="PEM, with its chain")
    serve.add_argument("--tls-key", metavar="FILE", help="PEM, without password")
    serve.add_argument(
        "--behind-proxy",
        action="store_true",
        default=None,
        help="a proxy in front of this server speaks TLS",
    )
    serve.add_argument("--contact", metavar="TEXT", help="how workers reach IT")
    serve.add_argument("--migrate", action="store_true", help="bring the database up to date first")
    serve.set_defaults(start=_serve)
    migrate = parsers.add_parser("migrate", help="create the database or bring it up to date")
    migrate.set_defaults(start=_migrate)
    for add_commands in AREAS:
        add_commands(parsers)
    return parser


def _flags(parsed: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(parsed, name, None) for name in SETTINGS}


def _run(config: Config, parsed: argparse.Namespace) -> int:
    try:
        config.data_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CommandError(
            f"data_directory: {config.data_directory} can't be made ({error.strerror})"
        ) from None
    database = Database(config.database_url)
    status: int
    try:
        if "start" in parsed:
            status = parsed.start(config, database, parsed)
        else:
            migrations.check_ready(database)
            status = parsed.run(Command(config, database, utc_now, parsed))
    finally:
        database.dispose()
    return status


def _migrate(config: Config, database: Database, _: argparse.Namespace) -> int:
    version = migrations.migrate(database)
    print(f"The database in {config.data_directory} is at version {version}.")
    return 0


def _serve(config: Config, database: Database, parsed: argparse.Namespace) -> int:
    # Only this command needs the web server, which takes a while to import.
    from passmuster_server.serving import serve  # noqa: PLC0415

    logs.set_up()
    if parsed.migrate:
        migrations.migrate(database)
    migrations.check_ready(database)
    try:
        database.read_now(check_policies)
    except ContractError as error:
        raise CommandError(
            f"the policy in force was made for another version of this server ({error}); "
            "publish one that `passmuster-server policy publish` accepts"
        ) from None
    return 0 if serve(config) else 1


if __name__ == "__main__":
    sys.exit(main())
