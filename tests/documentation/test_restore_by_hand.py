"""Whoever has lost everything restores the newest dump with the commands of the documents."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.objects import KEY_ID, REGION, SECRET, object_store
from support.postgres import postgres_cluster
from support.render import render
from support.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system


@pytest.mark.proves("mvp:backups", "critical:no-backup", "production:documents")
@pytest.mark.parametrize(
    "document", ["docs/disaster-recovery.md", "docs/runbooks/database-down.md", "docs/runbooks/region-down.md"]
)
def test_the_commands_restore_what_the_daily_backup_stored(document: str, tmp_path: Path) -> None:
    root = render(tmp_path / "it", service_name="order-api", platform="fly", checklist="production")
    blocks = re.findall(r"```sh\n(.*?)```", (root / document).read_text(), flags=re.DOTALL)
    (commands,) = [block for block in blocks if "pg_restore" in block]
    asked, _, rest = commands.strip().partition("\n")
    assert re.fullmatch(r" *export( [A-Z_]+=\.\.\.)+", asked)
    with postgres_cluster() as cluster, object_store() as store:
        cluster.create("live")
        cluster.psql("CREATE TABLE items (name text); INSERT INTO items VALUES ('a'), ('b')", "live")
        cluster.create("fresh")
        environment = os.environ | {
            "PATH": f"{cluster.bindir}:{os.environ['PATH']}",
            "DATABASE_URL": cluster.url("live"),
            "NEW_DATABASE_URL": cluster.url("fresh"),
            "BACKUP_BUCKET_URL": store.url,
            "BACKUP_REGION": REGION,
            "BACKUP_ACCESS_KEY_ID": KEY_ID,
            "BACKUP_SECRET_ACCESS_KEY": SECRET,
        }
        subprocess.run([root / "ops/backup", "production"], env=environment, check=True, cwd=root)
        subprocess.run([tool("bash"), "-euc", rest], env=environment, check=True, cwd=tmp_path)
        assert cluster.psql("SELECT string_agg(name, ' ' ORDER BY name) FROM items", "fresh").strip() == "a b"
