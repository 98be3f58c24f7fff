"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Only INTEGER counts up by itself on SQLite.
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "chain_cursors",
        sa.Column("network", sa.String(128), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(66), nullable=False),
        sa.Column("next_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network", "number"),
    )
    op.create_table(
        "chain_delegations",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("network", sa.String(128), nullable=False),
        sa.Column("owner", sa.String(42), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("expiry", sa.BigInteger(), nullable=False),
        sa.Column("v", sa.SmallInteger(), nullable=False),
        sa.Column("r", sa.String(78), nullable=False),
        sa.Column("s", sa.String(78), nullable=False),
        sa.Column("struct", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("subscription_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("network", "owner", "nonce"),
    )
    op.create_index("ix_chain_delegations_phase", "chain_delegations", ["phase"])
    op.create_table(
        "chain_subscriptions",
        sa.Column("network", sa.String(128), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("struct", sa.LargeBinary(), nullable=False),
        sa.Column("tracking", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network", "id"),
    )
    op.create_index("ix_chain_subscriptions_tracking", "chain_subscriptions", ["tracking"])
    op.create_table(
        "chain_transactions",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("lane", sa.String(128), nullable=False),
        sa.Column("reference", sa.String(128), nullable=False),
        sa.Column("to", sa.String(42), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.String(78), nullable=False),
        sa.Column("gas", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.Column("nonce", sa.BigInteger()),
        sa.Column("mined_hash", sa.String(66)),
        sa.Column("block_number", sa.BigInteger()),
        sa.Column("block_hash", sa.String(66)),
        sa.Column("succeeded", sa.Boolean()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("lane", "nonce"),
        sa.UniqueConstraint("lane", "reference"),
    )
    op.create_index("ix_chain_transactions_state", "chain_transactions", ["state"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("containers", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("requires_proof", sa.Boolean(), nullable=False),
        sa.Column("results", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float()),
        sa.Column("request_key", sa.String(160)),
        sa.Column("request_digest", sa.String(64)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("jobs_by_end", "jobs", ["finished_at"])
    op.create_index("jobs_by_owner", "jobs", ["owner", "created_at"])
    op.create_index(
        "jobs_by_request",
        "jobs",
        ["owner", "request_key"],
        unique=True,
        sqlite_where=sa.text("request_key IS NOT NULL"),
        postgresql_where=sa.text("request_key IS NOT NULL"),
    )
    op.create_index(
        "jobs_running",
        "jobs",
        ["created_at"],
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "chain_fulfilments",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("network", sa.String(128), nullable=False),
        sa.Column("subscription_id", sa.BigInteger()),
        sa.Column("delegation_id", _ROW_ID),
        sa.Column("interval", sa.BigInteger(), nullable=False),
        sa.Column("struct", sa.LargeBinary(), nullable=False),
        sa.Column("stage", sa.String(24), nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.Column("inputs", sa.LargeBinary()),
        sa.Column("delivery_input", sa.LargeBinary()),
        sa.Column("delivery_output", sa.LargeBinary()),
        sa.Column("delivery_proof", sa.LargeBinary()),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("reverts", sa.Integer(), nullable=False),
        sa.Column("transaction_hash", sa.String(66)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["delegation_id"], ["chain_delegations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("delegation_id", "interval"),
        sa.UniqueConstraint("network", "subscription_id", "interval"),
    )
    op.create_index("ix_chain_fulfilments_stage", "chain_fulfilments", ["stage"])
    op.create_table(
        "chain_signatures",
        sa.Column("transaction_id", _ROW_ID, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(66), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("max_fee", sa.String(78), nullable=False),
        sa.Column("tip", sa.String(78)),
        sa.Column("cancels", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["transaction_id"], ["chain_transactions.id"]),
        sa.PrimaryKeyConstraint("transaction_id", "sequence"),
    )
    op.create_index("ix_chain_signatures_hash", "chain_signatures", ["hash"])
