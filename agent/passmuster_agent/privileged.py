"""The root helper as systemd starts it: answers what only root may read, and ends.

Not a person's command. It knows no server, no key and no state directory.
"""

import argparse
import logging
import secrets
import sys
from collections.abc import Sequence

from passmuster_agent.errors import AgentError, ExitCode
from passmuster_collectors.host.privileged.verbs import SERVICE_USER, Verb


def main(arguments: Sequence[str]) -> int:
    """Serve the socket that systemd handed over until nobody asks any more.

    Raises `AgentError` where there is none.
    """
    if sys.platform == "linux":
        return _serve(arguments)
    raise AgentError("There is no root helper on this system.", "")


if sys.platform == "linux":

    def _serve(arguments: Sequence[str]) -> int:
        from passmuster_collectors.host.linux import LinuxHost  # noqa: PLC0415 - Linux alone has it
        from passmuster_collectors.host.privileged import server  # noqa: PLC0415 - the same
        from passmuster_collectors.host.privileged.gathering import GATHER  # noqa: PLC0415 - the same

        parser = argparse.ArgumentParser(prog="passmuster-agent root-helper", allow_abbrev=False)
        parser.add_argument("--account", default=SERVICE_USER, help="who may ask, beside root")
        parser.add_argument(
            "--firewall", action="store_true", help="answer about the firewall, and nothing else"
        )
        options = parser.parse_args(arguments)
        words = {verb: how for verb, how in GATHER.items() if _is_served(verb, options.firewall)}
        logging.basicConfig(
            stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s"
        )
        try:
            listener = server.handed_over()
        except server.NotStartedBySystemdError as error:
            raise AgentError(
                f"The root helper cannot start by itself: {error}.",
                "systemd starts it: systemctl start passmuster-agent-helper.socket",
            ) from None
        # It hashes nothing: values go to the agent, which has the organisation's key.
        host = LinuxHost(secrets.token_bytes(32))
        with listener:
            allowed = server.may_ask(options.account)
            server.serve(listener, allowed, lambda verb: words[verb](host))
        return ExitCode.DONE

    def _is_served(verb: Verb, firewall: bool) -> bool:
        """Whether this process has what it takes: each of the two helpers has its own rights."""
        return (verb is Verb.FIREWALL) is firewall
