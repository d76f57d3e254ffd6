"""`phosphene report`: the main job, a page about a photo and a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from . import terminal as show


def report(
    photo: options.PhotoWord = None,
    *,
    network: options.Spec = None,
    architecture: options.Architecture = None,
    weights: options.Weights = None,
    seed: options.Seed = 0,
    head: options.Head = None,
    device: options.Device = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            rich_help_panel=show.OUTPUT,
            help="Where to write: a folder, or a file that ends in .html.",
        ),
    ] = None,
    atlas: Annotated[
        str | None,
        typer.Option(
            "--atlas",
            metavar="ATLAS",
            help="An atlas of the network: each unit then shows its strongest patches there, and the photo the images "
            "most like it.",
        ),
    ] = None,
    open: Annotated[
        bool,
        typer.Option("--open", metavar="", rich_help_panel=show.OUTPUT, help="Open the page in the browser."),
    ] = False,
) -> None:
    """A page about what a network sees in a photo, as one HTML file that needs no other files."""
    photo_path = photo or options.shipped_photo()
    path = show.target(out, ("report", network, Path(photo_path).stem), photo_path, (".html", ".htm"))
    opened = options.open_photo(photo)
    opened_network = options.open_network(network, architecture, weights, seed, device, head)
    with show.working("writing the report"):
        from ..reporting import report as write

        written = write(opened_network, opened, path, atlas)
    show.print_path(Path(written), open)
