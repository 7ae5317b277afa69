"""Which mounts are looked at, and as what."""

from passmuster_collectors.signals.disk_encryption.facts import Role
from passmuster_collectors.signals.disk_encryption.linux.places import (
    choose_places,
    parse_homes,
)
from passmuster_collectors.text.mountinfo import MountTable, parse
from tests.support.block_tree import Mounted, mountinfo

ROOT = Mounted("/", "8:1")
HOMES = frozenset({"/home/ana", "/srv/people/bo"})


def places(*mounts: Mounted) -> list[tuple[str, Role]]:
    table = MountTable(parse(mountinfo(ROOT, *mounts).encode()))
    return [(place.mount.point, place.role) for place in choose_places(table, HOMES)]


def test_people_have_homes_and_services_have_none() -> None:
    passwd = (
        b"root:x:0:0::/root:/bin/bash\nwww:x:33:33::/var/www:/sbin/nologin\n"
        b"ana:x:1000:1000:Ana,,,:/home/ana/:/bin/bash\nnobody:x:65534:65534::/nonexistent:\n"
        b"broken line\nx:x:1001:1001::/:/bin/sh\n"
    )
    assert parse_homes(passwd) == {"/home/ana"}


def test_each_role_is_told_by_the_place() -> None:
    assert places(
        Mounted("/home", "8:2"),
        Mounted("/srv/people/bo", "8:3"),
        Mounted("/var", "8:4"),
        Mounted("/mnt/archive", "8:5"),
    ) == [
        ("/", Role.SYSTEM),
        ("/home", Role.HOME),
        ("/mnt/archive", Role.DATA),
        ("/srv/people/bo", Role.HOME),
        ("/var", Role.SYSTEM),
    ]


def test_what_the_computer_starts_from_is_left_out() -> None:
    starting = ("/boot", "/boot/efi", "/efi", "/recovery")
    assert places(*(Mounted(point, f"8:{n}") for n, point in enumerate(starting, 5))) == [
        ("/", Role.SYSTEM)
    ]


def test_memory_images_and_network_are_left_out() -> None:
    assert places(
        Mounted("/run", "0:24", "tmpfs"),
        Mounted("/snap/x/1", "7:0", "squashfs"),
        Mounted("/mnt/share", "0:50", "nfs4"),
        Mounted("/run/user/1000/doc", "0:51", "fuse.portal"),
        Mounted("/home", "0:52", "autofs"),
    ) == [("/", Role.SYSTEM)]


def test_a_file_system_is_told_once_however_often_it_is_mounted() -> None:
    assert places(
        Mounted("/var/snap", "8:1", root="/var/snap"),
        Mounted("/mnt/same", "8:1", root="/srv"),
        Mounted("/data/b", "8:2"),
        Mounted("/data", "8:2"),
    ) == [("/", Role.SYSTEM), ("/data", Role.DATA)]


def test_one_file_system_for_system_and_homes_is_told_as_both() -> None:
    assert places(Mounted("/home", "8:1", root="/@home")) == [
        ("/", Role.SYSTEM),
        ("/home", Role.HOME),
    ]


def test_a_folder_encrypted_inside_a_home_does_not_stand_for_the_home() -> None:
    assert places(Mounted("/home/ana/Private", "0:60", "ecryptfs")) == [("/", Role.SYSTEM)]
    assert places(Mounted("/home/ana", "0:60", "ecryptfs")) == [
        ("/", Role.SYSTEM),
        ("/home/ana", Role.HOME),
    ]


def test_containers_share_the_file_system_below_them() -> None:
    overlays = [
        Mounted(
            f"/var/lib/docker/overlay2/{n}/merged",
            f"0:{60 + n}",
            "overlay",
            options=f"rw,upperdir=/var/lib/docker/overlay2/{n}/diff",
        )
        for n in range(80)
    ]
    assert places(*overlays) == [("/", Role.SYSTEM)]


def test_a_strange_file_system_in_place_of_a_home_is_looked_at() -> None:
    assert ("/home/ana", Role.HOME) in places(Mounted("/home/ana", "0:61", "fuse.strange"))
