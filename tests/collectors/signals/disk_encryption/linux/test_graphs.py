"""Random block devices against a slow judge that looks at every leg by itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.reading import Status
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.disk_encryption import SIGNAL, linux
from passmuster_collectors.signals.disk_encryption.facts import DiskEncryptionFacts, State
from tests.support.block_tree import (
    Block,
    Mounted,
    crypt,
    disk,
    logical,
    machine,
    partition,
    virtual,
)
from tests.support.recorded_host import RecordedHost

ENCRYPT = ("LUKS1", "LUKS2", "PLAIN", "TCRYPT", "BITLK", "FVAULT2", "LOOPAES", "LUKS2-OPAL")
HIDE_NOTHING = ("INTEGRITY", "VERITY")
NEVER_SEEN = ("LUKS3", "SUBDEV", "TEMP")


@dataclass
class Graph:
    """Devices by name: what each one is, and which ones it writes to."""

    kinds: dict[str, str] = field(default_factory=dict)
    below: dict[str, tuple[str, ...]] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def add(self, kind: str, block: Block, below: tuple[str, ...] = ()) -> None:
        self.kinds[block.name] = kind
        self.below[block.name] = below
        self.blocks.append(block)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, str]:
    """Draw some hardware, up to eight devices over it, and the one that is mounted."""
    graph = Graph()
    for index, kind in enumerate(
        draw(st.lists(st.sampled_from(["disk", "memory", "network"]), min_size=1, max_size=4))
    ):
        if kind == "disk":
            hardware = disk(f"sd{'abcd'[index]}", f"8:{16 * index}")
            graph.add(kind, hardware)
            if draw(st.booleans()):
                part = partition(f"{hardware.name}1", f"8:{16 * index + 1}", hardware)
                graph.add("partition", part, (hardware.name,))
        elif kind == "memory":
            graph.add(kind, virtual(f"zram{index}", f"252:{index}", backing_dev="none"))
        else:
            graph.add(kind, virtual(f"nbd{index}", f"43:{index}"))
    for index in range(draw(st.integers(0, 8))):
        names = st.sampled_from(sorted(graph.kinds))
        if draw(st.booleans()):
            kind = draw(st.sampled_from((*ENCRYPT, *HIDE_NOTHING, *NEVER_SEEN)))
            lower = draw(names)
            device = crypt(f"dm-{index}", f"253:{index}", f"c{index}", lower, kind)
            graph.add(kind, device, (lower,))
        else:
            below = tuple(draw(st.lists(names, max_size=3, unique=True)))
            volume = logical(f"dm-{index}", f"253:{index}", f"vg-lv{index}", *below)
            graph.add("logical", volume, below)
    return graph, draw(st.sampled_from(sorted(graph.kinds)))


def legs(graph: Graph, name: str) -> Iterator[tuple[str, ...]]:
    """Yield the kinds of devices on every single way from a device down to hardware."""
    if not graph.below[name]:
        yield (graph.kinds[name],)
    for lower in graph.below[name]:
        for leg in legs(graph, lower):
            yield (graph.kinds[name], *leg)


def judge_leg(leg: tuple[str, ...]) -> State | None:
    if leg[-1] == "memory":
        return None
    if any(kind in ENCRYPT for kind in leg):
        return State.ENCRYPTED
    if any(kind in NEVER_SEEN for kind in leg) or leg[-1] != "disk":
        return State.UNKNOWN
    return State.UNENCRYPTED


def oracle(graph: Graph, name: str) -> State | None:
    found = {judge_leg(leg) for leg in legs(graph, name)}
    for state in (State.UNENCRYPTED, State.UNKNOWN, State.ENCRYPTED):
        if state in found:
            return state
    return None


@settings(max_examples=400, deadline=None)
@given(graphs())
def test_a_volume_is_as_good_as_its_worst_leg(drawn: tuple[Graph, str]) -> None:
    graph, mounted = drawn
    number = next(block.number for block in graph.blocks if block.name == mounted)
    recorded = machine(graph.blocks, [Mounted("/", number)])
    reading = linux.read(RecordedHost(recorded))
    facts = codec.decode(DiskEncryptionFacts, reading.facts)
    found = [volume.state for volume in facts.volumes]
    expected = oracle(graph, mounted)
    assert found == ([] if expected is None else [expected])
    assert (reading.status is Status.OK) is (expected is not State.UNKNOWN)
    outcome = SIGNAL.judge(reading, SIGNAL.limits()).outcome
    assert (outcome is Outcome.PASS) is (expected is State.ENCRYPTED)
