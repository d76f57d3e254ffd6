"""`phosphene locate`: where a class is in a photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import options, show

if TYPE_CHECKING:
    from ..attribution.location.locate import Located


def locate(
    photo: options.PhotoWord = None,
    *,
    target: list[str] | None = None,
    classes: options.ClassNames = None,
    method: str | None = None,
    threshold: float = 0.2,
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
    """Where a class is in a photo: a box round the strongest part of its map.

    Prints the class, its score and the box (left, top, right, bottom, in the photo's pixels), and writes a picture.

    - `target`: a class or unit, such as 'logits:goose'; if not given, the photo's best class
    - `method`: which map the box is read from, such as cam, grad_cam or layer_cam:layer=blocks.4; if not given, cam
      where the network allows it, and grad_cam where not
    - `threshold`: a pixel belongs to the class if its number is at least this share of the map's largest
    """
    shown = photo or options.shipped_photo()
    path = None
    if out is not None or not json:
        path = show.target(out, ("locate", network, Path(shown).stem), shown)
        show.check_saving(path, theme, scale)
    opened = options.open_photo(photo)
    found = options.open_network(network, architecture, weights, seed, device, head)
    with show.working("locating"):
        from ..attribution import locate as located

        asked = options.target_of(target, classes)
        result = located(found, opened, asked, method=method, threshold=threshold)
    if json:
        show.print_json(result.to_dict())
    else:
        _print(result)
    if path is not None:
        show.save(result.picture(), path, theme, scale, open, quiet=json)


def _print(result: Located) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=Text(f"{result.map.names}, seen by {result.map.network}"))
    table.title_justify = "left"
    table.add_column("class", no_wrap=True)
    for name in ("score", "left", "top", "right", "bottom"):
        table.add_column(name, justify="right")
    table.add_column("by", style="dim")
    for target, score, edges in zip(result.map.targets, result.map.scores, result.boxes, strict=True):
        table.add_row(Text(target), f"{float(score):.2f}", *map(str, edges), Text(result.map.method))
    show.stdout().print(table)
