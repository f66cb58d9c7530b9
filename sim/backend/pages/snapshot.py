"""Keeps a glance of every patient current while pages are looked at; reads only.

A patient is looked at anew when a stream of theirs moved, people entered something, or an hour
has passed. The store is never held: each look is a read of its own.
"""

import dataclasses
import gc
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
_MINUTE_MS = 60_000
_LOG = logging.getLogger("dosewire.pages")
Version = tuple[object, ...]
Moved = dict[str, list[tuple[int, int]]]
"""Epoch and rev of the streams of each dispenser."""


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
        self._entered = 0
        self._programme = Programme(())
        self._seen: Version = ()
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
            began = self.view.ready
            try:
                self.look()
                if self.view.ready and not began:
                    # what stays is not walked through again while somebody waits for a page
                    gc.collect()
                    gc.freeze()
            except (RuntimeError, DatabaseError, LedgerError, RuleError) as error:
                told = str(error).splitlines()[0]
                _LOG.warning("pages: %s", told)
                self.view = dataclasses.replace(self.view, trouble=told)
            self._stop.wait(_EVERY_S)

    def _look(self, store: Store) -> None:
        now = self._clock()
        moved: Moved = {}
        for stream in store.streams():
            moved.setdefault(stream.dispenser, []).append((stream.epoch, stream.rev))
        self._read_entries()
        seen: Version = (self._entered, now // _HOUR_MS, moved)
        if seen != self._seen:
            if self._every(store, now, moved):
                self._seen = seen
        elif self.view.trouble or now // _MINUTE_MS != self.view.at // _MINUTE_MS:
            self.view = dataclasses.replace(self.view, at=now, trouble="")

    def _every(self, store: Store, now: int, moved: Moved) -> bool:
        """Look at every patient who changed; False if asked to stop before the end."""
        episodes = [entry.episode for entry in self._programme.only(Kind.EPISODE)]
        found: dict[str, Glance] = {}
        for number, episode in enumerate(episodes):
            if self._stop.is_set():
                return False
            found[episode] = self._of(store, episode, now, moved)
            if not self.view.ready:
                self.view = View(done=number + 1, of=len(episodes))
        self.view = View(now, found, len(episodes), len(episodes))
        return True

    def _of(self, store: Store, episode: str, now: int, moved: Moved) -> Glance:
        mine = sorted(self._programme.dispensers(episode))
        revs = [(dispenser, moved.get(dispenser)) for dispenser in mine]
        version: Version = (self._programme.newest(episode), now // _HOUR_MS, revs)
        known = self._known.get(episode)
        if known is None or known[0] != version:
            known = version, self._glance(store, self._programme, episode, now)
            self._known[episode] = known
        return known[1]

    def _glance(self, store: Store, programme: Programme, episode: str, now: int) -> Glance:
        held = rows(store, programme.dispensers(episode))
        return glance(Evidence(Basis(programme, held, now, links(store, held)), episode))

    def _read_entries(self) -> None:
        ledger = Ledger(self._ledger, self._clock, create=False)
        try:
            newest = ledger.newest()
            if newest != self._entered:
                self._programme = Programme(ledger.entries())
                self._entered = self._programme.count
        finally:
            ledger.close()
