"""Alembic's entry: runs the versions over the connection that `migrate` hands in."""

from alembic import context

from passmuster_server import tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=tables.METADATA, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
