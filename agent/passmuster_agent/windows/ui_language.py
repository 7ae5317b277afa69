"""The language in which Windows speaks to the user who is logged in."""

from passmuster_collectors.host.dll import WORD, Function

FUNCTIONS = (Function("kernel32.dll", "GetUserDefaultUILanguage", WORD, ()),)
"""Returns a LANGID (winnls.h)."""
