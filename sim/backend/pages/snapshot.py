"""Keeps a glance of every patient current while pages are looked at; reads only.

A patient is looked at anew when a stream of theirs moved, people entered something, or an hour
has passed. The store is never held: each look is a read of its own.
"""

import dataclasses
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from sim.backend.evidence.entries import Kind, RuleError
from sim.backend.evidence.ledger import Ledger, LedgerError
from sim.backend.evidence.programme import Programme
from sim.backend.evidence.report import Basis, Evidence
from sim.backend.evidence.sources import links, rows
from sim.backend.pages.glance import Glance, glance
from sim.backend.store import Store

_EVERY_S = 5.0
_HOUR_MS = 3_600_000
_LOG = logging.getLogger("dosewire.pages")
Version = tuple[object, ...]


@dataclasses.dataclass(frozen=True)
class View:
    """What pages show: all patients of a moment (unix ms), or how far the reading has come.

    `trouble`: one line if the last look failed; what is shown is then from before.
    """

    at: int = 0
    glances: dict[str, Glance] = dataclasses.field(default_factory=dict)
    done: int = 0
    of: int = 0
    trouble: str = ""

    @property
    def ready(self) -> bool:
        """Whether every patient was looked at once."""
        return self.at > 0


class Snapshot:
    """Looks again and again in a thread of its own; `view` is always what was found last."""

    def __init__(
        self, open_store: Callable[[], Store], ledger: Path, clock: Callable[[], int]
    ) -> None:
        """`clock` gives unix ms."""
        self.view = View()
        self._open = open_store
        self._ledger = ledger
        self._clock = clock
        self._known: dict[str, tuple[Version, Glance]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="snapshot", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End; waits for the look that is going on."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Look once. Raises StoreError, DatabaseError, LedgerError or RuleError."""
        store = self._open()
        try:
            self._look(store)
        finally:
            store.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except (RuntimeError, DatabaseError, LedgerError, RuleError) as error:
                told = str(error).splitlines()[0]
                _LOG.warning("pages: %s", told)
                self.view = dataclasses.replace(self.view, trouble=told)
            self._stop.wait(_EVERY_S)

    def _look(self, store: Store) -> None:
        now = self._clock()
        programme = self._programme()
        episodes = [entry.episode for entry in programme.only(Kind.EPISODE)]
        moved = {(s.dispenser, s.epoch): s.rev for s in store.streams()}
        found: dict[str, Glance] = {}
        for number, episode in enumerate(episodes):
            if self._stop.is_set():
                return
            mine = programme.dispensers(episode)
            revs = sorted((key, rev) for key, rev in moved.items() if key[0] in mine)
            version: Version = (programme.newest(episode), now // _HOUR_MS, tuple(revs))
            known = self._known.get(episode)
            if known is None or known[0] != version:
                known = version, self._glance(store, programme, episode, now)
                self._known[episode] = known
            found[episode] = known[1]
            if not self.view.ready:
                self.view = View(done=number + 1, of=len(episodes))
        self.view = View(now, found, len(episodes), len(episodes))

    def _glance(self, store: Store, programme: Programme, episode: str, now: int) -> Glance:
        held = rows(store, programme.dispensers(episode))
        return glance(Evidence(Basis(programme, held, now, links(store, held)), episode))

    def _programme(self) -> Programme:
        ledger = Ledger(self._ledger, self._clock, create=False)
        try:
            return Programme(ledger.entries())
        finally:
            ledger.close()
