"""Which parts of a path name a person, and what is told in their place."""

import json

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.disk_encryption import SIGNAL
from passmuster_collectors.signals.disk_encryption.linux.anonymity import Anonymity
from tests.support.block_tree import Mounted, crypt, disk, machine, partition
from tests.support.recorded_host import RecordedHost

ANONYMITY = Anonymity({"/home/ana", "/srv/people/bo"})


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/home/ana", "~"),
        ("/home/ana/swapfile", "~/swapfile"),
        ("/srv/people/bo/vault", "~/vault"),
        ("/home/from-the-directory/Private", "~/Private"),
        ("/var/home/ana", "~"),
        ("/run/media/ana/STICK", "/run/media/~/STICK"),
        ("/media/ana/STICK", "/media/~/STICK"),
        ("/media/STICK", "/media/STICK"),
        ("/home", "/home"),
        ("/", "/"),
        ("/srv/people/bob", "/srv/people/bob"),
        ("/mnt/home/x", "/mnt/home/x"),
    ],
)
def test_what_names_a_person_is_left_out(path: str, told: str) -> None:
    assert ANONYMITY.path(path) == told


def test_a_source_keeps_its_outcome() -> None:
    source = Source("/home/ana/key", SourceOutcome.DENIED, "EACCES")
    assert ANONYMITY.source(source) == Source("~/key", SourceOutcome.DENIED, "EACCES")


def test_nothing_that_leaves_the_laptop_names_a_person() -> None:
    sda = disk("sda", "8:0")
    blocks = [sda, partition("sda1", "8:1", sda), partition("sda2", "8:2", sda)]
    blocks += [crypt("dm-0", "253:0", "root", "sda1"), crypt("dm-1", "253:1", "vault", "sda2")]
    mounts = [
        Mounted("/", "253:0"),
        Mounted("/home/ana", "0:77", "fuse.strange"),
        Mounted("/run/media/ana/STICK", "253:1"),
    ]
    swaps = [("/home/ana/swapfile", "file"), ("/home/ana/gone\\040(deleted)", "file")]
    crypttab = {"/etc/crypttab": "vault UUID=1 /home/ana/vault.key\n"}
    (reading,) = collect(RecordedHost(machine(blocks, mounts, swaps, files=crypttab)), [SIGNAL])
    told = json.dumps(codec.encode(reading))
    assert "~/swapfile" in told
    assert "ana" not in told, told
