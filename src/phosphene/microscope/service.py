"""A microscope at work: its library, its queue, its answers, and how a request waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.requests import Request

from .answers import Answers, Encoded, named
from .asking import Question
from .events import CLIENT, Channels
from .guard import Guard
from .jobs import Job, Jobs, Lane
from .library import Library
from .limits import Limits
from .refusals import RefusedError, refusal_of
from .stored import Disk, Memory, key_of
from .values import Maps, maps_of

PAGE = "x-phosphene-page"  # the header in which a page names itself
SCRIPT = "script----"  # whoever asks without being a page


@dataclass(eq=False)
class Microscope:
    """Everything that the routes share."""

    library: Library
    limits: Limits
    cache: Path
    jobs: Jobs = field(init=False)
    answers: Answers = field(init=False)
    maps: Memory[Maps] = field(init=False)
    channels: Channels | None = None  # once the server runs
    guard: Guard | None = None
    _at_work: dict[str, Job] = field(default_factory=dict)  # jobs that requests wait for, by what they answer

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.limits, self._tell)
        self.library.results = lambda id: self.jobs[id].latest
        self.answers = Answers(self.library, Disk(self.cache / "answers", self.limits.stored_bytes), self.limits)
        self.maps = Memory(self.limits.values_bytes)

        self._bodies = asyncio.Semaphore(self.limits.bodies)

    def _tell(self, job: Job) -> None:
        if self.channels is not None:
            self.channels.tell(job)

    # ---- waiting

    async def answered(
        self, request: Request, title: str, ask: Callable[[], Any], network: str | None = None, lane: Lane = "quick"
    ) -> Any:
        """What `ask` gives, called in the queue of the network's device; not called once the asker is gone."""
        device = self.library.networks.device(network)

        def start(client: str) -> Job:
            return self.jobs.answer(client, title, ask, device=device, lane=lane)

        if request.method != "GET":  # what its body asks is nobody else's question
            return await self.waited(request, start(page_of(request)))
        return await self.shared(request, key_of(request.url.path, several(request)), start)

    async def shared(self, request: Request, key: str, start: Callable[[str], Job]) -> Any:
        """The value of the job that answers `key`: of the one that is at work already, or of a new one.

        Where another page stops it, it is started anew for the one that still waits.
        """
        client = page_of(request)
        while True:
            job = self._at_work.get(key)
            if job is None or job.over or job.stopping:
                job = self._at_work[key] = start(client)
            try:
                return await self.waited(request, job)
            except RefusedError:
                if job.state != "stopped" or job.client == client or self.jobs.closed:
                    raise
            finally:
                if not job.waiting and self._at_work.get(key) is job:
                    del self._at_work[key]

    async def waited(self, request: Request, job: Job) -> Any:
        """The value of a job, which ends where the last of those who wait for it goes away."""
        waiting = asyncio.wrap_future(job.future)
        waiting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody may be left to ask
        job.waiting += 1
        try:
            while True:
                done, _ = await asyncio.wait([waiting], timeout=0.5)
                if done:
                    return waiting.result()
                if await request.is_disconnected():
                    raise RefusedError(499, "whoever asked has gone")
        finally:
            job.waiting -= 1
            if not job.waiting and not job.over:
                self.jobs.stop(job)

    async def body(self, request: Request) -> bytes:
        """A large body. So many are received at once as memory has room for; the others wait, and their senders too."""
        try:
            async with asyncio.timeout(self.limits.request_seconds):
                await self._bodies.acquire()
        except TimeoutError:
            raise RefusedError(503, "too many images are sent to this microscope at once; send it again") from None
        try:
            return await request.body()
        finally:
            self._bodies.release()

    # ---- values of layers

    def maps_of(self, network: str | None, image: str | None, layers: list[str]) -> dict[str, Maps]:
        """The maps of layers on an image; what is not in memory is computed in one pass."""
        opened, photo = self.library.networks.open(network), self.library.photo(image)
        keys = {
            layer: key_of(opened.fingerprint, opened.preprocessing.to_dict(), photo.sha256, layer) for layer in layers
        }
        held = {layer: self.maps.get(key) for layer, key in keys.items()}
        missing = [layer for layer, maps in held.items() if maps is None]
        if missing:
            for layer, maps in maps_of(opened, photo, missing).items():
                self.maps.put(keys[layer], maps)
                held[layer] = maps
        return {layer: maps for layer, maps in held.items() if maps is not None}

    # ---- instruments

    async def encoded(self, request: Request, question: Question, format: str, theme: str) -> Encoded:
        """The answer to a question in a format: remembered, or computed in the queue."""
        try:
            key = await asyncio.to_thread(self.answers.key, question)
            drawing = question.options()
        except RefusedError:
            raise
        except Exception as error:
            raise refusal_of(error) from error
        remembered = await asyncio.to_thread(self.answers.remembered, key, named(format, theme), drawing)
        if remembered is not None:
            return remembered

        def work() -> Iterator[Any]:
            result = None
            for result in self.answers.steps(question, key):
                yield result
            yield self.answers.encoded(result, key, format, theme, drawing)  # type: ignore[arg-type]

        def start(client: str) -> Job:
            return self.start(client, question, work, remembered=False)

        return await self.shared(request, key_of(key, format, theme, drawing), start)

    def start(
        self, client: str, question: Question, work: Callable[[], Iterator[Any]], *, remembered: bool = True
    ) -> Job:
        """A question's work in the queue of its network's device."""
        names = question.network_names
        device = self.library.networks.device(names[0] if names else None) if question.asks_a_network else "cpu"
        return self.jobs.start(client, question.name, work, device=device, remembered=remembered)

    def end(self) -> None:
        """Ends all work and all events, without waiting for it; called in the server's loop."""
        self.jobs.end()
        if self.channels is not None:
            self.channels.close()

    def close(self) -> None:
        """Ends all work, and waits until it has ended."""
        self.jobs.close()


def several(request: Request, without: Sequence[str] = ()) -> Mapping[str, list[str]]:
    """All parameters of a request, each with its values, but for some."""
    query = request.query_params
    return {name: query.getlist(name) for name in query if name not in without}


def page_of(request: Request, named: str | None = None) -> str:
    """The page that asks, as it names itself in a header, or else as `named`; scripts share one name.

    The address does not name it: there `page` is an option of pictures, such as the second page of maps.
    """
    page = request.headers.get(PAGE) or named or SCRIPT
    if not CLIENT.fullmatch(page):
        raise RefusedError(422, "a page names itself by 8 to 64 letters and digits")
    return page
