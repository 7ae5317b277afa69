"""The JSON Schema (draft 2020-12) of a policy document, made from the types that read it."""

import dataclasses
import types
from collections.abc import Mapping
from enum import Enum
from inspect import cleandoc
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.codec import DEFAULT_ITEMS, DEFAULT_TEXT, DEFAULT_WHOLE
from passmuster_collectors.contract.declaration import Items, Text, Whole
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.signals.signal import Signal
from passmuster_server.devices.groups import MAX_NAME, Ownership
from passmuster_server.policy.demands import JUDGED, SignalTable, default_severity
from passmuster_server.policy.document import Document
from passmuster_server.policy.overlays import MAX_GROUPS, PlatformTable, ScopeTable

Schema = dict[str, Any]


def policy_schema() -> Schema:
    """Return the schema of the whole document."""
    signals = _only({signal.id: {"$ref": f"#/$defs/{signal.id}"} for signal in JUDGED})
    platform = _struct(PlatformTable, signals=signals)
    platforms = _only({name.value: {"$ref": "#/$defs/platform"} for name in Platform})
    scope = _struct(ScopeTable, signals=signals, platforms=platforms)
    groups = {
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/scope"},
        "propertyNames": {"maxLength": MAX_NAME},
        "maxProperties": MAX_GROUPS,
    }
    document = _struct(
        Document,
        signals=signals,
        platforms=platforms,
        ownership=_only({each.value: {"$ref": "#/$defs/scope"} for each in Ownership}),
        groups=groups,
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A policy of Passmuster",
        **document,
        "$defs": {
            "platform": platform,
            "scope": scope,
            **{signal.id: _signal(signal) for signal in JUDGED},
        },
    }


def _signal(signal: Signal[Any, Any]) -> Schema:
    found = _struct(SignalTable, limits=_struct(signal.limits))
    found["title"] = signal.title
    found["properties"]["severity"]["default"] = default_severity(signal).value
    return found


def _struct(struct: type, **own: Schema) -> Schema:
    """Return the schema of a dataclass; `own` are the schemas of fields whose type says less."""
    hints = get_type_hints(struct, include_extras=True)
    properties = {}
    required = []
    for field in dataclasses.fields(struct):
        schema = dict(own.get(field.name) or _of(hints[field.name], ()))
        if field.default is not dataclasses.MISSING:
            if field.default is not None:
                schema["default"] = codec.encode(field.default)
        elif field.default_factory is dataclasses.MISSING:
            required.append(field.name)
        properties[field.name] = schema
    found = {"description": cleandoc(struct.__doc__ or ""), **_only(properties)}
    return {**found, "required": required} if required else found


def _only(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _of(hint: Any, bounds: tuple[Any, ...]) -> Schema:
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *extra = get_args(hint)
        return _of(inner, (*extra, *bounds))
    if origin in (Union, types.UnionType):
        # TOML has no null: what may be None may be left out.
        (kind,) = (each for each in get_args(hint) if each is not type(None))
        return _of(kind, bounds)
    if origin is tuple:
        most = _bound(bounds, Items, DEFAULT_ITEMS).most
        return {"type": "array", "items": _of(get_args(hint)[0], ()), "maxItems": most}
    if hint is bool:
        return {"type": "boolean"}
    if hint is int:
        whole = _bound(bounds, Whole, DEFAULT_WHOLE)
        return {"type": "integer", "minimum": whole.least, "maximum": whole.most}
    if hint is str:
        return {"type": "string", "maxLength": _bound(bounds, Text, DEFAULT_TEXT).longest}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _struct(hint)
    raise TypeError(f"{hint!r} has no place in a policy")


def _bound(bounds: tuple[Any, ...], kind: type[Any], default: Any) -> Any:
    return next((bound for bound in bounds if isinstance(bound, kind)), default)
