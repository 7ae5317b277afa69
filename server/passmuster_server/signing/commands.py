"""`passmuster-server signing-keys`: what signs, what is next, and a change before its time."""

from argparse import ArgumentParser, _SubParsersAction

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.commands import Command, CommandError
from passmuster_server.signing import store
from passmuster_server.signing.keys import StoredKey, generate_key
from passmuster_server.signing.service import PUBLISHED_BEFORE_USE, REFRESH_S


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `signing-keys`."""
    parser = parsers.add_parser("signing-keys", help="show or change the keys this server signs by")
    parser.add_argument("--rotate", action="store_true", help="let the next key sign from now on")
    parser.add_argument(
        "--compromised",
        action="store_true",
        help="with --rotate: take the old keys back at once, and what they signed with them",
    )
    parser.set_defaults(run=signing_keys)


def signing_keys(command: Command) -> int:
    """Print the keys, or rotate them."""
    if command.arguments.compromised and not command.arguments.rotate:
        raise CommandError("--compromised: give it together with --rotate")
    if command.arguments.rotate:
        _rotate(command)
        command.change(
            lambda _: None,
            lambda _: Event(
                Action.SIGNING_KEY_ROTATED, details={"compromised": command.arguments.compromised}
            ),
        )
    for key in command.database.read_now(store.stored_keys):
        print(f"{key.key_id}  {_described(key)}")
    return 0


def _rotate(command: Command) -> None:
    now, compromised = command.clock(), command.arguments.compromised
    serving = _serving(command)
    if len(serving) < 2:
        spare = tuple(generate_key(now) for _ in range(2 - len(serving)))
        command.database.write_now(lambda transaction: store.complete(transaction, spare, now))
        serving = _serving(command)
    signs, following = serving[:2]
    if not compromised and now - following.published_at < PUBLISHED_BEFORE_USE:
        raise CommandError(
            "the next key was published less than two days ago: those who keep our keys for a day "
            "would refuse what it signs; wait, or give --compromised"
        )
    new = generate_key(now)
    command.database.write_now(
        lambda transaction: store.rotate(transaction, signs.key_id, following.key_id, new, now)
    )
    if compromised:
        # The next key lay beside the one that leaked.
        newest = generate_key(now)
        command.database.write_now(
            lambda transaction: store.rotate(transaction, following.key_id, new.key_id, newest, now)
        )
        command.database.write_now(store.withdraw_retired)
    print(f"Every server signs with the new key within {REFRESH_S:.0f} seconds.")


def _serving(command: Command) -> list[StoredKey]:
    keys = command.database.read_now(store.stored_keys)
    return [key for key in keys if key.retired_at is None]


def _described(key: StoredKey) -> str:
    if key.retired_at is not None:
        return f"retired {key.retired_at:%Y-%m-%d %H:%M} UTC"
    if key.used_from is not None:
        return f"signs since {key.used_from:%Y-%m-%d %H:%M} UTC"
    return f"next, published {key.published_at:%Y-%m-%d %H:%M} UTC"
