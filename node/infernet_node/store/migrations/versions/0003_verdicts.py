"""What verifiers decided about the proofs of answers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("chain_fulfilments", sa.Column("verdict", sa.String(16)))
    op.add_column("chain_fulfilments", sa.Column("verdict_block", sa.BigInteger()))
