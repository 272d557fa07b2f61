"""Changes say what they altered where they have no version, and who wrote them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of what was recorded before nobody knows the author."""
    for name, usual in (("what", ""), ("author", ""), ("author_kind", "unknown"), ("message", "")):
        op.add_column("changes", sa.Column(name, sa.String, nullable=False, server_default=usual))
