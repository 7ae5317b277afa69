from pathlib import Path

import pytest

from passmuster_agent.windows.file_rights import FileRights
from tests.support.windows_security import SimulatedRights, descriptor, entry

SYSTEM = "S-1-5-18"
ADMINISTRATORS = "S-1-5-32-544"
USERS = "S-1-5-32-545"
ANA = "S-1-5-21-1004336348-1177238915-682003330-1001"
# What `sc showsid passmuster-agent` has to print.
SERVICE = "S-1-5-80-2269692791-2186499455-727192575-1039217211-2762447023"

OURS = descriptor(ADMINISTRATORS, [entry(SYSTEM), entry(ADMINISTRATORS), entry(SERVICE)])
FOLDER = Path("C:/ProgramData/passmuster-agent")


def of_the_service(simulated: SimulatedRights) -> FileRights:
    return FileRights(simulated.functions(), SYSTEM, elevated=True)


def of_a_person(simulated: SimulatedRights) -> FileRights:
    return FileRights(simulated.functions(), ANA, elevated=False)


def test_the_computers_folder_is_made_for_system_administrators_and_the_service() -> None:
    simulated = SimulatedRights(OURS)
    of_the_service(simulated).make_folder(FOLDER)
    ((path, access_list),) = simulated.made
    assert path == str(FOLDER)
    assert access_list == (
        f"D:P(A;OICI;FA;;;{SYSTEM})(A;OICI;FA;;;{ADMINISTRATORS})(A;OICI;FA;;;{SERVICE})"
    )
    assert simulated.freed == 1


def test_a_persons_folder_is_made_for_that_person() -> None:
    simulated = SimulatedRights(OURS)
    of_a_person(simulated).make_folder(FOLDER)
    ((_, access_list),) = simulated.made
    assert access_list.endswith(f"(A;OICI;FA;;;{ANA})")


def test_a_folder_that_is_there_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = SimulatedRights(OURS)
    simulated.exists = True
    monkeypatch.setattr("passmuster_agent.windows.file_rights.last_error", lambda: 183)
    of_the_service(simulated).make_folder(FOLDER)


def test_a_folder_that_cannot_be_made_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = SimulatedRights(OURS)
    simulated.exists = True
    monkeypatch.setattr("passmuster_agent.windows.file_rights.last_error", lambda: 5)
    with pytest.raises(OSError, match="cannot be made: error 0x5"):
        of_the_service(simulated).make_folder(FOLDER)


def test_a_new_file_has_an_access_list_of_its_own_from_the_first_moment() -> None:
    simulated = SimulatedRights(OURS)
    assert of_the_service(simulated).create_file(FOLDER / "key.pem") == 42
    ((path, access_list),) = simulated.made
    assert path.endswith("key.pem")
    assert access_list == (f"D:P(A;;FA;;;{SYSTEM})(A;;FA;;;{ADMINISTRATORS})(A;;FA;;;{SERVICE})")
    assert simulated.freed == 1


@pytest.mark.parametrize(
    ("code", "error"), [(80, FileExistsError), (183, FileExistsError), (112, OSError)]
)
def test_a_file_that_cannot_be_made_says_whether_it_is_there(
    monkeypatch: pytest.MonkeyPatch, code: int, error: type[OSError]
) -> None:
    simulated = SimulatedRights(OURS)
    simulated.exists = True
    monkeypatch.setattr("passmuster_agent.windows.file_rights.last_error", lambda: code)
    with pytest.raises(error):
        of_the_service(simulated).create_file(FOLDER / "key.pem")


def test_what_is_ours_has_no_strangers() -> None:
    simulated = SimulatedRights(OURS)
    assert of_the_service(simulated).strangers_of_folder(FOLDER) == frozenset()
    assert simulated.closed == [42]
    assert simulated.freed == 1


@pytest.mark.parametrize(
    ("found", "strangers"),
    [
        (descriptor(ANA, [entry(SYSTEM)]), {ANA}),
        (descriptor(SYSTEM, [entry(SYSTEM), entry(USERS, mask=0x1200A9)]), {USERS}),
        (descriptor(SYSTEM, None), {"*"}),
    ],
    ids=["made by somebody else", "readable by all users", "without an access list"],
)
def test_what_others_may_touch_names_them(found: bytes, strangers: set[str]) -> None:
    assert of_the_service(SimulatedRights(found)).strangers(42) == strangers


def test_a_persons_own_file_is_not_strange_to_that_person() -> None:
    assert of_a_person(SimulatedRights(descriptor(ANA, [entry(ANA)]))).strangers(42) == frozenset()


def test_rights_that_cannot_be_read_are_an_error() -> None:
    simulated = SimulatedRights(OURS)
    simulated.error = 5
    with pytest.raises(OSError, match="cannot be read: error 0x5"):
        of_the_service(simulated).strangers(42)


def test_garbage_instead_of_rights_is_an_error() -> None:
    with pytest.raises(OSError, match="cannot be read: cut off"):
        of_the_service(SimulatedRights(b"\x01\x00")).strangers(42)
