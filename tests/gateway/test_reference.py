"""Every key is explained, and the page is that of the definitions."""

from typing import Any

import msgspec
import pytest

from gateway import cli, config, reference


def _keys(table: Any) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(table)]


def test_every_key_of_every_table_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config"]) == 0
    page = capsys.readouterr().out
    tables = config._Table.__subclasses__()
    assert len(tables) >= 6
    for table in tables:
        if table is not config.Config:
            assert table.__doc__ is not None
            title = table.__doc__.split(":")[0].strip()
            section = page[page.index(f"## {title}") :].split("\n## ")[0]
            for key in _keys(table):
                (row,) = [line for line in section.splitlines() if line.startswith(f"| `{key}`")]
                assert len(row.split("|")[4].strip()) > 10, row


def test_the_page_is_current() -> None:
    assert reference.main(["--check"]) == 0
