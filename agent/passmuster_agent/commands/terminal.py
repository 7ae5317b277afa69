"""Asking whoever sits at the terminal, or what is piped in."""

import sys

LONGEST_LINE = 256


def ask(question: str) -> str:
    """Return the line that is typed after `question`, without the spaces around it."""
    print(question, end="", flush=True)
    return sys.stdin.readline(LONGEST_LINE).strip()
