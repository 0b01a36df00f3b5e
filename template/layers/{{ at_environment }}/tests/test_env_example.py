"""The documented variables are those that the settings read."""

import re
from pathlib import Path

from app.settings import Settings

EXAMPLE = Path(__file__).parents[1] / ".env.example"
LINE = re.compile(r"(# )?([A-Z][A-Z0-9_]*)=(.*)")


def documented() -> dict[str, tuple[bool, str]]:
    found = (LINE.fullmatch(line) for line in EXAMPLE.read_text().splitlines())
    return {match[2]: (match[1] is not None, match[3]) for match in found if match}


def test_the_example_names_exactly_the_variables_of_the_settings() -> None:
    assert list(documented()) == [name.upper() for name in Settings.model_fields]


def test_required_variables_are_the_ones_with_a_value() -> None:
    needed = {name for name, (commented, _) in documented().items() if not commented}
    assert needed == {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}


def test_shown_defaults_are_the_real_ones() -> None:
    for name, (commented, value) in documented().items():
        default = Settings.model_fields[name.lower()].default
        if commented and value:
            assert value == str(default)
