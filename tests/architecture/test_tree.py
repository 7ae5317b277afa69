"""What files there may be, and what they may be called."""

import ast

from tests.architecture.modules import PACKAGES, modules
from tests.support.tools import REPOSITORY

EMPTY_WORDS = frozenset(
    {"util", "utils", "helper", "helpers", "manager", "common", "misc", "tools"}
)


def test_packaging_is_no_package_so_that_it_never_hides_the_library_of_that_name() -> None:
    assert not (REPOSITORY / "packaging" / "__init__.py").exists()


def test_no_module_and_no_function_is_called_by_an_empty_word() -> None:
    names = [
        f"{module.name}.{node.name}"
        for module in modules().values()
        for node in ast.walk(ast.parse(module.path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    found = [name for name in modules() if EMPTY_WORDS & set(_last(name).split("_"))]
    found += [name for name in names if _last(name) in EMPTY_WORDS]
    assert found == []


def test_every_module_says_in_a_sentence_what_it_is_for() -> None:
    silent = [
        module.name
        for module in modules().values()
        if not ast.get_docstring(ast.parse(module.path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_the_three_packages_lie_in_the_three_folders() -> None:
    for package, folder in PACKAGES.items():
        inside = [path.name for path in folder.iterdir() if (path / "__init__.py").exists()]
        assert inside == [package]


def _last(name: str) -> str:
    return name.rpartition(".")[2].lower().strip("_")
