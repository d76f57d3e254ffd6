"""Long instruments on the command line: a bar that shows the objective, a film, and Ctrl-C that keeps what stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from . import show

Film = Annotated[
    Path | None,
    typer.Option(
        "--film",
        metavar="FILE",
        rich_help_panel=show.OUTPUT,
        help="Also write a film of how it comes about, as .mp4, .webp or .gif.",
    ),
]
SECONDS, PER_SECOND = 8, 24


def check_film(path: Path | None) -> None:
    """ValueError or FileNotFoundError for a film that could not be written at the end."""
    if path is None:
        return
    from ..picture.film import FILM_SUFFIXES

    show.target(path, (), suffixes=FILM_SUFFIXES)


def taken(function: Any, arguments: Mapping[str, Any], film: Path | None) -> Any:
    """The instrument's last result; after Ctrl-C the one that stands. Writes the film where one is asked for."""
    frames: list[Any] = []
    found = None
    try:
        for found in _with_bar(function.steps(**arguments), function.__name__):
            if film is not None and _is_shown(found.step, found.steps):
                frames.append(found.frame())
    except KeyboardInterrupt:
        if found is None:
            raise
        show.note(f"stopped after step {found.step} of {found.steps}; what stands is kept")
    if film is not None and found is not None:
        from ..picture.film import write_film

        if not _is_shown(found.step, found.steps):
            frames.append(found.frame())
        with show.working(f"writing {film}"):
            show.told(write_film(film, frames, PER_SECOND), False)
    return found


def _is_shown(step: int, steps: int) -> bool:
    """Whether a step is one of the film's frames, which are spread evenly over the steps."""
    return (step * SECONDS * PER_SECOND) // steps > ((step - 1) * SECONDS * PER_SECOND) // steps


def _with_bar(results: Iterator[Any], what: str) -> Iterator[Any]:
    """The results, with a bar on stderr where a person watches."""
    console = show.stderr()
    if not console.is_terminal:
        yield from results
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"{what} …", total=None)
        for result in results:
            told = Text(result.progress)
            told.truncate(max(20, console.width - 45), overflow="ellipsis")
            bar.update(task, completed=result.step, total=result.steps, description=told.markup)
            yield result
