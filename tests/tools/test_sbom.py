"""The bill of materials lists what a gateway runs on, and nothing of the workshop."""

import json
import subprocess
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools import sbom

GATEWAY = {"construct", "construct-typing", "msgspec", "paho-mqtt", "typing-extensions"}


def test_needed_follows_extras_and_markers() -> None:
    assert sbom.needed("dosewire", ["gateway"]) == GATEWAY
    assert sbom.needed("dosewire", ["gateway", "metrics"]) == GATEWAY | {"prometheus-client"}
    assert {"mpremote", "pyserial", *GATEWAY} < sbom.needed("dosewire", ["tools"])


def test_the_gateways_bill_is_valid_and_complete(tmp_path: Path) -> None:
    target = tmp_path / "new" / "sbom.json"
    command = [sys.executable, "-m", "tools.sbom", str(target), "gateway"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "5 components" in done.stdout
    text = target.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    assert bom["metadata"]["component"]["name"] == "dosewire"
    found = {part["name"].replace("_", "-"): part for part in bom["components"]}
    assert set(found) == GATEWAY
    for part in found.values():
        assert part["version"] and part["purl"].startswith("pkg:pypi/") and part["licenses"]
    links = {link["ref"]: link.get("dependsOn", []) for link in bom["dependencies"]}
    refs = {part["bom-ref"] for part in bom["components"]}
    assert set(links["root-component"]) <= refs
    assert all(set(wanted) <= refs for wanted in links.values())
