"""The Terraform checker finds what a provider's own validation would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.render import ROOT
from support.terraform import fmt, problems

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = ROOT / "tests" / "schemas" / "terraform-google.json"
GOOD = """variable "name" {
  type = string
}

resource "google_sql_database" "this" {
  name     = var.name
  instance = "x"
}
"""


def check(folder: Path, text: str, **modules: str) -> list[str]:
    """Return what is wrong with a root of `text` beside `modules`."""
    for name, body in {"root": text, **modules}.items():
        (folder / name).mkdir()
        (folder / name / "main.tf").write_text(body)
    return problems(folder, SCHEMA)


def test_nothing_is_wrong_with_a_right_module(tmp_path: Path) -> None:
    """The rules have to let correct code pass."""
    assert check(tmp_path, GOOD) == []
    assert fmt(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"google_sql_database"', '"google_sql_databases"', "not in the schema"),
        ("  name     =", "  nam      =", "has no nam"),
        ('  instance = "x"\n', "", "lacks instance"),
        ('  instance = "x"', '  instance {\n    a = "x"\n  }', "not a block"),
        ("var.name", "var.nam", "var.nam is not declared"),
        ("var.name", '"x"', "variable name is never used"),
        ("var.name", 'trim(google_sql_user.other.name, "${var.name}")', "google_sql_user.other is not declared"),
        ("var.name", '"${var.name}-${local.x}"', "local.x is not declared"),
        ("var.name", '"${var.name}-${module.x.y}"', "module.x is not declared"),
    ],
)
def test_a_mistake_is_found(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """One mistake, one finding."""
    found = check(tmp_path, GOOD.replace(old, new))
    assert any(expected in line for line in found), found


def test_a_call_gives_a_module_what_it_asks_for(tmp_path: Path) -> None:
    """Its variables without a default, nothing else, and only outputs that it has."""
    call = 'module "m" {\n  source = "../part"\n  nam = 1\n}\n\noutput "x" {\n  value = module.m.y\n}\n'
    found = check(tmp_path, call, part=GOOD)
    assert [line.split(": ", 1)[1] for line in found if line.startswith("root")] == [
        "module.m has no output y",
        "module m has no variable nam",
        "module m lacks name",
    ]


def test_what_fmt_would_change_is_named(tmp_path: Path) -> None:
    """Alignment is part of the format."""
    (tmp_path / "main.tf").write_text(GOOD.replace("name     =", "name ="))
    assert fmt(tmp_path) != []
