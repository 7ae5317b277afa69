"""What goes on record, by the words that stand in the record."""

from enum import StrEnum


class Action(StrEnum):
    """One kind of action. The words stay as they are: old entries hold them."""

    ADMINISTRATOR_CREATED = "administrator.created"
    SIGN_IN_LINK_CREATED = "sign_in_link.created"
    SIGNED_IN = "administrator.signed_in"
    SIGNED_OUT = "administrator.signed_out"
    ENROLMENT_CODE_CREATED = "enrolment_code.created"
    DEVICE_ENROLLED = "device.enrolled"
    DEVICE_RETIRED = "device.retired"
    DEVICE_REVOKED = "device.revoked"
    DEVICE_VIEWED = "device.viewed"
    DECISION_VIEWED = "decision.viewed"
    DEVICE_MOVED = "device.moved"
    GROUP_CREATED = "group.created"
    SIGNING_KEY_ROTATED = "signing_key.rotated"
    POLICY_PUBLISHED = "policy.published"
    WAIVER_GRANTED = "waiver.granted"
    WAIVER_ENDED = "waiver.ended"
    ALLOWANCE_GRANTED = "allowance.granted"
    ALLOWANCE_ENDED = "allowance.ended"
    GATE_CLIENT_CREATED = "gate_client.created"
    GATE_CLIENT_REVOKED = "gate_client.revoked"
    OIDC_CLIENT_CREATED = "oidc_client.created"
    OIDC_CLIENT_REVOKED = "oidc_client.revoked"
    PERSON_EXPORTED = "person.exported"
    PERSON_ERASED = "person.erased"
    AUDIT_EXPORTED = "audit.exported"
