"""What is collected about programs that let somebody elsewhere use this laptop."""

from dataclasses import dataclass
from typing import Annotated

from passmuster_collectors.contract.declaration import Items, Text, fact

Name = Annotated[str, Text(longest=40)]


@dataclass(frozen=True)
class RemoteAccessFacts:
    """Names out of Passmuster's own list. Which other programs run is never told."""

    running: Annotated[tuple[Name, ...], Items(most=64)] = fact(
        "The answer itself: with which of the tools on our list could somebody elsewhere see and "
        "use this screen now?"
    )
    unclear: Annotated[tuple[Name, ...], Items(most=64)] = fact(
        "Those that run, and of which it could not be read whether they let anybody in."
    )
