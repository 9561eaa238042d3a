"""Games of disputes, and the game an event is about."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them; events stored so far are of no game."""
    op.add_column("events", sa.Column("game_id", sa.LargeBinary(), nullable=True))
    op.create_index(op.f("ix_events_game_id"), "events", ["game_id"], unique=False)
    op.create_table(
        "games",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", sa.LargeBinary(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("opener", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("challenged_at", sa.Integer(), nullable=False),
        sa.Column("block_number", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_games")),
    )
    op.create_index(op.f("ix_games_request_id"), "games", ["request_id"], unique=False)
    op.create_index(op.f("ix_games_verdict"), "games", ["verdict"], unique=False)
