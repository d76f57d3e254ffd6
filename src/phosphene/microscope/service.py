"""A microscope at work: its library, its queue, its answers, and how a request waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
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

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.limits, self._tell)
        self.answers = Answers(self.library, Disk(self.cache / "answers", self.limits.stored_bytes), self.limits)
        self.maps = Memory(self.limits.values_bytes, lambda maps: maps.nbytes)

    def _tell(self, job: Job) -> None:
        if self.channels is not None:
            self.channels.tell(job)

    # ---- waiting

    async def answered(
        self, request: Request, title: str, ask: Callable[[], Any], network: str | None = None, lane: Lane = "quick"
    ) -> Any:
        """What `ask` gives, called in the queue of the network's device; not called once the asker is gone."""
        device = self.library.networks.device(network)
        job = self.jobs.answer(page_of(request), title, ask, device=device, lane=lane)
        return await self.waited(request, job)

    async def waited(self, request: Request, job: Job) -> Any:
        """The value of a job, which ends where whoever asked for it goes away."""
        waiting = asyncio.wrap_future(job.future)
        try:
            while True:
                done, _ = await asyncio.wait([waiting], timeout=0.5)
                if done:
                    return waiting.result()
                if await request.is_disconnected():
                    self.jobs.stop(job)
                    raise RefusedError(499, "whoever asked has gone")
        except asyncio.CancelledError:
            self.jobs.stop(job)
            raise

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

        job = self.start(page_of(request), question, work)
        return await self.waited(request, job)

    def start(self, client: str, question: Question, work: Callable[[], Iterator[Any]]) -> Job:
        """A question's work in the queue of its network's device."""
        names = question.network_names
        device = self.library.networks.device(names[0] if names else None) if question.asks_a_network else "cpu"
        return self.jobs.start(client, question.name, work, device=device)

    def close(self) -> None:
        """Ends all work."""
        self.jobs.close()


def page_of(request: Request) -> str:
    """The page that asks, as it names itself; scripts share one name."""
    page = request.headers.get(PAGE) or request.query_params.get("page") or SCRIPT
    if not CLIENT.fullmatch(page):
        raise RefusedError(422, "a page names itself by 8 to 64 letters and digits")
    return page
