"""Which tests announce devices or networks to every agent on this machine, and carry the mark."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import REPOSITORY

TESTS = REPOSITORY / "tests"
MARK = "pytest.mark.heard_by_all"
SOCKET = "AF_NETLINK"
KERNEL_FILE = re.compile(r"/sys/.*/uevent")
"""What the kernel is written to so that it announces a device anew."""

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """A function of the tests by its dotted name, and the dotted names that it may call."""

    name: str
    uses: frozenset[str]
    sends: bool
    marked: bool

    @property
    def is_test(self) -> bool:
        """Whether pytest runs it."""
        *_, module, name = re.sub(r"\.Test\w+", "", self.name).split(".")
        return module.startswith("test_") and name.startswith("test_")


def test_the_tests_that_announce_carry_the_mark_and_no_others() -> None:
    found = functions_below(TESTS)
    announcing = {name for name in announced_by(found) if found[name].is_test}
    marked = {each.name for each in found.values() if each.is_test and each.marked}
    assert announcing, "no test was found that announces anything"
    assert sorted(announcing - marked) == [], "other parts of the tests hear them"
    assert sorted(marked - announcing) == [], "they may run beside others"


def test_it_is_found_through_functions_fixtures_and_modules(tmp_path: Path) -> None:
    files = {
        "support/stage.py": "def send():\n    socket(AF_NETLINK)\ndef plug():\n    send()\n",
        "conftest.py": "from tests.support.stage import plug\ndef staged():\n    plug()\n",
        "test_it.py": (
            "from tests.support import stage\n"
            "import tests.support.stage\n"
            "from tests.support.stage import plug as put\n"
            "def announce(): ...\n"
            "def test_by_name():\n    put()\n"
            "def test_by_module():\n    stage.plug()\n"
            "def test_by_dots():\n    tests.support.stage.plug()\n"
            "def test_by_fixture(staged): ...\n"
            "@pytest.mark.usefixtures('staged')\ndef test_by_use(): ...\n"
            "def test_of_the_kernel():\n    write('/sys/class/net/lo/uevent')\n"
            "class TestIn:\n    def do(self):\n        put()\n"
            "    def test_by_method(self):\n        self.do()\n"
            "    def test_by_fixture_of_the_class(self, do): ...\n"
            f"@{MARK}\ndef test_of_another():\n    announce()\n"
        ),
    }
    for path, source in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(source, encoding="utf-8")
    found = functions_below(tmp_path)
    announcing = {name.rpartition(".")[2] for name in announced_by(found) if found[name].is_test}
    assert announcing == {
        *("test_by_name", "test_by_module", "test_by_dots", "test_by_fixture", "test_by_use"),
        *("test_of_the_kernel", "test_by_method", "test_by_fixture_of_the_class"),
    }
    assert [each.name for each in found.values() if each.marked] == [
        "tests.test_it.test_of_another"
    ]


def announced_by(functions: Mapping[str, Function]) -> set[str]:
    """Return the functions that send over netlink, or use one that does."""
    found = {each.name for each in functions.values() if each.sends}
    while more := {each.name for each in functions.values() if each.uses & found} - found:
        found |= more
    return found


def functions_below(folder: Path) -> Mapping[str, Function]:
    """Return every function and every method that is written below the folder `tests`."""
    sources = {
        ".".join(("tests", *path.relative_to(folder).with_suffix("").parts)): path
        for path in sorted(folder.rglob("*.py"))
    }
    trees = {name: ast.parse(path.read_text("utf-8")) for name, path in sources.items()}
    found = [each for name in trees for each in _functions(name, trees)]
    return {each.name: each for each in found}


def _functions(module: str, trees: Mapping[str, ast.Module]) -> Iterator[Function]:
    tree = trees[module]
    known = {name: full for each in _shared_with(module) for name, full in _names(each, trees)}
    known.update(_names(module, trees))
    all_marked = any(
        MARK in ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    )
    for node in tree.body:
        if isinstance(node, AnyFunction):
            yield _function(f"{module}.{node.name}", node, known, marked=all_marked)
        elif isinstance(node, ast.ClassDef):
            name = f"{module}.{node.name}"
            methods = [each for each in node.body if isinstance(each, AnyFunction)]
            inside = known | {f"self.{each.name}": f"{name}.{each.name}" for each in methods}
            marked = all_marked or _is_marked(node)
            for each in methods:
                yield _function(f"{name}.{each.name}", each, inside, marked=marked)
            # Whoever makes one may call any of them.
            uses = frozenset(f"{name}.{each.name}" for each in methods)
            yield Function(name, uses, sends=False, marked=False)


def _function(
    name: str,
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    known: Mapping[str, str],
    *,
    marked: bool,
) -> Function:
    parts = list(ast.walk(node))
    said = {ast.unparse(part) for part in parts if isinstance(part, ast.Name | ast.Attribute)}
    asked = {part.arg for part in parts if isinstance(part, ast.arg)}
    # A fixture is a function of the module, or of the class.
    said |= asked | {f"self.{each}" for each in asked}
    texts = {
        part.value
        for part in parts
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    said |= {
        part.value
        for decorator in node.decorator_list
        for part in ast.walk(decorator)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    uses = frozenset(_full(each, known) for each in said)
    sends = any(each.rpartition(".")[2] == SOCKET for each in said)
    sends |= any(KERNEL_FILE.fullmatch(each) for each in texts)
    return Function(name, uses, sends, marked or _is_marked(node))


def _full(name: str, known: Mapping[str, str]) -> str:
    if name in known:
        return known[name]
    first, _, rest = name.partition(".")
    return f"{known[first]}.{rest}" if first in known and rest else name


def _is_marked(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(each) == MARK for each in node.decorator_list)


def _shared_with(module: str) -> Iterator[str]:
    """Yield the modules whose fixtures it may ask for, the farthest first."""
    parts = module.split(".")
    for count in range(1, len(parts)):
        yield ".".join((*parts[:count], "conftest"))


def _names(module: str, trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, str]]:
    """Yield what a module calls by which name, and its dotted name."""
    if module not in trees:
        return
    for node in trees[module].body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, alias.name
        elif isinstance(node, AnyFunction | ast.ClassDef):
            yield node.name, f"{module}.{node.name}"
