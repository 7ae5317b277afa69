"""Which volumes have to be encrypted."""

import pytest

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.disk_encryption.facts import (
    DiskEncryptionFacts,
    Method,
    Role,
    State,
    Volume,
)
from passmuster_collectors.signals.disk_encryption.rule import (
    DiskEncryptionLimits,
    Problem,
    judge,
)

DEFAULT = DiskEncryptionLimits()
ROOT = Volume("/", Role.SYSTEM, State.ENCRYPTED, Method.LUKS2)


def problems(*volumes: Volume, limits: DiskEncryptionLimits = DEFAULT) -> list[tuple[str, Outcome]]:
    found = judge(DiskEncryptionFacts(volumes), limits)
    return [(each.problem, each.outcome) for each in found]


def test_an_encrypted_system_without_swap_passes() -> None:
    assert problems(ROOT) == []


@pytest.mark.parametrize(
    ("state", "problem", "outcome"),
    [
        (State.UNENCRYPTED, Problem.SYSTEM_UNENCRYPTED, Outcome.FAIL),
        (State.KEY_EXPOSED, Problem.KEY_EXPOSED, Outcome.FAIL),
        (State.SUSPENDED, Problem.SUSPENDED, Outcome.FAIL),
        (State.DECRYPTING, Problem.DECRYPTING, Outcome.FAIL),
        (State.ENCRYPTING, Problem.ENCRYPTING, Outcome.TRANSITIONING),
        (State.UNKNOWN, Problem.VOLUME_UNCLEAR, Outcome.UNKNOWN),
    ],
)
def test_every_state_but_encrypted_is_a_finding(
    state: State, problem: Problem, outcome: Outcome
) -> None:
    assert problems(Volume("/", Role.SYSTEM, state, Method.LUKS2)) == [(problem, outcome)]


@pytest.mark.parametrize(
    ("role", "problem"),
    [
        (Role.HOME, Problem.VOLUME_UNENCRYPTED),
        (Role.DATA, Problem.VOLUME_UNENCRYPTED),
        (Role.SWAP, Problem.SWAP_UNENCRYPTED),
    ],
)
def test_one_plain_volume_fails_beside_an_encrypted_system(role: Role, problem: Problem) -> None:
    plain = Volume("/x", role, State.UNENCRYPTED, Method.NONE)
    assert problems(ROOT, plain) == [(problem, Outcome.FAIL)]


def test_an_encrypted_home_on_a_plain_system_is_told_as_that() -> None:
    system = Volume("/", Role.SYSTEM, State.UNENCRYPTED, Method.NONE)
    home = Volume("/home/ana", Role.HOME, State.ENCRYPTED, Method.FSCRYPT)
    assert problems(system, home) == [(Problem.ONLY_HOME_ENCRYPTED, Outcome.FAIL)]


def test_facts_without_a_system_volume_are_unknown() -> None:
    home = Volume("/home", Role.HOME, State.ENCRYPTED, Method.LUKS2)
    assert problems(home) == [(Problem.SYSTEM_MISSING, Outcome.UNKNOWN)]
    assert problems() == [(Problem.SYSTEM_MISSING, Outcome.UNKNOWN)]


def test_a_policy_may_leave_a_role_out() -> None:
    plain = Volume("/data", Role.DATA, State.UNENCRYPTED, Method.NONE)
    limits = DiskEncryptionLimits(required_roles=(Role.SYSTEM, Role.HOME, Role.SWAP))
    assert problems(ROOT, plain, limits=limits) == []


def test_a_policy_may_refuse_a_method() -> None:
    opal = Volume("/", Role.SYSTEM, State.ENCRYPTED, Method.HARDWARE)
    limits = DiskEncryptionLimits(forbidden_methods=(Method.HARDWARE,))
    assert problems(opal) == []
    assert problems(opal, limits=limits) == [(Problem.METHOD_FORBIDDEN, Outcome.FAIL)]
