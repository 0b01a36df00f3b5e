"""Runs the migrations against DATABASE_URL, or prints their SQL with `alembic upgrade head --sql`."""

import psycopg
from alembic import context
from sqlalchemy import create_engine

from app.operations import logs
from app.settings import load_settings

# A migration that waits for a lock makes every later query wait behind it: better to give up and try again.
SESSION = "-c lock_timeout=5s -c statement_timeout=0"


def run_offline() -> None:
    """Print the SQL."""
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.execute("SET lock_timeout = '5s'")
        context.run_migrations()


def run_online() -> None:
    """Apply the migrations, each in a transaction of its own."""
    settings = load_settings()
    logs.configure(settings.log_level, settings.secret_values())
    url = settings.database_url.get_secret_value()
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, connect_timeout=10, options=SESSION)
    )
    with engine.connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
