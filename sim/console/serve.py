"""`dosewire sim console`: a world, and a web server on loopback that shows it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from sim.console.page import Page
from sim.console.panel import Panel
from sim.console.session import Session
from sim.world import World

HOST = "127.0.0.1"


async def console(
    folder: Path, seed: int, dispensers: int, port: int, show: bool, say: Callable[[str], None]
) -> None:
    """Run a world in a new folder and its console until cancelled; nothing is left running.

    `port` 0 takes a free one. Raises WorldError, ChildError or BrokerError if the world fails,
    OSError if the port is taken.
    """
    listener = _listen(port)
    panels = {f"d{number}": Panel() for number in range(1, dispensers + 1)}
    world = World(
        folder, seed, panels, log_publishes=True,
        on_output=lambda name, event: panels[name].take(event),
    )  # fmt: skip
    session = Session(world, panels)
    server = _server(session)
    address = f"http://{HOST}:{listener.getsockname()[1]}"
    serving = asyncio.create_task(server.serve([listener]))
    say(f"console: {address}")
    try:
        if show and has_display():
            await asyncio.to_thread(webbrowser.open, address)
        await session.begin()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(session.live())
            tasks.create_task(session.watch())
    finally:
        server.should_exit = True
        await serving
        await session.close()
        await world.close()


def has_display() -> bool:
    """Whether a browser could open a window here."""
    return sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to who runs it."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Take none."""
        yield


def _server(session: Session) -> uvicorn.Server:
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @ui.page("/", title="Dosewire console")
    def index() -> None:
        Page(session)

    ui.run_with(
        application, dark=None, tailwind=False, show_welcome_message=False, language="en-US"
    )
    config = uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1)
    return _Server(config)
