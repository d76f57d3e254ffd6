"""`phosphene layers`: what a network computes, in order."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from ..picture import counted
from . import options
from . import terminal as show
from .from_form.command import converted


def layers(
    spec: options.SpecWord = None,
    *,
    depth: int | None = None,
    match: str | None = None,
    size: int | tuple[int, int] | None = None,
    network: options.Spec = None,
    architecture: options.Architecture = None,
    weights: options.Weights = None,
    seed: options.Seed = 0,
    head: options.Head = None,
    device: options.Device = None,
    json: show.Json = False,
) -> None:
    """Lists every value that a network computes: its name, kind, shape, receptive field, parameters and operations.

    A multiply-add counts as two operations. Parameters of a block include those of its parts.

    - `depth`: list only layers at most this deep in the modules; 1 lists the outermost
    - `match`: list only names that match: a glob such as 'blocks.*.conv*', or a part of the name
    - `size`: the input's size, 224 or 224x320 (height first); the network's usual one if not given
    """
    from ..instrument.kinds import kind_of

    input_size: Any = converted("size", kind_of(int | tuple[int, int]), size)
    opened = options.open_network(options.one_spec(spec, network), architecture, weights, seed, device, head)
    with show.working("surveying"):
        every = opened.layers(input_size)
    matching = [
        layer
        for layer in every
        if (depth is None or layer.depth <= depth) and (not match or matches(layer.name, match))
    ]
    if not matching:
        wanted = " and ".join([f"like '{match}'"] * (match is not None) + [f"of depth {depth}"] * (depth is not None))
        raise LookupError(f"{opened.name} has {len(every)} layers, none {wanted}")
    if json:
        show.print_json([_as_dict(layer) for layer in matching])
        return
    _print(opened, opened.survey(input_size).size, matching, every)


def matches(name: str, pattern: str) -> bool:
    """Whether a name is like a glob, or holds a text."""
    return fnmatchcase(name, pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*")


def _as_dict(layer: Any) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": list(layer.shape),
        "receptive_field": str(layer.field),
        "parameters": layer.parameters,
        "operations": layer.operations,
        "depth": layer.depth,
    }


def _print(network: Any, size: tuple[int, int], rows: list[Any], every: list[Any]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    title = Text(f"{network.name} on {size[0]} × {size[1]} pixels")
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("layer", overflow="fold", style="bold")
    table.add_column("kind", overflow="fold")
    table.add_column("shape", justify="right")
    table.add_column("receptive field")
    table.add_column("parameters", justify="right")
    table.add_column("operations", justify="right")
    for layer in rows:
        table.add_row(
            Text(layer.name),
            layer.kind,
            " × ".join(map(str, layer.shape)),
            str(layer.field),
            f"{layer.parameters:,}" if layer.parameters else "",
            f"{layer.operations:,}" if layer.operations else "",
        )
    show.stdout().print(table)
    every_count = counted(len(every), "layer")
    count = every_count if len(rows) == len(every) else f"{len(rows)} of {every_count}"
    total = sum(tensor.numel() for tensor in network.module.parameters())
    show.note(f"{count} · {total:,} parameters in all")
