"""`phosphene networks`: what can be opened by name."""

from __future__ import annotations

from typing import Annotated

import typer

from . import terminal as show

COMPARE = "compare"  # the word that makes it the command compare-networks


def complete_kind(incomplete: str) -> list[str]:
    """The kinds of networks, and the word that compares some."""
    return [word for word in ("embedded", "torchvision", "timm", COMPARE) if word.startswith(incomplete)]


def networks(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="Only these: embedded, torchvision or timm.",
            autocompletion=complete_kind,
            show_default=False,
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="PATTERN",
            help="Only names like this: a glob such as 'resnet*', or a text in it.",
            show_default=False,
        ),
    ] = None,
    *,
    here: bool = False,
    json: show.Json = False,
) -> None:
    """Lists the networks that you can open by name, and marks those whose weights are on this machine.

    'phosphene networks compare A B … --images FOLDER' compares networks on the same images.

    Files are opened by their path: weights (with --architecture), .onnx, .pt2, and a folder that save_pretrained wrote.

    - `here`: list only networks whose weights are on this machine
    """
    with show.working("listing"):
        from ..network.opening.listing import KINDS, names

        if kind is not None and kind not in KINDS and pattern is None:
            kind, pattern = None, kind
        matching = [listed for listed in names(kind, pattern) if listed.here or not here]
    if not matching:
        pattern_text = f"'{pattern}'" if pattern else "that kind"
        where = f" of kind '{kind}'" if kind else ""
        which = " with weights on this machine" if here else ""
        raise LookupError(f"no network{where}{which} is like {pattern_text}; the kinds are {', '.join(KINDS)}")
    if json:
        show.print_json([{"spec": listed.spec, "kind": listed.kind, "here": listed.here} for listed in matching])
        return
    from rich.text import Text

    console = show.stdout()
    widest = max(len(listed.spec) for listed in matching)
    for listed in matching:
        if listed.here:
            console.print(Text.assemble((listed.spec.ljust(widest), "bold"), ("  on this machine", "green")))
        else:
            console.print(Text(listed.spec))
    local = sum(listed.here for listed in matching)
    plural = "" if len(matching) == 1 else "s"
    show.note(
        f"{len(matching)} network{plural}, {local} with weights on this machine; others are downloaded when opened"
    )
