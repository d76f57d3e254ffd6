"""What commands show: spinners and notes on stderr, tables and JSON on stdout, pictures in files."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from ..picture import PICTURE_SUFFIXES, Picture, Table

OUTPUT = "Output"
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        rich_help_panel=OUTPUT,
        help="Where to write: a folder, or a file that ends in .png, .webp, .jpg or .svg.",
    ),
]
PageOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE|FOLDER",
        rich_help_panel=OUTPUT,
        help="Where to write: a file that ends in .png, .webp, .jpg or .svg, a folder that is there, for a picture in "
        "it, or a new name without an ending, which becomes a folder with a page to zoom into. A page that is there "
        "is written anew.",
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(
        "--scale",
        metavar="NUMBER",
        rich_help_panel=OUTPUT,
        help="Pixels for each unit of the drawing; if not given, 2 for drawings with type and 1 for bare pixels.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", metavar="", rich_help_panel=OUTPUT, help="Print the numbers as JSON instead.")
]
Open = Annotated[
    bool, typer.Option("--open", metavar="", rich_help_panel=OUTPUT, help="Open the file with the desktop's viewer.")
]


class ThemeName(StrEnum):
    """A picture's colours; only SVG can be `auto`, which follows the reader's setting."""

    light = "light"
    dark = "dark"
    auto = "auto"


Theme = Annotated[
    ThemeName,
    typer.Option(
        "--theme", rich_help_panel=OUTPUT, help="The picture's colours; auto, for .svg only, follows the reader's."
    ),
]


def stderr() -> Console:
    return Console(stderr=True, highlight=False)


def stdout() -> Console:
    """The terminal, or as wide as needed where a file or a program reads."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=1000, soft_wrap=True)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A spinner on stderr while something takes its time; nothing where no person watches."""
    console = stderr()
    if not console.is_terminal:
        yield
        return
    with console.status(Text(f"{what} …"), spinner="dots"):
        yield


def note(text: str) -> None:
    """A word on the side, for people."""
    stderr().print(Text(text, style="dim"), soft_wrap=True)


def print_json(value: Any) -> None:
    """The value as JSON, and nothing else, on stdout; numbers that are not finite become null."""
    sys.stdout.write(json.dumps(_finite(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_table(table: Table) -> None:
    """The table on stdout, columns of numbers set right."""
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, title=Text(table.heading) if table.heading else None, title_justify="left")
    for index, name in enumerate(table.header):
        numbers = index and any(str(row[index]).lstrip("-−")[:1].isdigit() for row in table.rows)
        grid.add_column(name, no_wrap=True, justify="right" if numbers else "left")
    for row in table.rows:
        grid.add_row(*(Text(str(cell)) for cell in row))
    stdout().print(grid)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, (list, tuple)) else value


def target(
    out: Path | None, parts: Sequence[str | None], photo: str | None = None, suffixes: Sequence[str] = PICTURE_SUFFIXES
) -> Path:
    """Where to write: `out`, or a name made of `parts` in the folder `out` or here. Checked before anything is run.

    Raises ValueError for another suffix, or for the photo itself; FileNotFoundError for a folder that is not there.
    """
    words = [re.sub(r"[^\w.@+-]+", "_", part).strip("._") for part in parts if part]
    name = "-".join(filter(None, words)).encode()[:200].decode(errors="ignore") + suffixes[0]
    path = Path(name) if out is None else out / name if out.is_dir() else out
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"'{path}' can't be written: its name must end in {', '.join(suffixes)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder '{path.parent}' to write '{path.name}' in; make it first")
    if photo is not None and path.exists() and os.path.exists(photo) and path.samefile(photo):
        raise ValueError(f"'{path}' is the photo itself; choose another name with --out")
    return path


def is_page(out: Path | None) -> bool:
    """Whether `out` is a folder's name for a page to zoom into: a new one without an ending, or one that holds such.

    Raises FileNotFoundError where the folder that it is to be made in is not there.
    """
    if out is None or out.exists():
        from ..atlas.zoom.pyramid import holds

        return out is not None and holds(out)
    if not out.suffix and not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder '{out.parent}' to make '{out.name}' in; make it first")
    return not out.suffix


def check_saving(path: Path, theme: ThemeName, scale: float | None) -> None:
    """ValueError for what `save` would refuse at the end."""
    if theme is ThemeName.auto and path.suffix.lower() != ".svg":
        raise ValueError(f"the theme 'auto' is for .svg only, and '{path}' is none; light and dark are for all")
    if scale is not None and not 0 < scale < math.inf:
        raise ValueError(f"a scale is a number above 0, not {scale:g}")


def save(
    picture: Picture, path: Path, theme: ThemeName, scale: float | None, show: bool, *, quiet: bool = False
) -> None:
    """Writes the picture and says where, unless `quiet`; opens it where asked."""
    check_saving(path, theme, scale)
    with working(f"writing {path}"):
        picture.save(path, theme.value, scale)
    if not quiet and stderr().is_terminal:
        note(picture.caption)
    print_path(path, show, quiet=quiet)


def print_path(path: Path, show: bool, *, quiet: bool = False) -> None:
    """The path on stdout; opens the file where asked."""
    if not quiet:
        typer.echo(path)
    if show and typer.launch(str(path)) != 0:
        note(f"no viewer could be started for {path}")
