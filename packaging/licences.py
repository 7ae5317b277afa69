"""The licences of what is shipped, as SPDX expressions, and which of them are allowed."""

import importlib.metadata
import re

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0"),
        "MIT-CMU",
        *("PSF-2.0", "Python-2.0", "Zlib"),
        # Their own files stay under these; what uses them does not come under them.
        *("LGPL-3.0-only", "MPL-2.0"),
    }
)

FREE_WORDS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What older metadata says, and what the licence in those packages is."""

ELSEWHERE = {"pywin32-ctypes": "BSD-3-Clause"}
"""Packages of other systems, whose metadata can't be read here; read by a person instead."""


def licence_of(name: str) -> str:
    """Return the SPDX expression of an installed package, or nothing where it tells none.

    Core metadata 2.4 has `License-Expression`; before it there were free words and classifiers.
    """
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ELSEWHERE.get(name, "")
    classifiers = metadata.get_all("Classifier") or []
    told = [
        metadata.get("License-Expression") or "",
        metadata.get("License") or "",
        *(each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: ")),
    ]
    for words in told:
        try:
            return canonicalize_license_expression(FREE_WORDS.get(words, words))
        except InvalidLicenseExpression:
            continue
    return ""


def allowed(expression: str) -> bool:
    """Whether a licence may be shipped: of alternatives one has to be allowed, of parts each."""
    if not expression:
        return False
    return any(
        all(part.strip(" ()") in ALLOWED for part in re.split(r"\s+AND\s+", choice))
        for choice in re.split(r"\s+OR\s+", expression)
    )
