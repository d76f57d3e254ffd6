"""What a page is told while its jobs work: one stream of server-sent events for each page.

Events of one job that the page has not received yet are joined: a slow page gets the latest frame and never a queue of
old ones, so that what waits for it stays small. When a page has been gone for some seconds, its jobs end.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any

from ..picture import webp_uri
from .jobs import Job, Jobs
from .limits import Limits
from .refusals import RefusedError

CLIENT = re.compile(r"[A-Za-z0-9_-]{8,64}")


class Stream:
    """The events that wait to be sent on one connection, at most one of each job."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._something = asyncio.Event()
        self._closed = False

    def put(self, key: str, event: dict[str, Any]) -> None:
        """Adds an event; what waits of the same job is replaced, and a frame that this one lacks is taken over."""
        before = self._waiting.pop(key, {})
        if "frame" in before and "frame" not in event:
            event = {**event, "frame": before["frame"]}
        self._waiting[key] = event
        self._something.set()

    def close(self) -> None:
        """Ends the events."""
        self._closed = True
        self._something.set()

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """The events as they come, until it is closed."""
        while not self._closed:
            await self._something.wait()
            self._something.clear()
            while self._waiting and not self._closed:
                _, event = self._waiting.popitem(last=False)
                yield event


class Channel:
    """A page's streams: one, or two for a moment when it connects again, or when its tab was copied."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.left = time.monotonic()  # when its last stream ended

    def put(self, key: str, event: dict[str, Any]) -> None:
        """Adds an event to every stream."""
        for stream in self.streams:
            stream.put(key, event)


class Channels:
    """The channels of all pages. Made within the server's event loop; `tell` may be called from any thread."""

    def __init__(self, jobs: Jobs, limits: Limits) -> None:
        self.jobs, self.limits = jobs, limits
        self._channels: dict[str, Channel] = {}
        self._loop = asyncio.get_running_loop()
        self._framed: dict[str, float] = {}  # job -> when its last frame was sent

    def tell(self, job: Job) -> None:
        """Tells a job's page how it stands; called by the worker after each step."""
        if job.lane[1] == "quick":
            return  # who asked waits for the answer itself
        if job.client not in self._channels:
            self._framed.pop(job.id, None)
            return  # nobody looks, so that no frame is drawn
        event = state_of(job)
        now = time.monotonic()
        due = now - self._framed.get(job.id, 0.0) >= 1 / self.limits.frames_a_second
        if job.over:
            self._framed.pop(job.id, None)
        if job.latest is not None and callable(getattr(job.latest, "frame", None)) and (job.over or due):
            event["frame"] = webp_uri(job.latest.frame(), lossless=False)
            if not job.over:
                self._framed[job.id] = now
        self._call(lambda: self._put(job.client, job.id, event))

    def _put(self, client: str, key: str, event: dict[str, Any]) -> None:
        if client in self._channels:
            self._channels[client].put(key, event)

    def _call(self, function: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    def open(self, client: str) -> Channel:
        """The channel of a page. Raises RefusedError for a name that is none, and where too many are open."""
        if not CLIENT.fullmatch(client):
            raise RefusedError(422, "a page names itself by 8 to 64 letters and digits")
        if client not in self._channels:
            if len(self._channels) >= self.limits.clients:
                raise RefusedError(503, f"{self.limits.clients} pages are open already; close one and load this again")
            self._channels[client] = Channel()
        channel = self._channels[client]
        if len(channel.streams) >= self.limits.streams:
            raise RefusedError(429, f"this page receives its events {self.limits.streams} times already")
        return channel

    async def stream(self, client: str) -> AsyncIterator[dict[str, str]]:
        """The page's events as sse-starlette takes them, with how its jobs stand at the beginning."""
        channel, stream = self.open(client), Stream()
        channel.streams.append(stream)
        try:
            yield {"event": "open", "data": "{}"}
            for job in self.jobs.of(client):
                if job.lane[1] == "long":
                    yield _sent(state_of(job))
            async for event in stream.events():
                yield _sent(event)
        finally:
            channel.streams.remove(stream)
            channel.left = time.monotonic()

    def close(self) -> None:
        """Ends all streams."""
        for channel in self._channels.values():
            for stream in channel.streams:
                stream.close()

    async def sweep(self) -> None:
        """Ends the jobs of pages that are gone, until it is cancelled."""
        while True:
            await asyncio.sleep(min(1.0, self.limits.grace_seconds / 4))
            now = time.monotonic()
            for client, channel in list(self._channels.items()):
                if not channel.streams and now - channel.left > self.limits.grace_seconds:
                    del self._channels[client]
                    self.jobs.leave(client)


def state_of(job: Job) -> dict[str, Any]:
    """How a job stands, as JSON."""
    latest = job.latest
    return {
        "job": job.id,
        "title": job.title,
        "state": job.state,
        "step": getattr(latest, "step", job.steps_taken),
        "steps": getattr(latest, "steps", None),
        "progress": getattr(latest, "progress", ""),
        "refusal": None if job.refusal is None else job.refusal.sentence,
    }


def _sent(event: dict[str, Any]) -> dict[str, str]:
    return {"event": "job", "data": json.dumps(event, ensure_ascii=False, separators=(",", ":"))}
