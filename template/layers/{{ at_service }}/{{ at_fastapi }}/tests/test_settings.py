import pytest
from pydantic import ValidationError

from app.settings import Settings, load_settings
from tests.conftest import REQUIRED, make_settings


def test_each_wrong_variable_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("PORT", "s3cret")
    monkeypatch.setenv("DRAIN_SECONDS", "-1")
    with pytest.raises(SystemExit) as stopped:
        load_settings()
    lines = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 1
    assert [line.partition(":")[0] for line in lines] == ["PORT", "DRAIN_SECONDS"]
    assert "s3cret" not in "".join(lines)


def test_production_refuses_a_placeholder() -> None:
    with pytest.raises(ValidationError, match="METRICS_TOKEN"):
        make_settings(environment="production", metrics_token="change-me")
    assert make_settings(metrics_token="change-me")


def test_secrets_are_not_shown() -> None:
    assert "t0ken" not in repr(make_settings(metrics_token="t0ken"))
    assert Settings.model_config["frozen"]
