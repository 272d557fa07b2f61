"""Incidents, what was made of each, and the evidence they cite."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; `fact` is JSON, times are ISO 8601 UTC text."""
    op.create_table(
        "incidents",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("workspace", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("grew", sa.String, nullable=False),
        sa.Column("fact", sa.LargeBinary, nullable=False),
    )
    op.create_index("incidents_by_growth", "incidents", ["workspace", "state", "grew"])
    op.create_table(
        "explanations",
        sa.Column("incident", sa.String, primary_key=True),
        sa.Column("fact", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "citations",
        sa.Column("incident", sa.String, primary_key=True),
        sa.Column("evidence", sa.String, primary_key=True),
    )
    op.create_index("citations_by_evidence", "citations", ["evidence"])
