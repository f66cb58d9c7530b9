"""The two pages as HTML text, from glances. Everything that people or devices wrote is escaped."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from html import escape
from urllib.parse import quote, urlencode

from sim.backend.evidence.silence import Cause
from sim.backend.pages.glance import Glance, Item, Need, short
from sim.backend.pages.pictures import (
    LEGEND,
    NEEDS,
    WORDS,
    badge,
    calendar,
    field,
    mark,
    strip,
    trend,
)
from sim.backend.pages.snapshot import View

ROWS = 10
_SAYS = (
    "Access, not ingestion: the dispenser notes that a compartment was reached, not that anything "
    "was taken. From verified records only."
)
_LONGEST_FIND = 64
_HEADS = (
    '<div class="row heads quiet"><span></span><span>Patient</span><span>Why</span>'
    '<span>Access, last 30 days</span><span class="since">Last access</span></div>'
)


def patient(view: View, glance: Glance) -> str:
    """Return the page of one patient."""
    need = f"{badge(glance.need, 18)} {NEEDS[glance.need]}"
    back = f'<a href="/site/{quote(glance.site, safe="")}">Site {escape(glance.site)}</a>'
    return _page(
        view,
        f'<header><h1>{escape(glance.patient)}</h1><p class="need">{need}</p>'
        f'<p class="right quiet">times of {escape(glance.zone)}</p><p>{back}</p></header>'
        f'<div class="facts">{_facts(glance)}</div>'
        '<div class="patient">'
        '<section class="card" style="grid-row:span 2">'
        f"<h2>Access, last 30 days; {_due(glance)}</h2>"
        f"{calendar(glance.squares, glance.squares[-1].date)}{_legend()}</section>"
        f'<section class="card"><h2>{_symptom_title(glance)}</h2>'
        f"{trend(glance.squares, glance.symptoms)}</section>"
        f'<section class="card"><h2>Open items</h2>{_items(glance)}</section></div>',
    )


def _legend() -> str:
    words = "".join(
        f'<span><svg aria-hidden="true" width="16" height="16" viewBox="-8 -8 16 16">'
        f"{mark(kind, 14)}</svg>{word}</span>"
        for kind, word in LEGEND.items()
    )
    return f'<div class="legend">{words}</div>'


def _due(glance: Glance) -> str:
    if not any(glance.due.values()):
        return "nothing due today"
    due = [f"{times} from compartment {n}" for n, times in glance.due.items() if times]
    return f"due a day: {', '.join(due)}"


def _facts(glance: Glance) -> str:
    facts = (
        ("Last access", *_last(glance)),
        ("Dispenser", *_dispenser(glance)),
        _monitored(glance),
    )
    return "".join(
        f'<div class="card"><span class="quiet">{name}</span><b>{escape(fact)}</b>'
        f'<span class="quiet">{escape(word)}</span></div>'
        for name, fact, word in facts
    )


def _last(glance: Glance) -> tuple[str, str]:
    if glance.last is None or glance.days_since is None:
        return "None yet", "no compartment was reached"
    return _ago(glance.days_since).capitalize(), f"{glance.last:%a %-d %b, %H:%M}"


def _dispenser(glance: Glance) -> tuple[str, str]:
    if glance.heard is None:
        return "Never heard", "no record came yet"
    heard = f"last record {glance.heard:%a %-d %b, %H:%M}"
    if glance.cause is None:
        return "Heard " + _ago((glance.today - glance.heard.date()).days), heard
    word = "Silent" if glance.cause is Cause.WAITING else short(glance.cause).capitalize()
    return word, f"{heard}; says nothing of the patient"


def _monitored(glance: Glance) -> tuple[str, str, str]:
    period, before = glance.period, glance.before
    if period is None:
        return "Monitored days", "None yet", "the first one begins the first supply period"
    told = f"day {min(30, (glance.today - period.start).days + 1)} of 30; access or response"
    earlier = f"; period {before.number}: {before.monitored}" if before else ""
    return f"Monitored days, period {period.number}", str(period.monitored), told + earlier


def _symptom_title(glance: Glance) -> str:
    if not glance.symptoms:
        return "Answers beside access: none in 30 days"
    newest = glance.symptoms[-1]
    return f"Answers beside access: last one “{WORDS[newest.worst]}”, {newest.date:%-d %b}"


def _items(glance: Glance) -> str:
    if not glance.items:
        return '<p class="quiet">Nothing is open.</p>'
    shown = glance.items[:4]
    rows = [
        f"<li>{badge(item.need)}<span>{escape(item.text)}</span>"
        f'<span class="quiet">{_when(item)}</span></li>'
        for item in shown
    ]
    if len(glance.items) > len(shown):
        rows.append(f'<li class="quiet">and {len(glance.items) - len(shown)} more</li>')
    return f'<ul class="items">{"".join(rows)}</ul>'


def _when(item: Item) -> str:
    if item.last is None:
        return f"since {item.since:%-d %b}"
    first = "" if item.last == item.since else f"{item.since:%-d %b} to "
    return f"{first}{item.last:%-d %b}"


def site(view: View, name: str, page: int, find: str) -> str:
    """Return the page of one site: who needs a look, first."""
    mine = sorted((g for g in view.glances.values() if g.site == name), key=urgency)
    counts = Counter(glance.need for glance in mine)
    cards = "".join(
        f'<div class="card">{badge(need, 20)}<b>{counts[need]}</b><span>{NEEDS[need]}</span></div>'
        for need in sorted(Need, reverse=True)
    )
    find = find[:_LONGEST_FIND]
    found = [glance for glance in mine if find.lower() in glance.patient.lower()]
    last = max(0, (len(found) - 1) // ROWS)
    page = min(max(page, 1), last + 1)
    shown = found[(page - 1) * ROWS : page * ROWS]
    rows = "".join(_row(glance) for glance in shown)
    list_ = _HEADS + rows + _legend() if rows else '<p class="quiet">Nobody found.</p>'
    return _page(
        view,
        f"<header><h1>Site {escape(name)}</h1>"
        f'<p class="quiet">{len(mine)} patients, each a sign below</p></header>'
        f'<div class="counts">{cards}</div>'
        f'<div class="card">{field(mine)}</div>'
        f'<section class="card list" aria-label="Patients, most urgent first">{list_}</section>'
        f"{_pager(name, page, last + 1, find)}",
    )


def urgency(glance: Glance) -> tuple[int, bool, int, str]:
    """Sort by need, then by a very severe answer, then by the oldest open item, then by name."""
    since = min((item.since.toordinal() for item in glance.items), default=0)
    return -glance.need, not any(item.gravest for item in glance.items), since, glance.patient


def _row(glance: Glance) -> str:
    texts = Counter(item.text for item in glance.items)
    why = " · ".join(f"{text} ({n} times)" if n > 1 else text for text, n in texts.items())
    since = "no access yet" if glance.days_since is None else _ago(glance.days_since)
    return (
        f'<div class="row">{badge(glance.need)}'
        f'<a href="/patient/{quote(glance.episode, safe="")}">{escape(glance.patient)}</a>'
        f'<span class="why" title="{escape(why)}">{escape(why)}</span>{strip(glance.squares)}'
        f'<span class="since quiet">{since}</span></div>'
    )


def _pager(name: str, page: int, of: int, find: str) -> str:
    def link(to: int, word: str) -> str:
        if not 1 <= to <= of:
            return f'<span class="quiet">{word}</span>'
        query = urlencode({"page": to} | ({"find": find} if find else {}))
        return f'<a href="/site/{quote(name, safe="")}?{escape(query)}">{word}</a>'

    return (
        f'<nav aria-label="Pages">{link(page - 1, "← Back")}'
        f'<span class="quiet">{page} of {of}</span>{link(page + 1, "Next →")}'
        f'<form method="get" action="/site/{quote(name, safe="")}">'
        f'<input name="find" aria-label="Patient" placeholder="Patient" value="{escape(find)}" '
        f'maxlength="{_LONGEST_FIND}"><button>Find</button></form></nav>'
    )


def sites(view: View, names: Sequence[str]) -> str:
    """Return the list of sites."""
    rows = "".join(
        f'<p><a href="/site/{quote(name, safe="")}">Site {escape(name)}</a></p>' for name in names
    )
    none = '<p class="quiet">Nobody is enrolled: dosewire evidence enter --kind episode …</p>'
    return _page(view, f'<header><h1>Sites</h1></header><div class="card">{rows or none}</div>')


def waiting(view: View) -> str:
    """Return what is shown until every patient was looked at once."""
    done = f"{view.done} of {view.of} patients" if view.of else "opening it"
    return _page(view, f"<header><h1>Reading the store</h1></header><p>{done}</p>")


def missing() -> str:
    """Return what is shown for a name that nobody has."""
    body = (
        '<header><h1>Not here</h1></header><p>No such patient or site. <a href="/">Sites</a></p>'
    )
    return _page(View(), body)


def _page(view: View, body: str) -> str:
    trouble = (
        f'<p class="trouble" role="status">Not current: {escape(view.trouble)}</p>'
        if view.trouble
        else ""
    )
    return f"<main>{trouble}{body}</main>"


def foot(view: View) -> str:
    """Return the foot of every page: what it claims, and of when it is."""
    at = dt.datetime.fromtimestamp(view.at / 1000, dt.UTC)
    when = f" As of {at:%-d %b %Y, %H:%M} UTC." if view.ready else ""
    return f"<footer>{_SAYS}{when}</footer>"


def _ago(days: int) -> str:
    return "today" if days == 0 else "yesterday" if days == 1 else f"{days} days ago"
