"""`dosewire protocol`: what is checked in is current, and stale files are named."""

import pytest
from typer.testing import CliRunner

from protocol import vectors
from tools.app import app

RUNNER = CliRunner()


@pytest.mark.parametrize("what", ["wire", "vectors", "docs"])
def test_current(what: str) -> None:
    result = RUNNER.invoke(app, ["protocol", what, "--check"])
    assert result.exit_code == 0, result.output


def test_stale_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = vectors.files()
    monkeypatch.setattr(vectors, "files", lambda: {**whole, "data.jsonl": "{}\n"})
    result = RUNNER.invoke(app, ["protocol", "vectors", "--check"])
    assert result.exit_code == 1
    assert "data.jsonl" in result.output
