"""Runs the migrations against DATABASE_URL, or prints their SQL with `alembic upgrade head --sql`.

The database keeps the history of what was applied. An older version of the service, deployed again to undo a newer one,
meets a database that is ahead of it and leaves it alone.
"""

import logging
import sys
from collections.abc import Collection, Mapping
from typing import Any

import psycopg
from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import Connection, create_engine, text

from app.operations import logs

# A migration that waits for a lock makes every later query wait behind it: better to give up and try again.
SESSION = "-c lock_timeout=5s -c statement_timeout=0"

logger = logging.getLogger("migrations")


class MigrationSettings(BaseSettings):
    """The variables that migrations need; a job that migrates gets no others."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr = Field(min_length=1)
    log_level: str = "INFO"


def run_offline() -> None:
    """Print the SQL."""
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.execute("SET lock_timeout = '5s'")
        context.run_migrations()


def run_online() -> None:
    """Apply the migrations, each in a transaction of its own."""
    try:
        settings = MigrationSettings()
    except ValidationError as error:
        sys.exit("\n".join(f"{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors()))
    url = settings.database_url.get_secret_value()
    logs.configure(settings.log_level, [url])
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, connect_timeout=10, options=SESSION)
    )
    with engine.connect() as connection:
        _create_history(connection)
        if not _is_behind(connection):
            context.configure(connection=connection, transaction_per_migration=True, on_version_apply=_note)
            with context.begin_transaction():
                context.run_migrations()
    engine.dispose()


def _create_history(connection: Connection) -> None:
    connection.execute(
        text(
            "CREATE TABLE IF NOT EXISTS migration_history"
            " (revision text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
    )
    connection.commit()


def _is_behind(connection: Connection) -> bool:
    """Tell whether the database went through all migrations of this version, and on to some that it does not know."""
    script = ScriptDirectory.from_config(context.config)
    known = {revision.revision for revision in script.walk_revisions()}
    unknown = set(MigrationContext.configure(connection).get_current_heads()) - known
    applied = set(connection.scalars(text("SELECT revision FROM migration_history")))
    connection.rollback()
    if not unknown:
        return False
    if not applied.issuperset(script.get_heads()):
        sys.exit(
            f"The database is at {', '.join(sorted(unknown))}, which this version does not know, and lacks some of this"
            " version's migrations: merge the two branches of migrations first."
        )
    logger.warning("The database is ahead of this version: nothing to migrate", extra={"revisions": sorted(unknown)})
    return True


def _note(ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]) -> None:
    connection = ctx.connection
    if connection is None or step.is_stamp:
        return
    statement = (
        "INSERT INTO migration_history (revision) VALUES (:revision) ON CONFLICT DO NOTHING"
        if step.is_upgrade
        else "DELETE FROM migration_history WHERE revision = :revision"
    )
    for revision in step.up_revision_ids:
        connection.execute(text(statement), {"revision": revision})


if context.is_offline_mode():
    run_offline()
else:
    run_online()
