"""A microscope served on this machine: started in a thread of its own, stopped by its handle."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import threading
import time
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from ..network import Network
from .app import application
from .connections import connection
from .images import Images
from .library import Atlases, Library
from .limits import Limits
from .networks import Networks
from .notebook import in_notebook
from .service import Microscope
from .stored import private

HOST = "127.0.0.1"
START_SECONDS, STOP_SECONDS = 30.0, 10.0
BACKLOG = 512

NetworkLike = str | Mapping[str, Any] | Network


class Handle:
    """A microscope that is running: `url` is its page's address, `stop()` ends it. Also a context manager."""

    def __init__(self, microscope: Microscope, port: int = 0) -> None:
        self.microscope = microscope
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            application(microscope, lambda: self.port),
            http=connection(microscope.limits),
            ws="none",
            loop="asyncio",
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=3,
            h11_max_incomplete_event_size=1 << 16,
        )
        self._server = _Server(config, microscope)
        self._thread = threading.Thread(target=self._run, name="microscope", daemon=True)
        self._ended = threading.Event()  # a join that Ctrl-C interrupts takes a thread for ended that still runs

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.port}/"

    def start(self) -> Handle:
        """Starts to serve; returns when the page can be opened."""
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if self._ended.is_set() or time.monotonic() > deadline:
                raise RuntimeError("the microscope did not start; its log says why")
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """Ends the server and all its work. Nothing happens where it has ended already."""
        self._server.should_exit = True
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._ended.wait(STOP_SECONDS)
        if self._ended.is_set() or self._thread.ident is None:  # else the server still uses its socket
            self._socket.close()

    def wait(self) -> None:
        """Waits until the server ends."""
        while not self._ended.wait(0.5):
            pass

    def _run(self) -> None:
        try:
            with contextlib.suppress(SystemExit):
                self._server.run(sockets=[self._socket])
        finally:
            self._ended.set()

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @functools.cached_property
    def widget(self) -> Any:
        """The page as a notebook's widget, whose `address` is the view; ImportError where anywidget is missing."""
        from .notebook import widget

        assert self.microscope.guard is not None
        return widget(self.url, self.microscope.guard.frame_key)

    def _repr_mimebundle_(self, **how: Any) -> dict[str, Any]:
        """What a notebook shows below the cell."""
        from .notebook import bundle

        if self._ended.is_set():
            return {"text/plain": repr(self)}
        try:
            shown = self.widget
        except ImportError:
            shown = None
        return bundle(self.url, shown, **how)

    def __repr__(self) -> str:
        return "Microscope, stopped" if self._ended.is_set() else f"Microscope at {self.url}"


class _Server(uvicorn.Server):
    """uvicorn's server, whose work and events end before it waits for its connections."""

    def __init__(self, config: uvicorn.Config, microscope: Microscope) -> None:
        super().__init__(config)
        self.microscope = microscope

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.microscope.end()
        await super().shutdown(sockets)


def _listening(port: int) -> socket.socket:
    """A socket that listens to this machine alone. OSError in a sentence where the port is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(BACKLOG)  # at once: until then another process may bind to the same port
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(f"port {port} can't be used ({reason}); choose another, or 0 for any free one") from error
    return listening


def serve(
    networks: Sequence[NetworkLike],
    images: str | os.PathLike[str] | None = None,
    atlases: Sequence[str | os.PathLike[str]] = (),
    *,
    port: int = 0,
    open: bool | None = None,
    cache: str | os.PathLike[str] | None = None,
    limits: Limits | None = None,
) -> Handle:
    """A microscope on these networks, a folder of images and atlases, started; `open` shows its page in the browser.

    Without `open` the browser shows it, but not from a notebook, whose cell does.
    """
    limits = limits or Limits()
    home = Path(cache) if cache is not None else cache_folder()
    offered = Networks(networks, limits)
    library = Library(offered, Images(images, home / "uploads", limits), Atlases(atlases, offered))
    private(home)
    handle = Handle(Microscope(library, limits, home), port).start()
    if not in_notebook() if open is None else open:
        webbrowser.open(handle.url)
    return handle


def cache_folder() -> Path:
    """Where uploads and answers are stored: below XDG_CACHE_HOME, or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "phosphene" / "microscope"
