"""What each process of several can run, and what operators want done by whoever has the turn."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("leases", sa.Column("offers", sa.Text()))
    op.create_table(
        "chain_commands",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("command", sa.String(8), nullable=False),
        sa.Column("subscription", sa.String(24), nullable=False),
        sa.Column("interval", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
