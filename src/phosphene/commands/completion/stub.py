"""What stands in for an instrument's command while the shell completes a layer, as importing instruments imports torch.

It knows the instrument's words and the options that choose the network. For anything else the real command is made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import typer

from ...instrument.command_list import Entry
from .. import options
from ..from_form.added_options import NETWORK
from ..from_form.command import prepared, sign

PHOTOS = ("Images", "ImageSet")  # the types of what takes the photo, and of what takes the layer
LAYER = ("LayerName", "LayerName | None", "Layers")


def completion_stub(entry: Entry, words: Sequence[str], real: Callable[[], Any]) -> Any:
    """A command that completes what follows `words`: a light one if it can, else the real one."""
    if not any(kind in LAYER for kind in entry.parameters.values()):
        return real()
    light = _light(entry)
    known = {name for parameter in light.params for name in parameter.opts}
    if any(word.startswith("-") and word not in known for word in words):
        return real()
    light.shell_complete = lambda ctx, incomplete: real().shell_complete(ctx, incomplete)  # the names of its options
    return light


def _light(entry: Entry) -> Any:
    def command(**values: Any) -> None:
        """Never run."""

    words = entry.parameters.items()
    hints: dict[str, Any] = {name: options.LayerWord for name, kind in words if kind in LAYER}
    hints |= {name: options.PhotoWord for name, kind in words if kind in PHOTOS}
    hints |= {"network": options.Spec} | {name: annotation for name, (annotation, _) in NETWORK.items()}
    keyword = inspect.Parameter.KEYWORD_ONLY
    sign(command, [inspect.Parameter(name, keyword, default=None, annotation=hint) for name, hint in hints.items()])
    app = typer.Typer(add_completion=False)
    prepared(app, command, entry.name)
    return typer.main.get_command(app)
