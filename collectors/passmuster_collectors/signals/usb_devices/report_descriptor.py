"""What a human interface device reports (HID 1.11, section 6.2.2)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

LONG_ITEM = 0xFE
MAIN, GLOBAL, LOCAL = 0, 1, 2

INPUT, COLLECTION = 8, 10
USAGE_PAGE, PUSH, POP = 0, 10, 11
USAGE, USAGE_MINIMUM, USAGE_MAXIMUM = 0, 1, 2

APPLICATION_COLLECTION = 0x01
CONSTANT = 0x01

# HID Usage Tables 1.5, sections 4 and 10.
KEYBOARD_APPLICATIONS = frozenset({0x0001_0006, 0x0001_0007})  # keyboard, keypad
KEY_PAGE = 0x0007


class ReportDescriptorError(ValueError):
    """The bytes are not a report descriptor."""


@dataclass
class _State:
    """What the items read so far have set."""

    page: int = 0
    saved_pages: list[int] = field(default_factory=list)
    usages: list[int] = field(default_factory=list)
    short_usages: list[int] = field(default_factory=list)


def parse_types_keys(data: bytes) -> bool:
    """Return whether the device can send key strokes.

    It can when it has a keyboard or keypad application, or when any of its inputs is on the
    keyboard page: the kernel turns such an input into keys whatever it is part of. Raises
    `ReportDescriptorError` for bytes that are no report descriptor.
    """
    state = _State()
    keys = False
    collections = 0
    for kind, tag, value, size in _items(data):
        if kind == MAIN:
            # The page that counts is the one in force at the main item; before it, as some
            # devices mean it, the one that was in force at the usage.
            state.usages += [state.page << 16 | usage & 0xFFFF for usage in state.short_usages]
            if tag == COLLECTION:
                collections += 1
                is_application = value == APPLICATION_COLLECTION
                keys |= is_application and not KEYBOARD_APPLICATIONS.isdisjoint(state.usages)
            elif tag == INPUT and not value & CONSTANT:
                on_key_page = any(usage >> 16 == KEY_PAGE for usage in state.usages)
                keys |= on_key_page or (not state.usages and state.page == KEY_PAGE)
            state.usages.clear()
            state.short_usages.clear()
        elif kind == GLOBAL:
            _apply_global(state, tag, value)
        elif kind == LOCAL and tag in {USAGE, USAGE_MINIMUM, USAGE_MAXIMUM}:
            # A usage of four bytes brings its own page along (section 6.2.2.8).
            state.usages.append(value if size == 4 else state.page << 16 | value)
            if size < 4:
                state.short_usages.append(value)
    if not collections:
        raise ReportDescriptorError("no collection")
    return keys


def _apply_global(state: _State, tag: int, value: int) -> None:
    if tag == USAGE_PAGE:
        state.page = value & 0xFFFF
    elif tag == PUSH:
        state.saved_pages.append(state.page)
    elif tag == POP and state.saved_pages:
        state.page = state.saved_pages.pop()


def _items(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    at = 0
    while at < len(data):
        prefix = data[at]
        if prefix == LONG_ITEM:
            at += 3 + (data[at + 1] if at + 1 < len(data) else len(data))
        else:
            size = (0, 1, 2, 4)[prefix & 0b11]
            value = int.from_bytes(data[at + 1 : at + 1 + size], "little")
            at += 1 + size
            if at <= len(data):
                yield prefix >> 2 & 0b11, prefix >> 4, value, size
        if at > len(data):
            raise ReportDescriptorError("ends inside an item")
