"""`phosphene look`: what the network takes a photo for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import options
from . import terminal as show

if TYPE_CHECKING:
    from ..network import Guess, Network
    from ..picture import Photo

BAR = 28  # characters of the longest bar
EIGHTHS = " ▏▎▍▌▋▊▉"


def look(
    photo: options.PhotoWord = None,
    layer: options.LayerWord = None,
    *,
    classes: int = 5,
    network: options.Spec = None,
    architecture: options.Architecture = None,
    weights: options.Weights = None,
    seed: options.Seed = 0,
    head: options.Head = None,
    device: options.Device = None,
    out: show.Out = None,
    theme: show.Theme = show.ThemeName.light,
    scale: show.Scale = None,
    json: show.Json = False,
    open: show.Open = False,
) -> None:
    """Lists the network's best classes for a photo and, with a layer, the layer's strongest units.

    With a layer, it also draws the strongest units and the parts of the photo that they see.

    - `classes`: how many classes to list
    """
    if classes < 1:
        raise ValueError(f"--classes is at least 1, not {classes}")
    layer, photo = options.sorted_words((layer, photo), needs_layer=False)
    if layer is None and (out is not None or open):
        raise ValueError("without a layer there is no picture to write; name one: phosphene look PHOTO LAYER")
    path = None
    if layer is not None and (out is not None or not json):
        photo_path = photo or options.shipped_photo()
        path = show.target(out, ("look", network, layer, Path(photo_path).stem), photo_path)
        show.check_saving(path, theme, scale)
    opened = options.open_photo(photo)
    opened_network = options.open_network(network, architecture, weights, seed, device, head)
    if layer is not None:
        options.check_layer(opened_network, layer)
    with show.working("looking"):
        guesses: Any = opened_network.classify(opened, classes)
    answer: dict[str, Any] = {
        "network": opened_network.name,
        "photo": opened.name,
        "classes": [guess._asdict() for guess in guesses],
    }
    if not json:
        _print(opened_network, opened, guesses)
    if layer is not None:
        with show.working(f"the strongest units of {layer}"):
            from ..inspection import strongest

            units = strongest(opened_network, opened, layer)
        answer["strongest"] = units.to_dict()
        if path is not None:
            show.save(units.picture(), path, theme, scale, open, quiet=json)
    if json:
        show.print_json(answer)


def _print(network: Network, photo: Photo, guesses: list[Guess]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=Text(f"{photo.name}, seen by {network.name}"), title_justify="left")
    table.add_column("class", no_wrap=True)
    table.add_column("probability", justify="right")
    table.add_column("")
    table.add_column("score", justify="right", style="dim")
    for rank, guess in enumerate(guesses):
        style = "bold" if rank == 0 else ""
        table.add_row(
            Text(f"{guess.label} ({guess.index})", style=style),
            f"{guess.probability:.1%}",
            Text(bar(guess.probability), style="magenta"),
            f"{guess.score:.2f}",
        )
    show.stdout().print(table)


def bar(share: float) -> str:
    """A bar of up to BAR characters for a share in [0, 1], exact to an eighth of a character."""
    eighths = round(share * BAR * 8)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()) or "▏"
