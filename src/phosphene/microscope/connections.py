"""One connection of a client: bounded in the time that it may take to ask, and to read what it is answered.

uvicorn waits without an end for the first request of a connection, for the rest of a request's headers, and for a
client that does not read. Here each of them ends. What can't be read as HTTP, and what comes when there are too many
connections, is answered in a sentence like everything else.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .guard import HEADERS, Receive, Scope, Send, answer, body_of
from .limits import Limits
from .refusals import RefusedError


def connection(of: Limits) -> type[H11Protocol]:
    """The class of connections with these limits."""

    class Bounded(Connection):
        limits = of

    return Bounded


class Connection(H11Protocol):
    """uvicorn's connection, with an end to every wait."""

    limits = Limits()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._asking: asyncio.TimerHandle | None = None  # runs while a request has to arrive
        self._reading: asyncio.TimerHandle | None = None  # runs while the client does not read

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > 2 * self.limits.connections:
            transport.abort()
        elif len(self.connections) > self.limits.connections:
            self.app = _crowded
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self._asking, self._reading):
            if timer is not None:
                timer.cancel()

    # ---- a client that is slow to ask

    def _watch(self) -> None:
        """Starts the clock where a request, or the rest of one that is answered already, has to arrive; or stops it."""
        answered = self.cycle is None or self.cycle.response_complete
        arriving = self.conn.their_state is h11.IDLE or (answered and self.conn.their_state is h11.SEND_BODY)
        if arriving and not self.transport.is_closing():
            if self._asking is None:
                self._asking = self.loop.call_later(self.limits.request_seconds, self._too_slow)
        elif self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _too_slow(self) -> None:
        begun = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if begun and not self.transport.is_closing():
            seconds = f"{self.limits.request_seconds:g}"
            self._last_words(RefusedError(408, f"the request did not arrive within {seconds} seconds; send it again"))
        self.transport.close()

    # ---- a client that is slow to read

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._reading is None:
            self._reading = self.loop.call_later(self.limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    # ---- what is no request

    def _should_upgrade(self) -> bool:
        return False  # there is nothing but HTTP here; a request for a websocket is answered as any other

    def send_400_response(self, msg: str) -> None:
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self._last_words(RefusedError(400, "this is not an HTTP request that can be read"))
        self.transport.close()

    def _last_words(self, refusal: RefusedError) -> None:
        """The refusal as an answer after which the connection is closed."""
        body = body_of(refusal)
        lines = [
            f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "connection: close",
            *(f"{name}: {value}" for name, value in HEADERS.items()),
        ]
        self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


async def _crowded(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers what comes by one connection too many."""
    sentence = "too many connections are open to this microscope; close some of its pages, or ask again in a moment"
    await answer(send, RefusedError(503, sentence), close=True)
