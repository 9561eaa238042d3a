"""Alembic's entry point: `Store.open` passes the connection, already in a transaction."""

from alembic import context

from oracle.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
