"""Shapes say whether they are of log records or of span names: those have masks of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the kind; what was stored before counts as log until an upgrade of the rules meets it in a span."""
    op.add_column("shapes", sa.Column("kind", sa.String, nullable=False, server_default="log"))
