"""What a host that plays one part has installed, as CycloneDX JSON: `make sbom`.

cyclonedx-py lists the environment; what the part does not need (linters, other parts) is left out,
by what the installed packages say they require. Nothing is looked up on the network.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

_ROOT = Path(__file__).parent.parent


def needed(package: str, extras: Iterable[str]) -> set[str]:
    """Return the normalised names of what a package needs with these extras, itself left out."""
    todo, seen, found = [(package, extra) for extra in ("", *extras)], set(), set()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        found.add(_plain(name))
        for text in metadata.requires(name) or ():
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                todo += [(wanted.name, inner) for inner in ("", *wanted.extras)]
    return found - {_plain(package)}


def keep(bom: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return a bill of materials with only these packages in it."""
    components = [part for part in bom["components"] if _plain(part["name"]) in names]
    kept = {part["bom-ref"] for part in components} | {bom["metadata"]["component"]["bom-ref"]}
    dependencies = [
        link | {"dependsOn": [ref for ref in link.get("dependsOn", ()) if ref in kept]}
        for link in bom["dependencies"]
        if link["ref"] in kept
    ]
    return bom | {"components": components, "dependencies": dependencies}


def main(extras: list[str], target: Path) -> int:
    """Write the bill of materials of `dosewire[extras]`."""
    program = str(Path(sys.executable).with_name("cyclonedx-py"))
    command = [program, "environment", sys.executable]
    options = ["--pyproject", str(_ROOT / "pyproject.toml"), "--output-reproducible", "--of=JSON"]
    # validating what is about to be cut down takes ten seconds; a test validates what is written
    options += ["--no-validate"]
    done = subprocess.run(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    bom = keep(json.loads(done.stdout), needed("dosewire", extras))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bom, indent=1) + "\n")
    print(f"{target}: {len(bom['components'])} components of dosewire[{','.join(extras)}]")
    return 0


def _plain(name: str) -> str:
    # packaging.python.org, name normalisation
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], Path(sys.argv[1])))
