"""Keeps expand and contract apart: what older code may still use goes in a later release than its replacement came in.

A migration that destroys names the one that made it safe, as `contracts = "0003"`. While a deploy migrates, the version
before still serves, and it knows only what earlier deploys applied: 0003 has to be among that.
"""

import sys
from collections.abc import Iterable
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script, ScriptDirectory


def contracted(migration: Script) -> str | None:
    """Return the revision that a migration names as the one that made it safe."""
    name = getattr(migration.module, "contracts", None)
    return name if name is None else str(name)


def ancestors(script: ScriptDirectory, revisions: str | tuple[str, ...]) -> set[str]:
    """Return these revisions and all that come before them."""
    return {found.revision for found in script.iterate_revisions(revisions, "base")}


def guard(context: MigrationContext) -> None:
    """Let an upgrade end before its first statement when it would destroy what the version before still uses.

    An empty database gets everything at once: no version serves from it yet.
    """
    plan = context._migrations_fn
    if plan is None:
        return

    def checked(heads: tuple[str, ...], at: MigrationContext) -> Iterable[RevisionStep]:
        steps = list(plan(heads, at))
        if heads and at.script:
            _refuse(steps, ancestors(at.script, heads))
        return steps

    context._migrations_fn = checked


def _refuse(steps: list[Any], applied: set[str]) -> None:
    migrations = [step.revision for step in steps if step.info.is_upgrade and not step.info.is_stamp]
    refused = [
        f"{migration.revision} contracts {name}, which no earlier deploy applied."
        for migration in migrations
        if (name := contracted(migration)) is not None and name not in applied
    ]
    if refused:
        sys.exit(
            "\n".join(refused) + "\nNothing was migrated: the version that serves may still use what would be"
            " destroyed. Deploy a version that goes no further than what is contracted, then this one. See"
            ' DEPLOYMENT.md, "Change the database".'
        )
