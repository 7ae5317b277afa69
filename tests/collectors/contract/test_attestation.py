"""What the browser carries to the laptop bears the organisation's code."""

import pytest

from passmuster_collectors.contract.attestation import Summons, read_summons
from passmuster_collectors.contract.errors import ContractError

KEY, OTHER = b"k" * 32, b"o" * 32
SUMMONS = Summons("c" * 43, "s" * 43)


def test_a_summons_is_read_by_who_has_the_key() -> None:
    assert read_summons(SUMMONS.text(KEY), KEY) == SUMMONS


@pytest.mark.parametrize(
    "text",
    [
        SUMMONS.text(OTHER),
        SUMMONS.text(KEY)[:-1],
        "x" + SUMMONS.text(KEY),
        SUMMONS.text(KEY).replace("c", "d", 1),
        SUMMONS.text(KEY) + ".x",
        f"{SUMMONS.challenge}.{SUMMONS.session}.",
        "",
        "..",
        "é" * 20,
        "a" * 300,
    ],
)
def test_anything_else_is_refused_alike(text: str) -> None:
    with pytest.raises(ContractError) as caught:
        read_summons(text, KEY)
    assert caught.value.field == "c"


def test_the_code_is_for_this_purpose_alone() -> None:
    assert SUMMONS.text(KEY).count(".") == 2
    assert SUMMONS.text(KEY) != SUMMONS.text(OTHER)
