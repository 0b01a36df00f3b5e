import pytest

from app.operations import flags
from tests.conftest import MakeClient, make_settings


def test_a_flag_stops_changes_and_nothing_else(make_client: MakeClient) -> None:
    client = make_client(flag_items_read_only=True)
    refused = client.post("/items", json={"name": "lamp"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
    assert client.get("/items").json() == []


def test_a_flag_is_off_until_its_variable_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    values = []
    for value in ("", "false", "true"):
        monkeypatch.setenv("FLAG_ITEMS_READ_ONLY", value)
        flags.configure(make_settings())
        values.append(flags.client.get_boolean_value("items_read_only", default_value=True))
    assert values == [False, False, True]


def test_an_unknown_flag_has_the_value_that_the_caller_expects() -> None:
    flags.configure(make_settings())
    assert flags.client.get_string_value("unknown", default_value="as before") == "as before"
