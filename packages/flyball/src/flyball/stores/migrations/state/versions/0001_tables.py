"""Changes, versions, shapes and their aliases, evidence, receivers' cursors."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first tables; times are ISO 8601 UTC text or nanoseconds, 64-bit ids are hexadecimal text."""
    op.create_table(
        "changes",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("workspace", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("previous_version", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("time", sa.String, nullable=False),
        sa.Column("announced", sa.Boolean, nullable=False),
        sa.Column("seen", sa.String),
        sa.Column("version_source", sa.String, nullable=False),
        sa.Column("commit", sa.String, nullable=False),
        sa.Column("url", sa.String, nullable=False),
    )
    op.create_index("changes_by_time", "changes", ["workspace", "time"])
    op.create_table(
        "versions",
        sa.Column("workspace", sa.String, primary_key=True),
        sa.Column("service", sa.String, primary_key=True),
        sa.Column("environment", sa.String, primary_key=True),
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("version_source", sa.String, nullable=False),
        sa.Column("first_seen_ns", sa.BigInteger, nullable=False),
        sa.Column("last_seen_ns", sa.BigInteger, nullable=False),
        sa.Column("current", sa.Boolean, nullable=False),
    )
    op.create_table(
        "shapes",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("template", sa.String, nullable=False),
        sa.Column("rules", sa.Integer, nullable=False),
        sa.Column("example", sa.String, nullable=False),
        sa.Column("first_seen_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "aliases",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("shape", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("fact", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("position", sa.String, nullable=False),
    )
