"""What Alembic runs to change the tables: over the connection that `store.py` hands in."""

from alembic import context

from jobflows.archive.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
