"""What a torchvision network says of itself: little. Its weights' metadata, which says the rest, is not kept in it."""

from torch import nn

from ..module import built_size
from ..preprocessing import Preprocessing
from .description import Described

_ELSEWHERE = "Preprocessing.from_torchvision(weights) reads what its weights say"


def torchvision_described(module: nn.Module) -> Described | None:
    """None for a module that is not torchvision's.

    Detectors resize and normalise within themselves, so that their input is certain. Vision transformers know their
    size. Nothing says how a classifier wants its values.
    """
    if not type(module).__module__.startswith("torchvision.models."):
        return None
    inside = getattr(module, "transform", None)
    if type(inside).__name__ == "GeneralizedRCNNTransform":
        fixed = getattr(inside, "fixed_size", None)
        side = fixed or (min(inside.min_size), min(inside.min_size))  # type: ignore[union-attr]
        way = Preprocessing((side[1], side[0]) if fixed else side, crop="none")
        return Described(way, None, ("the network resizes and normalises the image within itself",))
    size = built_size(module)
    words = f"preprocessing not known, so: {Preprocessing.plain(size or 224)}; {_ELSEWHERE}"
    return Described(Preprocessing.plain(size) if size else None, None, (words,))
