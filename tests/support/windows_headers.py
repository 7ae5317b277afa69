"""Holds declarations of Windows' structures, functions and constants against C headers.

The headers are those of mingw-w64, written independently of ours and of Microsoft's own; its
compiler for 64-bit Windows does the comparing, and its import libraries tell which file exports
what. Nothing is run.
"""

import ctypes
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from passmuster_collectors.host.dll import Function
from tests.support.tools import require_tool

COMPILER = "x86_64-w64-mingw32-g++"
SYMBOLS = "x86_64-w64-mingw32-nm"
LIBRARIES = Path("/usr/x86_64-w64-mingw32/lib")

PRELUDE = """
#define UNICODE
#define _UNICODE
#define _WIN32_WINNT 0x0A00
#define NTDDI_VERSION 0x0A000006
#include <initguid.h>
#include <cstddef>
#include <windows.h>
%s
template <class T> constexpr unsigned width = sizeof(T);
template <> constexpr unsigned width<void> = 0;
template <class T> constexpr unsigned width<T &> = sizeof(T *);
template <class F> struct Shape;
template <class R, class... A> struct Shape<R (*)(A...)> {
    static constexpr unsigned count = sizeof...(A);
    static constexpr unsigned widths[] = {width<R>, width<A>...};
};
template <unsigned N> constexpr bool same(const unsigned (&a)[N], const unsigned (&b)[N]) {
    for (unsigned i = 0; i < N; ++i) if (a[i] != b[i]) return false;
    return true;
}
constexpr bool same(const wchar_t *a, const wchar_t *b) {
    while (*a && *a == *b) { ++a; ++b; }
    return *a == *b;
}
"""


def structure(
    ours: type[ctypes.Structure], theirs: str, names: Mapping[str, str] | None = None
) -> list[str]:
    """Return what has to hold for a structure; `names` are theirs for fields, by ours."""
    named = names or {}
    lines = [f'static_assert(sizeof({theirs}) == {ctypes.sizeof(ours)}, "size of {theirs}");']
    for field in ours._fields_:
        name = field[0]
        offset = getattr(ours, name).offset
        member = named.get(name, name)
        lines.append(
            f'static_assert(offsetof({theirs}, {member}) == {offset}, "{theirs}.{member}");'
        )
    return lines


def function(ours: Function) -> list[str]:
    """Return what has to hold for a function: how many arguments, how wide each and the result."""
    expected = [_width(ours.result), *(_width(each) for each in ours.arguments)]
    shape = f"Shape<decltype(&{ours.name})>"
    widths = ", ".join(str(each) for each in expected)
    return [
        f'static_assert({shape}::count == {len(ours.arguments)}, "arguments of {ours.name}");',
        f"constexpr unsigned widths_{ours.name}[] = {{{widths}}};",
        f'static_assert(same({shape}::widths, widths_{ours.name}), "widths of {ours.name}");',
    ]


def constant(theirs: str, value: int | str) -> list[str]:
    """Return what has to hold for a number or a text that the headers name."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\")
        return [f'static_assert(same({theirs}, L"{escaped}"), "{theirs}");']
    return [
        f'static_assert((unsigned long long)({theirs}) == {value}ULL, "{theirs}");',
    ]


def check(headers: Iterable[str], claims: Iterable[str], folder: Path) -> None:
    """Fail with the compiler's words unless every claim holds."""
    compiler = require_tool(COMPILER)
    source = folder / "claims.cpp"
    included = "\n".join(f"#include <{each}>" for each in headers)
    lines = dict.fromkeys(claims)  # several modules may use the same function
    source.write_text(PRELUDE % included + "\n".join(lines), encoding="utf-8")
    done = subprocess.run(
        [compiler, "-std=c++17", "-fsyntax-only", "-Wno-attributes", source],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    wrong = "\n".join(line for line in done.stderr.splitlines() if "error:" in line)
    assert done.returncode == 0, wrong or done.stderr


def not_exported(functions: Iterable[Function]) -> list[str]:
    """Return the functions that the file they are said to be in does not export."""
    symbols = require_tool(SYMBOLS)
    found: dict[str, str] = {}
    absent = []
    for each in functions:
        stem = each.library.removesuffix(".dll")
        if stem not in found:
            done = subprocess.run(
                [symbols, LIBRARIES / f"lib{stem}.a"],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            found[stem] = done.stdout
        if f"__imp_{each.name}\n" not in found[stem]:
            absent.append(f"{each.library}: {each.name}")
    return absent


def _width(declared: Any) -> int:
    return 0 if declared is None else ctypes.sizeof(declared)
