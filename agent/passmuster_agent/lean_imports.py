"""What a process that has to stay small never loads, or not before it is used.

Other people's modules import more than we use of them. Figures are those of Python 3.11 on Linux.
"""

import sys
import threading
import warnings
from importlib import import_module
from types import ModuleType
from typing import Any

RESIDENT = ("inspect", "ipaddress")
"""0.9 MiB: `dataclasses` asks `inspect` for the signature of a class without a docstring, and
`urllib.parse` asks `ipaddress` about a host in brackets. From Python 3.12 on the former asks
`inspect` about every class, and 0.7 MiB of that are not saved."""

REPORTER = (
    "inspect",
    *("bz2", "csv", "idna", "lzma", "mimetypes", "shutil", "stringprep", "zipfile"),
)
"""1.8 MiB: reading sources, uploads of files, certificates in archives, hosts beyond ASCII."""


def be_resident() -> None:
    """Make this process one that stays: the daemon or the companion."""
    # OpenSSL's SHA-256 costs 3.5 MiB. `hashlib` and `hmac` use the interpreter's own one by
    # themselves where it can't be imported.
    _leave_out("_hashlib")
    _put_off(*RESIDENT)


def be_reporter() -> None:
    """Make this process the one that signs, sends and ends."""
    # `requests` works without a library that guesses a text's encoding, and says so in a warning
    # (requests/__init__.py). They cost 4 MiB, and no answer's encoding is guessed.
    warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")
    _leave_out("chardet", "charset_normalizer")
    _put_off(*REPORTER)


def _leave_out(*names: str) -> None:
    """Let importing these fail as if they were not installed."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type] # None means: not to be had


def _put_off(*names: str) -> None:
    """Let these be loaded when something of them is first used, not when they are imported.

    `importlib.util.LazyLoader` is no help: the import statement itself looks at `__spec__`, which
    makes it load. Here a module stands in that finds everything in the real one (PEP 562).
    """
    for name in names:
        if name not in sys.modules:
            sys.modules[name] = _stand_in(name)


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name)
    lock = threading.Lock()

    def find(attribute: str) -> Any:
        with lock:
            if sys.modules.get(name) is module:
                del sys.modules[name]
        return getattr(import_module(name), attribute)

    module.__getattr__ = find  # type: ignore[method-assign] # as a module's own code would define it
    return module
