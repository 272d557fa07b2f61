"""The memory graph: nodes and edges."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the graph's tables; times are ISO 8601 UTC text, facts are JSON."""
    op.create_table(
        "memory_nodes",
        sa.Column("workspace", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("time", sa.String, nullable=False),
        sa.Column("fact", sa.String, nullable=False),
    )
    op.create_table(
        "memory_edges",
        sa.Column("workspace", sa.String, primary_key=True),
        sa.Column("source_kind", sa.String, primary_key=True),
        sa.Column("source_id", sa.String, primary_key=True),
        sa.Column("relation", sa.String, primary_key=True),
        sa.Column("target_kind", sa.String, primary_key=True),
        sa.Column("target_id", sa.String, primary_key=True),
        sa.Column("time", sa.String, nullable=False),
    )
    op.create_index(
        "memory_edges_by_target",
        "memory_edges",
        ["workspace", "relation", "target_kind", "target_id", "source_kind"],
    )
