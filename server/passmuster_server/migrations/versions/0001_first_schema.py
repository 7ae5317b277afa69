"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "changes",
        sa.Column(
            "change_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_changes")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "organisations",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("server_id", sa.String(length=64), nullable=False),
        sa.Column("hash_key", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_organisations")),
    )
    op.create_table(
        "administrators",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_administrators_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "email", name=op.f("pk_administrators")),
    )
    op.create_table(
        "decisions",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=254), nullable=False),
        sa.Column("application", sa.String(length=128), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("proof", sa.String(length=32), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_decisions_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "decision_id", name=op.f("pk_decisions")),
    )
    op.create_index(
        "ix_decisions_subject",
        "decisions",
        ["organisation_id", "subject", "decided_at"],
        unique=False,
    )
    op.create_table(
        "devices",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=254), nullable=False),
        sa.Column("computer_name", sa.String(length=128), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("system", sa.String(length=128), nullable=False),
        sa.Column("agent_version", sa.String(length=32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("thumbprint", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("tier", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_devices_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "device_id", name=op.f("pk_devices")),
    )
    op.create_index("ix_devices_owner", "devices", ["organisation_id", "owner"], unique=False)
    op.create_index(
        "uq_devices_thumbprint", "devices", ["organisation_id", "thumbprint"], unique=True
    )
    op.create_table(
        "enrolment_challenges",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("enrolment_id", sa.String(length=64), nullable=False),
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("start", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_enrolment_challenges_organisation_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "enrolment_id", name=op.f("pk_enrolment_challenges")
        ),
    )
    op.create_index(
        "ix_enrolment_challenges_expires_at", "enrolment_challenges", ["expires_at"], unique=False
    )
    op.create_table(
        "enrolment_codes",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=254), nullable=False),
        sa.Column("replaces", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_enrolment_codes_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "code_hash", name=op.f("pk_enrolment_codes")),
    )
    op.create_table(
        "gate_clients",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_gate_clients_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "client_id", name=op.f("pk_gate_clients")),
    )
    op.create_index("uq_gate_clients_token_hash", "gate_clients", ["token_hash"], unique=True)
    op.create_table(
        "policies",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("published_by", sa.String(length=254), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_policies_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "version", name=op.f("pk_policies")),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_sessions_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_table(
        "sign_in_links",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_sign_in_links_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_links")),
    )
    op.create_table(
        "contacts",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("clock_skew_s", sa.Integer(), nullable=False),
        sa.Column("findings", sa.String(length=64), nullable=False),
        sa.Column("missing_records", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "device_id"],
            ["devices.organisation_id", "devices.device_id"],
            name=op.f("fk_contacts_organisation_id_device_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "device_id", name=op.f("pk_contacts")),
    )
    op.create_table(
        "ratchets",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("previous_nonce", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("record_sequence", sa.BigInteger(), nullable=False),
        sa.Column("record_hash", sa.String(length=64), nullable=False),
        sa.Column("recent", sa.String(length=1200), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "device_id"],
            ["devices.organisation_id", "devices.device_id"],
            name=op.f("fk_ratchets_organisation_id_device_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "device_id", name=op.f("pk_ratchets")),
    )
    op.create_table(
        "readings",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("signal", sa.String(length=64), nullable=False),
        sa.Column("reading", sa.LargeBinary(), nullable=False),
        sa.Column("collected_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "device_id"],
            ["devices.organisation_id", "devices.device_id"],
            name=op.f("fk_readings_organisation_id_device_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "device_id", "signal", name=op.f("pk_readings")),
    )
    op.create_table(
        "evidence",
        sa.Column(
            "evidence_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("upload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "device_id"],
            ["devices.organisation_id", "devices.device_id"],
            name=op.f("fk_evidence_organisation_id_device_id"),
        ),
        sa.PrimaryKeyConstraint("evidence_id", name=op.f("pk_evidence")),
    )
    op.create_index(
        "ix_evidence_device",
        "evidence",
        ["organisation_id", "device_id", "received_at"],
        unique=False,
    )
    op.create_table(
        "transitions",
        sa.Column(
            "transition_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("signal", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("reading", sa.LargeBinary(), nullable=False),
        sa.Column("evidence_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "device_id"],
            ["devices.organisation_id", "devices.device_id"],
            name=op.f("fk_transitions_organisation_id_device_id"),
        ),
        sa.ForeignKeyConstraint(
            ["evidence_id"],
            ["evidence.evidence_id"],
            name=op.f("fk_transitions_evidence_id"),
        ),
        sa.PrimaryKeyConstraint("transition_id", name=op.f("pk_transitions")),
    )
    op.create_index(
        "ix_transitions_device",
        "transitions",
        ["organisation_id", "device_id", "received_at"],
        unique=False,
    )
    op.create_table(
        "verdict_history",
        sa.Column(
            "history_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "device_id"],
            ["devices.organisation_id", "devices.device_id"],
            name=op.f("fk_verdict_history_organisation_id_device_id"),
        ),
        sa.PrimaryKeyConstraint("history_id", name=op.f("pk_verdict_history")),
    )
    op.create_index(
        "ix_verdict_history_device",
        "verdict_history",
        ["organisation_id", "device_id", "since"],
        unique=False,
    )
    op.create_table(
        "verdicts",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("judged_at", sa.BigInteger(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=64), nullable=False),
        sa.Column("grace_until", sa.BigInteger(), nullable=True),
        sa.Column("signals", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "device_id"],
            ["devices.organisation_id", "devices.device_id"],
            name=op.f("fk_verdicts_organisation_id_device_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "device_id", name=op.f("pk_verdicts")),
    )
    op.create_table(
        "waivers",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("waiver_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("signal", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=512), nullable=False),
        sa.Column("granted_by", sa.String(length=254), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=254), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "device_id"],
            ["devices.organisation_id", "devices.device_id"],
            name=op.f("fk_waivers_organisation_id_device_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "waiver_id", name=op.f("pk_waivers")),
    )
    op.create_index(
        "ix_waivers_device",
        "waivers",
        ["organisation_id", "device_id", "expires_at"],
        unique=False,
    )
