"""How long a tech waits: a journal of 5,000 records read over the port and verified, a flash."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure
from tests.tools.desk import Recorder, built, desks
from tests.tools.filled import fill
from tools import journal
from tools.flash import flash
from tools.provision import provision
from tools.vault import Vault

RECORDS = 5000


def figures() -> Iterator[Figure]:
    """One board, from stock to a journal that was read."""
    with tempfile.TemporaryDirectory() as name, desks(Path(name) / "board") as (desk,):
        vault = Vault(Path(name) / "registry.json")
        began = time.perf_counter()
        flash(desk.port, built(), Recorder())
        provision(desk.port, vault)
        yield Figure("stock board to one in service", time.perf_counter() - began, "s", most=60)
        fill(desk.port, RECORDS)
        desk.hello()
        began = time.perf_counter()
        found = journal.verify(journal.read(desk.port, lambda done, total: None), vault.load())
        took = time.perf_counter() - began
        if journal.broken(found) or len(found.held) < RECORDS:
            raise RuntimeError(f"{len(found.held)} records, broken: {journal.broken(found)[:3]}")
        yield Figure("5,000 records read and verified", took, "s", most=15)
