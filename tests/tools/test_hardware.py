"""`dosewire hardware check` as its user sees it."""

import json

from typer.testing import CliRunner

from tools.hardware import app


def test_our_boards_are_told_with_currents_and_hours() -> None:
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 0
    assert "pico: can be built" in done.output and "pico2: can be built" in done.output
    assert "(72 h are needed)" in done.output


def test_an_unknown_board_ends_with_1_and_is_said_in_json() -> None:
    done = CliRunner().invoke(app, ["check", "pico", "abacus", "--json"])
    told = json.loads(done.output)
    assert done.exit_code == 1
    assert told["pico"]["problems"] == [] and told["pico"]["hours"] >= 72
    assert told["abacus"]["problems"] == ["board 'abacus' is unknown; known are: pico, pico2"]
