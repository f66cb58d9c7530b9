"""`dosewire sim console`: a world, and a web server on loopback that shows it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import socket
import sys
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from sim import factory
from sim.clock import VirtualClock
from sim.console.page import Page, Waiting
from sim.console.session import Session
from sim.paced.page import WATCHED
from sim.panel import Panel
from sim.world import World

HOST = "127.0.0.1"


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What world the console runs; `folder` gives a new one for each world."""

    folder: Callable[[], Path]
    cache: Path
    seed: int
    dispensers: int
    gateways: int
    virtual: bool
    modem: bool = False


class Place:
    """Where browser pages find the world of now: `session` is None while one is being made."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.anew: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def get(self) -> Session | None:
        """Return the session of now."""
        return self.session

    def begin_anew(self, virtual: bool) -> None:
        """End this world and begin another."""
        if not self.anew.done():
            self.anew.set_result(virtual)


async def console(wanted: Wanted, port: int, show: bool, say: Callable[[str], None]) -> None:
    """Run a world in a new folder and its console until cancelled; nothing is left running.

    `port` 0 takes a free one. Raises WorldError, FactoryError, ChildError or BrokerError if the
    world fails, OSError if the port is taken.
    """
    os.environ[WATCHED] = "1"  # what this program starts, whenever it is started
    listener = _listen(port)
    place = Place()
    server = _server(place)
    address = f"http://{HOST}:{listener.getsockname()[1]}"
    serving = asyncio.create_task(server.serve([listener]))
    say(f"console: {address}")
    try:
        if show and has_display():
            await asyncio.to_thread(webbrowser.open, address)
        image = await factory.flashed(wanted.cache)
        while True:
            virtual = await _one_world(wanted, place, image, say)
            wanted = dataclasses.replace(wanted, virtual=virtual)
    finally:
        server.should_exit = True
        await serving


async def _one_world(
    wanted: Wanted, place: Place, image: bytes, say: Callable[[str], None]
) -> bool:
    """Run a world until another is wanted; returns whether that is to live in virtual time."""
    folder = wanted.folder()
    say(f"seed {wanted.seed}, run {folder}")
    panels = {f"d{number}": Panel() for number in range(1, wanted.dispensers + 1)}
    world = World(
        folder, wanted.seed, panels, image=image, log_publishes=True,
        gateways=[f"gw-{number}" for number in range(1, wanted.gateways + 1)],
        modem=wanted.modem,
        clock=VirtualClock(time.time_ns()) if wanted.virtual else None,
        panels=panels,
    )  # fmt: skip
    session = Session(world)
    place.anew = asyncio.get_running_loop().create_future()
    try:
        await session.begin()
        place.session = session
        async with asyncio.TaskGroup() as group:
            works = (session.pace.run(), session.live(), session.watch())
            tasks = [group.create_task(work) for work in works]
            virtual = await place.anew
            for task in tasks:
                task.cancel()
        return virtual
    finally:
        place.session = None
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


def _server(place: Place) -> uvicorn.Server:
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @ui.page("/", title="Dosewire console")
    def index() -> None:
        if place.session is None:
            Waiting(place.get)
        else:
            Page(place.session, place.get, place.begin_anew)

    ui.run_with(
        application, dark=None, tailwind=False, show_welcome_message=False, language="en-US"
    )
    config = uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1)
    return _Server(config)
