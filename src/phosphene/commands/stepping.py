"""Long instruments on the command line: a bar that shows the objective, a film, and Ctrl-C that keeps what stands."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from . import terminal as show

Film = Annotated[
    Path | None,
    typer.Option(
        "--film",
        metavar="FILE",
        rich_help_panel=show.OUTPUT,
        help="Also write a film of the steps, as .mp4, .webp or .gif.",
    ),
]
SECONDS, PER_SECOND = 8, 24
LINE_EVERY_S = 30.0  # between two lines where no person watches


def check_film(path: Path | None) -> None:
    """ValueError or FileNotFoundError for a film that could not be written at the end."""
    if path is None:
        return
    from ..picture.film import FILM_SUFFIXES

    show.target(path, (), suffixes=FILM_SUFFIXES)


def last_result(function: Any, arguments: Mapping[str, Any], film: Path | None) -> Any:
    """The instrument's last result; after Ctrl-C the one that stands. Writes the film where one is asked for."""
    frames: list[Any] = []
    result = None
    try:
        for result in followed(function.steps(**arguments), function.__name__):
            if film is not None and _is_shown(result.step, result.steps):
                frames.append(result.frame())
    except KeyboardInterrupt:
        if result is None:
            raise
        many = f" of {result.steps}" if result.steps else ""
        show.note(f"stopped after step {result.step}{many}; what stands is kept")
    if film is not None and result is not None:
        from ..picture.film import write_film

        if not _is_shown(result.step, result.steps):
            frames.append(result.frame())
        with show.working(f"writing {film}"):
            show.print_path(write_film(film, frames, PER_SECOND), False)
    return result


def _is_shown(step: int, steps: int) -> bool:
    """Whether a step is one of the film's frames, which are spread evenly over the steps."""
    return (step * SECONDS * PER_SECOND) // steps > ((step - 1) * SECONDS * PER_SECOND) // steps


def followed(steps: Iterable[Any], what: str) -> Iterator[Any]:
    """The steps of long work (`instrument.stepping.Step`), with a bar on stderr where a person watches.

    Elsewhere a line says from time to time how far it is and how long it will take.
    """
    console = show.stderr()
    if not console.is_terminal:
        yield from _with_lines(steps, what)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"{what} …", total=None)
        before = 0
        for step in steps:
            if step.step < before:  # another part of the work
                bar.reset(task)
            before = step.step
            progress = Text(step.progress)
            progress.truncate(max(20, console.width - 45), overflow="ellipsis")
            bar.update(task, completed=step.step, total=step.steps, description=progress.markup)
            yield step


def _with_lines(steps: Iterable[Any], what: str) -> Iterator[Any]:
    begun = last = time.monotonic()
    for step in steps:
        now = time.monotonic()
        if now - last >= LINE_EVERY_S and step.step:
            last = now
            many = f" of {step.steps:,}" if step.steps else ""
            left = (now - begun) / step.step * (step.steps - step.step) if step.steps else 0
            show.note(f"{what}: step {step.step:,}{many}" + (f", about {_in_words(left)} left" if left else ""))
        yield step


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
