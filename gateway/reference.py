"""The page on the configuration, made from the definitions that check it.

`python -m gateway.reference` writes docs/gateway-config.md, `--check` tells whether it is current.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.config import Config

_PAGE = Path(__file__).parent.parent / "docs" / "gateway-config.md"
_HEAD = """\
# Gateway configuration

Made from `gateway/config.py` by `make generate`; `dosewire gateway config` prints it. The file is
TOML, `/etc/dosewire/gateway.toml` unless `--config` says otherwise; a key that is not here is a
mistake and is answered with one line. A key without default must be there, if its table is.
"""


def page() -> str:
    """Return the page: every table and key, its type, default and limits."""
    tables = msgspec.json.schema(Config)["$defs"]
    parts = [_HEAD]
    for name, schema in tables.items():
        if name != "Config":
            title, _, text = schema["description"].partition(": ")
            parts.append(f"## {title}\n\n{text[0].upper()}{text[1:]}\n")
            parts.append("\n".join(_rows(schema)) + "\n")
    return "\n".join(parts)


def _rows(schema: dict[str, Any]) -> Iterator[str]:
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for key, field in schema["properties"].items():
        default = "" if key in schema.get("required", ()) else _default(field)
        yield f"| `{key}` | {_type(field)} | {default} | {_meaning(field)} |"


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    return "" if value is None else f"`{json.dumps(value)}`"


def _type(field: dict[str, Any]) -> str:
    kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    (kind,) = kinds
    if "enum" in kind:
        return ", ".join(f'`"{value}"`' for value in kind["enum"])
    name = {"array": "list", "boolean": "true or false"}.get(kind["type"], kind["type"])
    signs = {"minimum": "≥", "maximum": "≤", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
    limits = [f"{sign} {kind[limit]:g}" for limit, sign in signs.items() if limit in kind]
    return ", ".join([name, *limits])


def _meaning(field: dict[str, Any]) -> str:
    kinds = [field, *field.get("anyOf", ())]
    return str(next(kind["description"] for kind in kinds if "description" in kind))


def main(arguments: Iterable[str]) -> int:
    """Write the page; with `--check` only tell whether it is current."""
    if "--check" not in arguments:
        _PAGE.write_text(page())
        return 0
    if _PAGE.exists() and _PAGE.read_text() == page():
        return 0
    print(f"docs/{_PAGE.name} is stale: run `make generate`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
