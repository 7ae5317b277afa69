"""Modules that a process loads when it uses them, or never."""

import subprocess
import sys

USE = """
import sys
from passmuster_agent import lean_imports
{start}
import {module}
before = "{behind}" in sys.modules
{use}
print(before, "{behind}" in sys.modules)
"""


def before_and_after(start: str, module: str, behind: str, use: str) -> str:
    """Return whether what `module` is made of was loaded before it was used, and after."""
    program = USE.format(start=start, module=module, behind=behind, use=use)
    command = [sys.executable, "-S", "-P", "-c", program]
    sources = {"PYTHONPATH": ":".join(sys.path)}
    return subprocess.check_output(command, text=True, timeout=60, env=sources).strip()


def test_what_is_put_off_is_loaded_when_it_is_used() -> None:
    use = "assert str(inspect.signature(lambda one: one)) == '(one)'"
    assert before_and_after("lean_imports.be_resident()", "inspect", "dis", use) == "False True"


def test_who_imported_it_early_and_who_imports_it_later_use_the_same_one() -> None:
    use = "early = inspect; early.signature; import inspect; assert inspect.stack is early.stack"
    assert before_and_after("lean_imports.be_resident()", "inspect", "dis", use) == "False True"


def test_threads_that_use_it_first_at_once_load_it_once() -> None:
    use = (
        "from concurrent.futures import ThreadPoolExecutor as Pool\n"
        "with Pool(8) as pool:\n"
        "    found = list(pool.map(lambda _: inspect.signature, range(64)))\n"
        "assert len(set(map(id, found))) == 1"
    )
    assert before_and_after("lean_imports.be_resident()", "inspect", "dis", use) == "False True"


def test_what_it_lacks_is_an_attribute_error() -> None:
    use = "assert not hasattr(inspect, 'nothing_of_that_name')"
    assert before_and_after("lean_imports.be_resident()", "inspect", "dis", use) == "False True"


def test_the_command_itself_loads_nothing_that_is_put_off_later() -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        "import passmuster_agent.cli\n"
        "from passmuster_agent.lean_imports import REPORTER, RESIDENT\n"
        "print(*sorted({*REPORTER, *RESIDENT} & (set(sys.modules) - before)))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == []


def test_without_it_everything_is_loaded_at_once() -> None:
    assert before_and_after("", "inspect", "dis", "") == "True True"


def test_a_host_in_brackets_is_still_checked() -> None:
    use = (
        "urllib.parse.urlsplit('https://[::1]/')\n"
        "try: urllib.parse.urlsplit('https://[v]/')\n"
        "except ValueError: pass\n"
        "else: raise AssertionError('not refused')"
    )
    start = "lean_imports.be_resident()"
    program = USE.format(start=start, module="urllib.parse", behind="none", use=use)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_reporter_still_finds_a_server_whose_name_is_not_ascii() -> None:
    use = (
        "request = requests.Request('GET', 'https://b\\xfccher.example/')\n"
        "assert request.prepare().url == 'https://xn--bcher-kva.example/'"
    )
    assert (
        before_and_after("lean_imports.be_reporter()", "requests", "idna.core", use) == "False True"
    )


def test_a_resident_process_hashes_without_openssl() -> None:
    use = "assert hashlib.sha256(b'a').hexdigest().startswith('ca978112')"
    start = "lean_imports.be_resident()"
    assert before_and_after(start, "hashlib", "_ssl", use) == "False False"
    program = (
        f"from passmuster_agent import lean_imports\n{start}\n"
        "import hashlib, sys; print(sys.modules['_hashlib'])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "None"
