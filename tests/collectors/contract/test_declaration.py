"""Facts say of themselves why they are collected."""

from dataclasses import dataclass

import pytest

from passmuster_collectors.contract.declaration import declared_fields, fact


@dataclass(frozen=True)
class Leaf:
    size: int = fact("Says how large it is.")


@dataclass(frozen=True)
class Tree:
    name: str = fact("Tells it from others.")
    leaves: tuple[Leaf, ...] = fact("What it is made of.")


@dataclass(frozen=True)
class Silent:
    name: str = fact("Tells it from others.")
    extra: str = ""


def test_every_field_is_listed_by_its_path_with_its_reason() -> None:
    assert [(field.path, field.why) for field in declared_fields(Tree)] == [
        ("name", "Tells it from others."),
        ("leaves", "What it is made of."),
        ("leaves[].size", "Says how large it is."),
    ]


def test_a_field_without_a_reason_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"Silent\.extra does not say why"):
        declared_fields(Silent)
