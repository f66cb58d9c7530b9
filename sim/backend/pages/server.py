"""Serves the glance pages with NiceGUI; loads nothing from outside, changes nothing."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from nicegui import app, ui

from sim.backend.pages import html
from sim.backend.pages.snapshot import Snapshot, View

_STYLE = Path(__file__).with_name("style.css")
_REFRESH_S = 5.0


def serve(snapshot: Snapshot, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    _routes(snapshot)
    app.on_startup(snapshot.start)
    app.on_shutdown(snapshot.stop)
    ui.run(
        host=host,
        port=port,
        title="Dosewire",
        favicon="◉",
        dark=None,
        language="en-US",
        reload=False,
        show=False,
        show_welcome_message=False,
        uvicorn_logging_level="warning",
        timeout_graceful_shutdown=1,
    )


def _routes(snapshot: Snapshot) -> None:
    @ui.page("/", title="Dosewire: sites")
    def start() -> None:
        _show(snapshot, _sites)

    @ui.page("/site/{name}", title="Dosewire: site")
    def site(name: str, page: str = "1", find: str = "") -> None:
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < 7 else 1
        _show(snapshot, functools.partial(_site, name, number, find))

    @ui.page("/patient/{episode}", title="Dosewire: patient")
    def patient(episode: str) -> None:
        _show(snapshot, functools.partial(_patient, episode))


def _sites(view: View) -> str:
    return html.sites(view, sorted({glance.site for glance in view.glances.values()}))


def _site(name: str, page: int, find: str, view: View) -> str:
    if not any(glance.site == name for glance in view.glances.values()):
        return html.missing()
    return html.site(view, name, page, find)


def _patient(episode: str, view: View) -> str:
    glance = view.glances.get(episode)
    return html.missing() if glance is None else html.patient(view, glance)


def _show(snapshot: Snapshot, render: Callable[[View], str]) -> None:
    """Show a page and keep it current."""
    ui.add_css(_STYLE)
    shown = snapshot.view
    body = ui.html(_body(shown, render), sanitize=False)
    # apart from the body: what is replaced loses the keyboard's place
    foot = ui.html(html.foot(shown), sanitize=False)

    def refresh() -> None:
        nonlocal shown
        before, shown = shown, snapshot.view
        if dataclasses.replace(before, at=shown.at) != shown or before.ready != shown.ready:
            body.set_content(_body(shown, render))
        if before.at != shown.at:
            foot.set_content(html.foot(shown))

    ui.timer(_REFRESH_S, refresh)


def _body(view: View, render: Callable[[View], str]) -> str:
    return render(view) if view.ready else html.waiting(view)
