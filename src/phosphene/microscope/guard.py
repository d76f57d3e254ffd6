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

from .limits import MB, Limits
from .refusals import RefusedError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LOCAL = ("127.0.0.1", "localhost", "[::1]")
READING = ("GET", "HEAD")
TOKEN = b"x-phosphene-token"
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


class Guard:
    """The outermost layer of the server: refuses what may not come in, and bounds what may."""

    def __init__(self, app: Any, limits: Limits, port: Callable[[], int]) -> None:
        self.app, self.limits, self.port = app, limits, port
        self.token = secrets.token_urlsafe(24)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # there is none here
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name.lower() for name, _ in message["headers"]}
                added = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in present]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        try:
            self.check(scope)
            await self.app(scope, self._bounded(scope, receive), sending)
        except RefusedError as refusal:
            if started:
                raise
            await _answer(sending, refusal)

    def check(self, scope: Scope) -> None:
        """Raises RefusedError for a request that may not come in."""
        headers = dict(scope["headers"])
        names = {f"{name}:{self.port()}" for name in LOCAL}
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if host not in names:
            raise RefusedError(421, "this server answers to 127.0.0.1 and localhost only; use the address it printed")
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").lower() not in {f"http://{name}" for name in names}:
            raise RefusedError(403, "another web page asked this server; only its own page may")
        site = headers.get(b"sec-fetch-site", b"none")
        navigating = headers.get(b"sec-fetch-mode") == b"navigate" and not scope["path"].startswith("/api/")
        if site not in (b"none", b"same-origin") and not (scope["method"] == "GET" and navigating):
            raise RefusedError(403, "another web page asked this server; only its own page may")
        if scope["method"] not in READING and not hmac.compare_digest(headers.get(TOKEN, b""), self.token.encode()):
            raise RefusedError(403, "this request lacks the page's token; load the page again")
        self._check_length(scope, headers.get(b"content-length"))

    def _check_length(self, scope: Scope, length: bytes | None) -> None:
        most = self._most(scope["path"])
        if length is not None and (not length.isdigit() or int(length) > most):
            raise RefusedError(413, f"this request is larger than {_size(most)}, which is the most here")

    def _most(self, path: str) -> int:
        sizes = {"/api/images": self.limits.upload_bytes, "/api/camera": self.limits.frame_bytes}
        return sizes.get(path, self.limits.request_bytes)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """`receive` that raises where the body grows too large or arrives too slowly."""
        most, seen, whole = self._most(scope["path"]), 0, False
        deadline = asyncio.get_running_loop().time() + self.limits.request_seconds

        async def receiving() -> Message:
            nonlocal seen, whole
            if whole:  # after the body there comes only the end of the connection
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                seconds = f"{self.limits.request_seconds:g}"
                raise RefusedError(408, f"the request did not arrive within {seconds} seconds; send it again") from None
            seen += len(message.get("body", b""))
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            if seen > most:
                raise RefusedError(413, f"this request is larger than {_size(most)}, which is the most here")
            return message

        return receiving


def _size(bytes: int) -> str:
    return f"{bytes // MB} MB" if bytes >= MB else f"{bytes:,} bytes"


async def _answer(send: Send, refusal: RefusedError) -> None:
    body = json.dumps({"error": refusal.sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
