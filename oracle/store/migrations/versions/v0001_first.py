"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "blocks",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("parent_hash", sa.LargeBinary(), nullable=False),
        sa.Column("timestamp", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_blocks")),
    )
    op.create_table(
        "cursor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("finalized", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cursor")),
    )
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("chain_id", sa.Integer(), nullable=False),
        sa.Column("oracle", sa.String(), nullable=False),
        sa.Column("model_registry", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("onnx_digest", sa.LargeBinary(), nullable=False),
        sa.Column("publisher", sa.String(), nullable=False),
        sa.Column("encoded", sa.LargeBinary(), nullable=False),
        sa.Column("uris", sa.JSON(), nullable=False),
        sa.Column("block_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
    )
    op.create_index(op.f("ix_models_onnx_digest"), "models", ["onnx_digest"], unique=False)
    op.create_table(
        "requests",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("model_id", sa.LargeBinary(), nullable=False),
        sa.Column("requester", sa.String(), nullable=False),
        sa.Column("named_operator", sa.String(), nullable=True),
        sa.Column("fee", sa.Integer(), nullable=False),
        sa.Column("operator_bond", sa.Integer(), nullable=False),
        sa.Column("callback_gas", sa.Integer(), nullable=False),
        sa.Column("answer_time", sa.Integer(), nullable=False),
        sa.Column("window", sa.Integer(), nullable=False),
        sa.Column("encoded", sa.LargeBinary(), nullable=False),
        sa.Column("input_kind", sa.Integer(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("input_uri", sa.String(), nullable=True),
        sa.Column("requested_at", sa.Integer(), nullable=False),
        sa.Column("requested_block", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.Integer(), nullable=False),
        sa.Column("deadline", sa.Integer(), nullable=False),
        sa.Column("answered_at", sa.Integer(), nullable=True),
        sa.Column("window_end", sa.Integer(), nullable=True),
        sa.Column("operator", sa.String(), nullable=True),
        sa.Column("software", sa.LargeBinary(), nullable=True),
        sa.Column("manifest_hash", sa.LargeBinary(), nullable=True),
        sa.Column("output", sa.LargeBinary(), nullable=True),
        sa.Column("settled_at", sa.Integer(), nullable=True),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("failed_deliveries", sa.Integer(), nullable=False),
        sa.Column("delivery_error", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_model_id"), "requests", ["model_id"], unique=False)
    op.create_index(op.f("ix_requests_operator"), "requests", ["operator"], unique=False)
    op.create_index(op.f("ix_requests_requester"), "requests", ["requester"], unique=False)
    op.create_index("ix_requests_status_deadline", "requests", ["status", "deadline"], unique=False)
    op.create_index("ix_requests_status_delivered", "requests", ["status", "delivered"], unique=False)
    op.create_index("ix_requests_status_window_end", "requests", ["status", "window_end"], unique=False)
    op.create_table(
        "transactions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("nonce", sa.Integer(), nullable=False),
        sa.Column("to", sa.String(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("gas_limit", sa.Integer(), nullable=False),
        sa.Column("max_fee", sa.Integer(), nullable=False),
        sa.Column("priority_fee", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("cancelling", sa.Boolean(), nullable=False),
        sa.Column("bumps", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("first_sent_at", sa.Double(), nullable=False),
        sa.Column("last_sent_at", sa.Double(), nullable=False),
        sa.Column("block_number", sa.Integer(), nullable=True),
        sa.Column("block_hash", sa.LargeBinary(), nullable=True),
        sa.Column("gas_used", sa.Integer(), nullable=True),
        sa.Column("effective_gas_price", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
    )
    op.create_index(op.f("ix_transactions_block_number"), "transactions", ["block_number"], unique=False)
    op.create_index("ix_transactions_sender_state", "transactions", ["sender", "state"], unique=False)
    op.create_index(
        "uq_transactions_sender_nonce",
        "transactions",
        ["sender", "nonce"],
        unique=True,
        sqlite_where=sa.text("state IN ('prepared', 'sent', 'mined', 'reverted')"),
    )
    op.create_table(
        "answers",
        sa.Column("request_id", sa.LargeBinary(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("software", sa.LargeBinary(), nullable=False),
        sa.Column("manifest_hash", sa.LargeBinary(), nullable=False),
        sa.Column("output", sa.LargeBinary(), nullable=False),
        sa.Column("answered_at", sa.Integer(), nullable=False),
        sa.Column("block_number", sa.Integer(), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary(), nullable=False),
        sa.Column("gas_used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_answers_request_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", "attempt", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_operator"), "answers", ["operator"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("block_number", sa.Integer(), nullable=False),
        sa.Column("block_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tx_index", sa.Integer(), nullable=False),
        sa.Column("log_index", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("request_id", sa.LargeBinary(), nullable=True),
        sa.Column("model_id", sa.LargeBinary(), nullable=True),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("topics", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("timestamp", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("gas_used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["block_number"], ["blocks.number"], name=op.f("fk_events_block_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_account"), "events", ["account"], unique=False)
    op.create_index(op.f("ix_events_model_id"), "events", ["model_id"], unique=False)
    op.create_index(op.f("ix_events_name"), "events", ["name"], unique=False)
    op.create_index("ix_events_order", "events", ["block_number", "tx_index", "log_index"], unique=False)
    op.create_index(op.f("ix_events_request_id"), "events", ["request_id"], unique=False)
    op.create_index("uq_events_log", "events", ["tx_hash", "block_hash", "log_index"], unique=True)
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("request_id", sa.LargeBinary(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("tx_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["tx_id"], ["transactions.id"], name=op.f("fk_jobs_tx_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_request_id"), "jobs", ["request_id"], unique=False)
    op.create_index("ix_jobs_state_kind", "jobs", ["state", "kind"], unique=False)
    op.create_index(op.f("ix_jobs_tx_id"), "jobs", ["tx_id"], unique=False)
    op.create_index("uq_jobs_work", "jobs", ["kind", "request_id", "attempt"], unique=True)
    op.create_table(
        "transaction_hashes",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transactions.id"],
            name=op.f("fk_transaction_hashes_transaction_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_transaction_hashes")),
    )
    op.create_index(
        op.f("ix_transaction_hashes_transaction_id"), "transaction_hashes", ["transaction_id"], unique=False
    )
