"""What becomes of a program's output on its way: cut, reordered, translated, garbled or lost."""

import base64
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.support.recorded_host import as_bytes

Distortion = Callable[[bytes], bytes]

WORD = re.compile(rb"[A-Za-z]{2,}")
# Letter by letter into another alphabet: what a translated output shares with the original is its
# shape.
FOREIGN = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "абцдефгхийклмнопярстуввхызАБЦДЕФГХИЙКЛМНОПЯРСТУВВХЫЗ",
)


@dataclass(frozen=True)
class Place:
    """Where a machine keeps one output: `section` and `key` in its recording, the stream or ''."""

    section: str
    key: str
    stream: str

    def content(self, machine: Mapping[str, Any]) -> bytes:
        """Return the output as it was recorded."""
        recorded = machine[self.section][self.key]
        if self.stream == "stderr":
            return as_bytes(recorded["stderr"])
        return as_bytes(recorded.get("stdout", recorded) if self.stream else recorded)

    def replaced(self, machine: Mapping[str, Any], content: bytes) -> Mapping[str, Any]:
        """Return the machine with another output in this place."""
        value: Any = {"base64": base64.b64encode(content).decode()}
        if self.stream:
            recorded = machine[self.section][self.key]
            kept = {name: recorded[name] for name in ("status", "stderr") if name in recorded}
            value = {**kept, self.stream: value}
        return {**machine, self.section: {**machine[self.section], self.key: value}}


def places(machine: Mapping[str, Any]) -> Iterator[Place]:
    """Yield every place that holds an output that can be distorted."""
    for line, recorded in machine.get("programs", {}).items():
        if "error" in recorded:
            continue
        if recorded.keys() & {"stdout", "plist", "json"}:
            yield Place("programs", line, "stdout")
        if "stderr" in recorded:
            yield Place("programs", line, "stderr")
    for path, recorded in machine.get("files", {}).items():
        if not isinstance(recorded, dict) or "error" not in recorded:
            yield Place("files", path, "")


def cut(share: float) -> Distortion:
    """Keep the first part of the output only, always at least one byte less than all of it."""

    def apply(content: bytes) -> bytes:
        whole = content.rstrip()
        return whole[: min(int(len(whole) * share), max(0, len(whole) - 1))]

    return apply


def reordered(seed: int) -> Distortion:
    """Shuffle the lines."""

    def apply(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        random.Random(seed).shuffle(lines)
        return b"".join(lines)

    return apply


def translated(content: bytes) -> bytes:
    """Write every word in other letters."""
    return WORD.sub(lambda word: word.group().decode().translate(FOREIGN).encode(), content)


def replaced_by(other: bytes) -> Distortion:
    """Print something else altogether."""
    return lambda _: other


DISTORTIONS: st.SearchStrategy[Distortion] = st.one_of(
    st.floats(0, 1).map(cut),
    st.integers().map(reordered),
    st.just(translated),
    st.binary(max_size=200).map(replaced_by),
    st.text(max_size=200).map(lambda text: replaced_by(text.encode("utf-8", "replace"))),
    st.just(replaced_by(b"")),
)
LOSSES: st.SearchStrategy[Distortion] = st.one_of(
    st.floats(0, 1).map(cut),
    st.just(replaced_by(b"")),
    st.binary(max_size=200).map(replaced_by),
)
