"""Every module of the product and what it imports, read from the source without running it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.tools import REPOSITORY

PACKAGES = {
    "passmuster_agent": REPOSITORY / "agent",
    "passmuster_collectors": REPOSITORY / "collectors",
    "passmuster_server": REPOSITORY / "server",
}


@dataclass(frozen=True)
class Import:
    """One import: the module that is imported and the line; `deferred` inside a function."""

    module: str
    line: int
    deferred: bool


@dataclass(frozen=True)
class Module:
    """One source file. `imports` leaves out what is for the type checker alone."""

    name: str
    path: Path
    imports: tuple[Import, ...]


@cache
def modules() -> dict[str, Module]:
    """Return every module of the product by its dotted name."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted((folder / package).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = path
    return {
        name: Module(name, path, tuple(_imports(path, set(found)))) for name, path in found.items()
    }


def is_ours(name: str) -> bool:
    """Whether the module is part of the product."""
    return name.partition(".")[0] in PACKAGES


def is_standard(name: str) -> bool:
    """Whether the module is in Python's standard library."""
    return name.partition(".")[0] in sys.stdlib_module_names


def is_below(name: str, *parents: str) -> bool:
    """Whether the module is one of `parents` or inside one."""
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def _imports(path: Path, known: set[str]) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    yield from _walk(tree, known, deferred=False)


def _walk(node: ast.AST, known: set[str], *, deferred: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, deferred)
        elif isinstance(child, ast.ImportFrom):
            module = child.module or ""
            for alias in child.names:
                full = f"{module}.{alias.name}"
                yield Import(full if full in known else module, child.lineno, deferred)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _walk(other, known, deferred=deferred)
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, known, deferred=deferred or is_function)
