"""Instruments: any of them as a picture, a sheet or numbers under a URL, and as a job whose steps are sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...instrument import Result
from ..answers import KINDS
from ..asking import drawing, question
from ..events import state_of
from ..refusals import RefusedError, refusal_of
from ..service import Microscope, page_of
from .answering import bytes_response, json_response, microscope_of, several, text

OWN = ("theme",)  # a parameter of every picture, not of the instrument


async def instrument(request: Request) -> Response:
    """An instrument's answer; the path's suffix says in which form."""
    microscope = microscope_of(request)
    name, _, format = request.path_params["name"].rpartition(".")
    if format not in KINDS:
        raise RefusedError(404, f"there is no form .{format}; ask for .{', .'.join(KINDS)}")
    theme = text(request, "theme") or ("auto" if format == "svg" else "light")
    asked = question(name, several(request, OWN))
    encoded = await microscope.encoded(request, asked, format, theme)
    return bytes_response(request, encoded.data, encoded.media)


async def start(request: Request) -> Response:
    """Starts a job: {"instrument": name, "options": {name: text or texts}}; its steps come with the page's events."""
    microscope = microscope_of(request)
    name, options = _asked(await request.body())
    asked = question(name, options)

    def work() -> Iterator[Any]:
        yield from microscope.answers.steps(asked, microscope.answers.key(asked))

    job = microscope.start(page_of(request), asked, work)
    return json_response({"job": job.id, "before": microscope.jobs.place(job)}, status=201)


def _asked(body: bytes) -> tuple[str, Mapping[str, Sequence[str]]]:
    form = 'send {"instrument": NAME, "options": {NAME: TEXT or [TEXT, …]}}'
    try:
        asked = json.loads(body)
        name, options = asked["instrument"], asked.get("options", {})
        texts = {str(key): [value] if isinstance(value, str) else list(value) for key, value in options.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise RefusedError(422, f"the job can't be read; {form}") from None
    if not isinstance(name, str) or not all(isinstance(each, str) for values in texts.values() for each in values):
        raise RefusedError(422, f"the job can't be read; {form}")
    return name, texts


async def jobs(request: Request) -> Response:
    """The page's jobs and how they stand."""
    microscope = microscope_of(request)
    return json_response({"jobs": [_about(microscope, job.id) for job in microscope.jobs.of(page_of(request))]})


async def job(request: Request) -> Response:
    """How a job stands."""
    return json_response(_about(microscope_of(request), request.path_params["id"]))


def _about(microscope: Microscope, id: str) -> dict[str, Any]:
    job = microscope.jobs[id]
    return {**state_of(job), "before": microscope.jobs.place(job)}


async def stop(request: Request) -> Response:
    """Ends a job before its next step; what it has is kept."""
    microscope = microscope_of(request)
    job = microscope.jobs[request.path_params["id"]]
    microscope.jobs.stop(job)
    return json_response(state_of(job))


async def result(request: Request) -> Response:
    """What a job has so far, in the form that the path's suffix says; parameters are options of its picture."""
    microscope, format = microscope_of(request), request.path_params["format"]
    job = microscope.jobs[request.path_params["id"]]
    if format not in KINDS:
        raise RefusedError(404, f"there is no form .{format}; ask for .{', .'.join(KINDS)}")
    if job.refusal is not None:
        raise job.refusal
    latest = job.latest
    if latest is None:
        raise RefusedError(409, "this job has no result yet; ask again when its first step is done")
    if not isinstance(latest, Result):
        raise RefusedError(404, f"this job ({job.title}) has no result that can be drawn")
    options = drawing(job.title, several(request, OWN))
    theme = text(request, "theme") or ("auto" if format == "svg" else "light")
    try:
        encoded = await asyncio.to_thread(microscope.answers.encoded, latest, None, format, theme, options)
    except Exception as error:
        raise refusal_of(error) from error
    return bytes_response(request, encoded.data, encoded.media)


routes = [
    Route("/api/jobs", start, methods=["POST"]),
    Route("/api/jobs", jobs, methods=["GET"]),
    Route("/api/jobs/{id}", job, methods=["GET"]),
    Route("/api/jobs/{id}", stop, methods=["DELETE"]),
    Route("/api/jobs/{id}/result.{format}", result),
    Route("/api/run/{name}", instrument),
]
