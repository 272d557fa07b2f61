"""What is said of runs of agents."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the annotations: of a run and name one value, a number, a category or yes or no."""
    op.create_table(
        "annotations",
        sa.Column("workspace", sa.String, primary_key=True),
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("number", sa.Float),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("boolean", sa.Boolean),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("time", sa.String, nullable=False),
    )
