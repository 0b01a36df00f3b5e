"""Refuses migrations that break the version before or lock out its requests: `uv run python -m migrations.check`.

Squawk reads each migration's SQL. What it finds is either destructive, which needs `contracts` (see contracts.py), or
holds a lock for too long, which needs another statement. It cannot tell what a DELETE, an UPDATE or a DO means.
"""

import io
import json
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from migrations.contracts import ancestors, contracted

ROOT = Path(__file__).parents[1]
SQUAWK = Path(sysconfig.get_path("scripts")) / "squawk"

DESTRUCTIVE = ("ban-drop-", "ban-set-schema", "ban-truncate-", "changing-column-type", "renaming-")
# Matters of taste; a timeout that would end a long backfill; and the first step on the way to dropping a column, which
# older code survives.
ACCEPTED = ("prefer-", "ban-char-field", "require-statement-timeout", "ban-drop-not-null")

# What older code may write against, and Squawk has no rule for.
NARROWING = re.compile(
    r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(?P<table>\S+) .*\b"
    r"(?:SET NOT NULL|ADD (?:CONSTRAINT \S+ )?(?:CHECK|EXCLUDE|FOREIGN KEY|UNIQUE))\b"
    r"|CREATE UNIQUE INDEX .*\bON (?:ONLY )?(?P<indexed>[^\s(]+)"
    r"|TRUNCATE ",
    re.IGNORECASE,
)
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
END = re.compile(r";\s*\n")
CREATED = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?([^\s(]+)", re.IGNORECASE)
MIGRATION = re.compile(r"^-- Running upgrade .*-> (\S+)$", re.MULTILINE)


def problems(root: Path = ROOT) -> list[str]:
    """Return what is wrong with the migrations of a repository, with file, statement and remedy."""
    output = io.StringIO()
    config = Config(root / "alembic.ini", output_buffer=output)
    script = ScriptDirectory.from_config(config)
    command.upgrade(config, "heads", sql=True)
    head, *parts = MIGRATION.split(output.getvalue().rstrip().removesuffix("COMMIT;"))
    settings = "".join(f"{line}\n" for line in head.splitlines() if line.startswith("SET "))
    rendered = {
        revision: f"BEGIN;\n{settings}{sql}\nCOMMIT;\n" for revision, sql in zip(parts[::2], parts[1::2], strict=True)
    }
    findings = _squawk(rendered)
    found = []
    for revision, sql in rendered.items():
        migration = script.get_revision(revision)
        where = Path(migration.path).relative_to(root)
        destroyed = _narrowing(sql)
        for finding in findings[revision]:
            statement = _statement(sql, finding)
            if not finding["rule_name"].startswith(DESTRUCTIVE):
                remedy = " ".join(filter(None, (finding["message"], finding["help"])))
                found.append(f"{where}: {statement}\n    {finding['rule_name']}: {remedy}")
            elif statement not in destroyed:
                destroyed.append(statement)
        if refusal := _refusal(script, migration) if destroyed or contracted(migration) is not None else "":
            found += [f"{where}: {statement}\n    {refusal}" for statement in destroyed or ["contracts"]]
    return found


def _refusal(script: ScriptDirectory, migration: Script) -> str:
    name = contracted(migration)
    if name is None:
        return (
            "Older code may still use this while it is deployed. Let it go in a release of its own and name the"
            ' migration that made it safe: contracts = "REVISION". See DEPLOYMENT.md, "Change the database".'
        )
    if name not in ancestors(script, migration.revision) - {migration.revision}:
        return f"contracts = {name!r} names no migration before this one."
    return ""


def _squawk(rendered: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder:
        files = {str(Path(folder) / f"{revision}.sql"): revision for revision in rendered}
        for file, revision in files.items():
            Path(file).write_text(rendered[revision])
        done = subprocess.run(  # noqa: S603
            [SQUAWK, "--reporter", "json", *files], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):
            sys.exit(done.stderr)
        findings: dict[str, list[dict[str, Any]]] = {revision: [] for revision in rendered}
        for finding in json.loads(done.stdout):
            if not finding["rule_name"].startswith(ACCEPTED):
                findings[files[finding["file"]]].append(finding)
        return findings


def _statement(sql: str, finding: dict[str, Any]) -> str:
    lines = sql.splitlines(keepends=True)
    at = len("".join(lines[: finding["line"]])) + finding["column"]
    return _plain(END.split(sql[:at])[-1] + END.split(sql[at:])[0])


def _narrowing(sql: str) -> list[str]:
    statements = [_plain(statement) for statement in END.split(sql)]
    created = {match[1] for statement in statements if (match := CREATED.match(statement))}
    return [
        statement
        for statement in statements
        if (match := NARROWING.match(statement)) and (match["table"] or match["indexed"]) not in created
    ]


def _plain(statement: str) -> str:
    return " ".join(COMMENT.sub(" ", statement).split())


if __name__ == "__main__":
    sys.exit("\n".join(problems()) or None)
