"""Transformations as text, the same in Python, on the command line and in addresses.

    flip-horizontal    flip-vertical    rotate:45    scale:1.25    translate:0.1,0    crop:0.8    crop:0,0,0.5,0.5
    grey    brightness:1.3    contrast:0.5    blur:2

and several with + between them, the first one first: 'flip-horizontal+grey'. Angles are in degrees, counter-clockwise;
shifts and crops in shares of the image's sides; blurs in pixels of the network's input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any

from .composition import Compose
from .geometric import Crop, Flip, Rotate, Scale, Translate
from .photometric import Blur, Brightness, Contrast, Grey
from .transformation import Transformation

TransformationLike = str | Transformation | Sequence["str | Transformation"]

# name -> what makes it, and how many numbers it takes
_NAMES: dict[str, tuple[Callable[..., Transformation], tuple[int, ...]]] = {
    "flip-horizontal": (partial(Flip, "horizontal"), (0,)),
    "flip-vertical": (partial(Flip, "vertical"), (0,)),
    "rotate": (Rotate, (1,)),
    "scale": (Scale, (1,)),
    "translate": (Translate, (1, 2)),
    "crop": (Crop, (1, 4)),
    "grey": (Grey, (0,)),
    "brightness": (Brightness, (1,)),
    "contrast": (Contrast, (1,)),
    "blur": (Blur, (1,)),
}


def transformation_of(value: Any) -> Transformation:
    """The transformation that a text means; one that is given as a value is itself, of several their composition.

    Raises LookupError for an unknown name, with near ones, ValueError for impossible numbers, TypeError for the rest.
    """
    if isinstance(value, Transformation):
        return value
    if isinstance(value, str):
        parts = [_one(part.strip(), value) for part in value.split("+")]
    elif isinstance(value, (list, tuple)) and value:
        parts = [transformation_of(part) for part in value]
    else:
        raise TypeError(
            f"a transformation is a text such as 'flip-horizontal' or 'rotate:45', or a value such as Rotate(45), "
            f"not {value!r}"
        )
    return parts[0] if len(parts) == 1 else Compose(parts)


def _one(text: str, whole: str) -> Transformation:
    name, _, rest = text.partition(":")
    name = name.strip().lower().replace("_", "-")
    if name not in _NAMES:
        near = get_close_matches(name, _NAMES, n=2, cutoff=0.5)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise LookupError(f"there is no transformation {name!r}{hint}; the transformations are {', '.join(_NAMES)}")
    make, counts = _NAMES[name]
    try:
        numbers = [float(number) for number in rest.split(",")] if rest.strip() else []
    except ValueError:
        raise ValueError(f"{name} takes numbers with commas between them, not {rest!r} (in {whole!r})") from None
    if len(numbers) not in counts:
        takes = " or ".join(map(str, counts)) if counts != (0,) else "no"
        raise ValueError(f"{name} takes {takes} number{'s' * (counts != (1,))}, not {len(numbers)} (in {whole!r})")
    return make(*numbers)
