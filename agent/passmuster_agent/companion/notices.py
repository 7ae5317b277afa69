"""What the companions are told of the server's answer."""

from passmuster_agent.companion.messages import MAX_BYTES, Notice, Wrong, to_bytes
from passmuster_collectors.contract.verdict import Answer, Outcome

MOST_WRONG = 16
WORDS = ((4, 4), (2, 2), (1, 1), (1, 0), (0, 0))
"""How many reasons and remedies are told of each signal; the first that fit."""

WRONG = (Outcome.FAIL, Outcome.UNKNOWN)


def notice_of(answer: Answer) -> Notice:
    """Return the notice of an answer, with as many of its words as fit into one message."""
    wrong = [each for each in answer.signals if each.outcome in WRONG]
    wrong.sort(key=lambda each: WRONG.index(each.outcome))
    for reasons, remedies in WORDS:
        notice = Notice(
            answer.verdict,
            answer.grace_until,
            tuple(
                Wrong(
                    each.signal,
                    each.title,
                    each.outcome,
                    each.reasons[:reasons],
                    each.remedies[:remedies],
                )
                for each in wrong[:MOST_WRONG]
            ),
        )
        if len(to_bytes(notice)) <= MAX_BYTES:
            return notice
    return Notice(answer.verdict, answer.grace_until, ())
