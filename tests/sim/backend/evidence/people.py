"""Entries as people make them."""

from sim.backend.evidence.entries import Entry, Kind
from sim.backend.evidence.programme import Programme
from tests.sim.backend.evidence.journal import ID, ms

FROM = "2026-01-01T00:00"


class Desk:
    """Collects entries; times are UTC texts."""

    def __init__(self):
        self.entries = []

    def enter(self, kind, start=FROM, end=None, value="", episode="e1", replaces=None):
        number = len(self.entries) + 1
        until = None if end is None else ms(end)
        entry = Entry(number, number, "nurse", episode, kind, ms(start), until, value, replaces)
        self.entries.append(entry)
        return number

    def enrol(self, episode="e1", patient="p1", zone="Europe/Zurich", dispenser=ID):
        """Everything that lets a day count."""
        self.enter(Kind.EPISODE, value=f"{patient} s1 {zone}", episode=episode)
        for kind in (Kind.ORDER, Kind.CONSENT, Kind.ACTIVATION):
            self.enter(kind, episode=episode)
        if dispenser:
            self.assign(dispenser, episode=episode)
        return self

    def assign(self, dispenser=ID, start=FROM, end=None, episode="e1", replaces=None):
        return self.enter(Kind.ASSIGNMENT, start, end, dispenser, episode, replaces)

    @property
    def programme(self):
        return Programme(self.entries)
