"""What the forms that publish a policy have in common."""

from collections.abc import Mapping

from passmuster_server.console.policy_view import Effect

MAX_DIGITS = 9


class UnsureError(Exception):
    """A change that lacks what the form asks for; the message says what."""


def largest_form(text: int) -> int:
    """Return the bytes that a form takes at most whose text has as many: it escapes by three."""
    return 3 * text + 8 * 1024


def text_of(fields: Mapping[str, str], name: str) -> str:
    """Return a text: a browser sends the ends of lines as the network has them."""
    return fields.get(name, "").replace("\r\n", "\n")


def number_of(text: str) -> int:
    """Return a whole number; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else 0


def check_sure(shut_out: Effect, fields: Mapping[str, str]) -> None:
    """Raise `UnsureError` where it would shut people out, unless that was told and is meant.

    `shut_out` is what it would do now. The form's `shuts_out` are the laptops that its page told.
    """
    if shut_out.laptops > number_of(fields.get("shuts_out", "")):
        laptops = "1 laptop" if shut_out.laptops == 1 else f"{shut_out.laptops:,} laptops"
        raise UnsureError(
            f"It would shut out {laptops} by now, more than you were told: look again."
        )
    if shut_out.laptops and fields.get("sure") != "yes":
        raise UnsureError("Tick that you mean to shut people out.")
