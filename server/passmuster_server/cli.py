"""`passmuster-server`: thin; each area brings its own commands."""

import argparse
import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from passmuster_server import __version__, migrations
from passmuster_server.accounts.commands import add_commands as add_accounts_commands
from passmuster_server.clock import utc_now
from passmuster_server.commands import Command, CommandError
from passmuster_server.config import DEFAULT_PORT, Config, ConfigError, load
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.devices.commands import add_commands as add_devices_commands
from passmuster_server.gate.commands import add_commands as add_gate_commands
from passmuster_server.policy.commands import add_commands as add_policy_commands

KEEP_ALIVE_S = 75
STOP_WITHIN_S = 10
AREAS = (add_accounts_commands, add_devices_commands, add_policy_commands, add_gate_commands)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 can't be done, 2 mistyped."""
    parsed = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        config = load(parsed.config, _flags(parsed))
        if parsed.command == "serve":
            return _serve(config, migrate=parsed.migrate)
        if parsed.command == "migrate":
            return _migrate(config)
        return _run(config, parsed)
    except ConfigError as error:
        for mistake in error.mistakes:
            print(f"passmuster-server: {mistake}", file=sys.stderr)
    except (CommandError, StoreUnavailableError) as error:
        print(f"passmuster-server: {error}", file=sys.stderr)
    except migrations.SchemaError as error:
        print(f"passmuster-server: {error}; run: passmuster-server migrate", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="passmuster-server",
        description="Judges laptops by policy, shows the fleet, and answers the helpdesk's gate.",
    )
    parser.add_argument("--version", action="version", version=f"passmuster-server {__version__}")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, as TOML")
    parser.add_argument("--data-directory", metavar="DIR", help="where the database is kept")
    parser.add_argument("--public-url", metavar="URL", help="the address that others reach it by")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    serve = parsers.add_parser("serve", help="run the server")
    serve.add_argument(
        "--listen", metavar="HOST:PORT", help=f"default: 127.0.0.1:{DEFAULT_PORT} (loopback)"
    )
    serve.add_argument("--tls-certificate", metavar="FILE", help="PEM, with its chain")
    serve.add_argument("--tls-key", metavar="FILE", help="PEM")
    serve.add_argument(
        "--behind-proxy",
        action="store_true",
        default=None,
        help="a proxy in front of this server speaks TLS",
    )
    serve.add_argument("--migrate", action="store_true", help="bring the database up to date first")
    parsers.add_parser("migrate", help="create the database or bring it up to date")
    for add_commands in AREAS:
        add_commands(parsers)
    return parser


def _flags(parsed: argparse.Namespace) -> dict[str, Any]:
    names = (
        "data_directory",
        "public_url",
        "listen",
        "tls_certificate",
        "tls_key",
        "behind_proxy",
    )
    return {name: getattr(parsed, name, None) for name in names}


def _prepare(config: Config) -> None:
    try:
        config.data_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CommandError(
            f"data_directory: {config.data_directory} can't be made ({error.strerror})"
        ) from None


def _migrate(config: Config) -> int:
    _prepare(config)
    version = migrations.migrate(Database(config.database_url))
    print(f"The database in {config.data_directory} is at version {version}.")
    return 0


def _run(config: Config, parsed: argparse.Namespace) -> int:
    _prepare(config)
    database = Database(config.database_url)
    migrations.check_ready(database)
    status: int = parsed.run(Command(config, database, utc_now, parsed))
    return status


def _serve(config: Config, *, migrate: bool) -> int:
    # Only this command needs the web server, which takes a while to import.
    import uvicorn  # noqa: PLC0415

    from passmuster_server.app import create_app  # noqa: PLC0415

    class Server(uvicorn.Server):
        """Ends the open pages' streams first: they would be waited for in vain."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for close in app.state.services.closings:
                close()
            await super().shutdown(sockets)

    _prepare(config)
    database = Database(config.database_url)
    if migrate:
        migrations.migrate(database)
    migrations.check_ready(database)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app = create_app(config)
    server = Server(
        uvicorn.Config(
            app,
            host=config.host,
            port=config.port,
            # Addresses in an access log would say who works when, and from where.
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_WITHIN_S,
            ssl_certfile=config.tls_certificate,
            ssl_keyfile=config.tls_key,
            proxy_headers=config.behind_proxy,
        )
    )
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
