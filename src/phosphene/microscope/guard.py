"""Who is let in: pages of this server on this machine, and nobody else.

A browser lets any web page send requests to this machine. So each request must name this server as its host (which
answers DNS rebinding), come from no other origin, and, where it changes anything, carry the token that only this
server's own page can read. Bodies are bounded in size and time before they are looked at.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from .limits import MB, Limits
from .refusals import RefusedError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LOCAL = ("127.0.0.1", "localhost", "[::1]")
READING = ("GET", "HEAD")
TOKEN = b"x-phosphene-token"
NO_PAGES = ("/api/", "/session", "/events")  # what a link of another site does not lead to
ONCE = (b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", TOKEN)
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
NOTEBOOKS = " ".join(f"{scheme}://{host}:*" for scheme in ("http", "https") for host in LOCAL[:2])
POLICY = HEADERS["content-security-policy"].replace("frame-ancestors 'none'", f"frame-ancestors {NOTEBOOKS}")
IN_A_FRAME = {"content-security-policy": POLICY}  # of a view that a notebook of this machine shows


class Guard:
    """The outermost layer of the server: refuses what may not come in, and bounds what may."""

    def __init__(self, app: Any, limits: Limits, port: Callable[[], int]) -> None:
        self.app, self.limits, self.port = app, limits, port
        self.token = secrets.token_urlsafe(24)
        self.frame_key = secrets.token_urlsafe(24)  # with which a notebook may show a view in a frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # there is none here
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        answering = Answering(send, self._in_a_frame(scope))
        try:
            self.check(scope)
            await self.app(scope, self._bounded(scope, receive, answering), answering)
        except RefusedError as refusal:
            if answering.started:
                raise
            await answer(answering, refusal)

    def check(self, scope: Scope) -> None:
        """Raises RefusedError for a request that may not come in."""
        headers = _once(scope["headers"])
        if not scope["path"].startswith("/"):  # a proxy is asked so, with a whole address
            raise RefusedError(400, "this server is no proxy; ask for a path that begins with /")
        names = {f"{name}:{self.port()}" for name in LOCAL}
        if self.port() == 80:  # which browsers leave out
            names |= set(LOCAL)
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if host not in names:
            raise RefusedError(421, "this server answers to 127.0.0.1 and localhost only; use the address it printed")
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").lower() not in {f"http://{name}" for name in names}:
            raise RefusedError(403, "another web page asked this server; only its own page may")
        site = headers.get(b"sec-fetch-site", b"none")
        where = (b"document", b"iframe") if self._in_a_frame(scope) else (b"document",)
        navigating = headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") in where
        of_the_page = not scope["path"].startswith(NO_PAGES)
        if site not in (b"none", b"same-origin") and not (scope["method"] == "GET" and navigating and of_the_page):
            raise RefusedError(403, "another web page asked this server; only its own page may")
        if scope["method"] not in READING and not hmac.compare_digest(headers.get(TOKEN, b""), self.token.encode()):
            raise RefusedError(403, "this request lacks the page's token; load the page again")
        self._check_length(scope, headers.get(b"content-length"))

    def _in_a_frame(self, scope: Scope) -> bool:
        """Whether a view is asked for with the key of frames."""
        if scope["method"] != "GET" or scope["path"].startswith(NO_PAGES):
            return False
        keys = parse_qs(scope["query_string"].decode("latin-1")).get("embed", [])
        return len(keys) == 1 and hmac.compare_digest(keys[0].encode(), self.frame_key.encode())

    def _check_length(self, scope: Scope, length: bytes | None) -> None:
        most = self._most(scope["path"])
        if length is not None and (not length.isdigit() or len(length) > 18 or int(length) > most):
            raise RefusedError(413, f"this request is larger than {_size(most)}, which is the most here")

    def _most(self, path: str) -> int:
        sizes = {"/api/images": self.limits.upload_bytes, "/api/camera": self.limits.frame_bytes}
        return sizes.get(path, self.limits.request_bytes)

    def _bounded(self, scope: Scope, receive: Receive, answering: Answering) -> Receive:
        """`receive` that raises where the body grows too large or arrives too slowly.

        The clock runs from when the body is first asked for. Once the answer has begun, a bad body ends the request.
        """
        most, seen, whole = self._most(scope["path"]), 0, False
        deadline: float | None = None

        async def receiving() -> Message:
            nonlocal seen, whole, deadline
            if whole:  # after the body there comes only the end of the connection
                return await receive()
            if deadline is None:
                deadline = asyncio.get_running_loop().time() + self.limits.request_seconds
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                return refused(408, f"the request did not arrive within {self.limits.request_seconds:g} seconds")
            seen += len(message.get("body", b""))
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            if seen > most:
                return refused(413, f"this request is larger than {_size(most)}, which is the most here")
            return message

        def refused(status: int, sentence: str) -> Message:
            if answering.started:
                return {"type": "http.disconnect"}
            raise RefusedError(status, sentence)

        return receiving


class Answering:
    """`send` with the headers of every answer, which knows whether the answer has begun."""

    def __init__(self, send: Send, in_a_frame: bool = False) -> None:
        self.send, self.started = send, False
        self.headers = HEADERS | IN_A_FRAME if in_a_frame else HEADERS

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            present = {name.lower() for name, _ in message["headers"]}
            added = [(k.encode(), v.encode()) for k, v in self.headers.items() if k.encode() not in present]
            message = {**message, "headers": [*message["headers"], *added]}
        await self.send(message)


def _once(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers by their names. Raises RefusedError where one that matters here comes twice: which is meant?"""
    names = [name for name, _ in headers]
    for name in ONCE:
        if names.count(name) > 1:
            raise RefusedError(400, f"the request has the header {name.decode()} more than once")
    return dict(headers)


def _size(bytes: int) -> str:
    return f"{bytes // MB} MB" if bytes >= MB else f"{bytes:,} bytes"


def body_of(refusal: RefusedError) -> bytes:
    """The refusal as JSON."""
    return json.dumps({"error": refusal.sentence}).encode()


async def answer(send: Send, refusal: RefusedError, *, close: bool = False) -> None:
    """Sends the refusal as the answer, with the headers of every answer."""
    body = body_of(refusal)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close")] if close else []
    send = send if isinstance(send, Answering) else Answering(send)
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
