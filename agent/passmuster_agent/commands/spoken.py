"""What a command tells whoever typed it, in the language of their session."""

import contextlib
from collections.abc import Iterator

from passmuster_agent.errors import AgentError
from passmuster_collectors.languages import Language


def in_language(language: Language, text: str) -> str:
    """Return what was said in English, line by line and sentence by sentence, in the language."""
    return "\n".join(language.rendered_each(line) for line in text.split("\n"))


@contextlib.contextmanager
def errors_in(language: Language) -> Iterator[None]:
    """Let an `AgentError` of what is done meanwhile say the same in the language."""
    try:
        yield
    except AgentError as error:
        problem, remedy = (in_language(language, each) for each in (error.problem, error.remedy))
        raise AgentError(problem, remedy, error.exit_code) from None
