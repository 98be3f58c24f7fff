"""Which transactions are sent without being simulated, after a crash too."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Null, for all that are there: what is known of them is that they were to be simulated.
    op.add_column("chain_transactions", sa.Column("gas_given", sa.Boolean()))
