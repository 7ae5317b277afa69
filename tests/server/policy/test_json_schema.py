"""The published schema of a policy document is the one that the server reads by."""

import json
import tomllib
from typing import Any

from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.json_schema import policy_schema
from tests.support.tools import REPOSITORY


def test_the_schema_in_the_documentation_is_the_current_one() -> None:
    shipped = json.loads((REPOSITORY / "docs" / "policy.schema.json").read_text(encoding="utf-8"))
    assert shipped == policy_schema(), (
        "run: passmuster-server policy schema > docs/policy.schema.json"
    )


def test_it_knows_every_setting_of_the_default_document_with_its_value() -> None:
    schema = policy_schema()

    def check(value: Any, at: Any, path: str) -> None:
        if "$ref" in at:
            at = schema["$defs"][at["$ref"].removeprefix("#/$defs/")]
        if isinstance(value, dict):
            assert at["type"] == "object", path
            for name, item in value.items():
                assert name in at["properties"], f"{path}.{name}"
                check(item, at["properties"][name], f"{path}.{name}")
        elif not path.endswith(".severity"):
            assert at["default"] == value, path

    check(tomllib.loads(default_document()), schema, "")


def test_bounds_and_choices_are_those_of_the_types() -> None:
    found = policy_schema()["$defs"]
    lock = found["screen_lock"]["properties"]["limits"]["properties"]["lock_within_s"]
    assert (lock["minimum"], lock["maximum"]) == (30, 86_400)
    tier = found["key_tier"]["properties"]["limits"]["properties"]["minimum"]
    assert tier["enum"] == ["attested", "hardware", "sealed", "keyring", "file"]
    known = found["usb_devices"]["properties"]["limits"]["properties"]["known_devices"]
    assert known["items"]["required"] == ["vendor_id", "product_id"]
    assert known["items"]["additionalProperties"] is False
