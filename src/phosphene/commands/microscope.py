"""`phosphene microscope`: the live page on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from . import terminal as show


def microscope(
    *,
    network: Annotated[
        list[str] | None,
        typer.Option(
            "--network",
            "-n",
            metavar="SPEC",
            rich_help_panel=options.NETWORK,
            autocompletion=options.complete_network,
            help="A network that the page offers, the first one at the start; may be given several times. "
            f"{options.EMBEDDED[0].upper()}{options.EMBEDDED[1:]} is always there.",
        ),
    ] = None,
    architecture: options.Architecture = None,
    weights: options.Weights = None,
    seed: options.Seed = 0,
    head: options.Head = None,
    device: options.Device = None,
    images: Annotated[
        Path | None, typer.Option("--images", metavar="FOLDER", help="A folder whose photos the page offers.")
    ] = None,
    atlas: Annotated[
        list[str] | None,
        typer.Option("--atlas", metavar="ATLAS", help="An atlas that the page shows; may be given several times."),
    ] = None,
    port: int = 0,
    open: bool = True,
) -> None:
    """A live page on this machine: what a network's units see in any photo, why it answers, what it would like to see.

    The page opens in the browser; its address is printed. Nobody but this machine can reach it. Ctrl-C ends it.
    --architecture, --weights and --head belong to the first network.

    - `port`: where the page is served; any free one if not given
    - `open`: open the page in the browser
    """
    with show.working("starting the microscope"):
        from ..microscope import microscope as serve

        handle = serve(_offered(network or [], architecture, weights, seed, head, device), images, atlas, port, False)
    try:
        print(handle.url, flush=True)
        show.note("the microscope runs; Ctrl-C ends it")
        if open:
            import webbrowser

            webbrowser.open(handle.url)
        handle.wait()
    except KeyboardInterrupt:
        pass
    finally:
        handle.stop()
    show.note("stopped")


def _offered(
    specs: list[str], architecture: str | None, weights: str | None, seed: int, head: str | None, device: str | None
) -> list[Any]:
    """The networks that the page offers. What the first one can't be is said now, not when the page is looked at."""
    if not specs:
        return [options.open_network(None, architecture, weights, seed, device, head)]
    first = options.open_network(specs[0], architecture, weights, seed, device, head)
    return [first, *({"spec": spec, "device": device} if device else {"spec": spec} for spec in specs[1:])]
