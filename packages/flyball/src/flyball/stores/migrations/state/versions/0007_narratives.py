"""What a language model said of each episode of an incident."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; `fact` is JSON."""
    op.create_table(
        "narratives",
        sa.Column("occurrence", sa.String, primary_key=True),
        sa.Column("fact", sa.LargeBinary, nullable=False),
    )
