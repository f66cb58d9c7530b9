"""The dispenser's modules under CPython."""

import importlib.util
import sys
import types
from pathlib import Path
from types import ModuleType

FIRMWARE = Path(__file__).parent.parent.parent / "firmware"


def load(name: str) -> ModuleType:
    """Return a module of `firmware/dispenser/`, loaded anew."""
    shim = types.ModuleType("micropython")
    shim.const = lambda value: value  # type: ignore[attr-defined]
    sys.modules.setdefault("micropython", shim)
    spec = importlib.util.spec_from_file_location(name, FIRMWARE / "dispenser" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
