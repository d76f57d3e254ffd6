"""Why a network does not run on an input, in one sentence that says what it would take."""

from __future__ import annotations

import re

from torch import nn

from ..module import dimensions, inputs_of

_ABOUT_SIZES = re.compile(r"siz|shape|dimension|mat1|expected|match|channel|height|width|divisible|numel|view", re.I)
_TAKES = {1: "sequences (N, C, length)", 3: "volumes (N, C, depth, height, width)"}
_WORDS = {1: "one", 3: "three"}


def other_dimensions(module: nn.Module, name: str) -> str | None:
    """The sentence for a network of sequences or volumes; None for one of images."""
    sides = dimensions(module)
    if sides == 2:
        return None
    return (
        f"{name} takes {_TAKES[sides]}: its convolutions have {_WORDS[sides]} dimension{'s' * (sides > 1)}; Phosphene "
        "opens networks of images (N, C, H, W)"
    )


def refusal(module: nn.Module, shape: tuple[int, ...], error: Exception) -> str:
    """Why the network does not run on an image of `shape` (C, H, W), given the error that it ended in."""
    if sentence := other_dimensions(module, f"the network ({type(module).__name__})"):
        return sentence
    needed = inputs_of(module)
    if isinstance(error, TypeError) and len(needed) > 1:
        return (
            f"the network ({type(module).__name__}) takes {len(needed)} inputs ({', '.join(needed)}), and Phosphene "
            "gives it one image; wrap it in a module whose forward takes the image alone"
        )
    channels, height, width = shape[-3:]
    reason = " ".join(str(error).split())[:300]
    advice = "; give the size it was made for, e.g. Preprocessing.plain(size) or size="
    return (
        f"the network does not run on an input of {channels} × {height} × {width} (channels × height × width): "
        f"{type(error).__name__}: {reason}{advice if _ABOUT_SIZES.search(reason) else ''}"
    )
