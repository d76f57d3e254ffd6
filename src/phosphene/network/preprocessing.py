"""How a photo becomes the network's input: resize, crop, scale, normalise, all said in the open.

    photo uint8 -> (grey) -> resize -> crop or pad -> (BGR) -> value * scale / 255 -> (value - mean) / std

The resizing is PIL's, on uint8, as the standard evaluation pipelines do it: the input equals what torchvision's
`weights.transforms()` and timm's `create_transform(**resolve_data_config(...))` make of the same image, bit for bit
(tests/network/test_preprocessing.py). `frame` says where the input lies in the photo, so that every map that an
instrument computes can be drawn on the photo's own pixels, and which of the photo's pixels a part of it was made of.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from .describing.processor_settings import processor_settings
from .frame import Frame
from .module import built_size, input_channels
from .resizing import FILTERS, MOST_PIXELS, centred, cut, in_a_piece, long_side_to, short_side_to

_CROPS = {
    "center": "short side to {resize}, centre {size}",
    "squash": "squashed to {resize}, centre {size}",
    "border": "long side to {resize}, padded to {size}",
    "none": "short side to {resize}, nothing cropped",
}
_CHANNELS = {"RGB": 3, "BGR": 3, "grey": 1}
_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL's convert("L")


class HasPixels(Protocol):
    """A photo, as far as this file needs to know it."""

    @property
    def pixels(self) -> np.ndarray: ...


@dataclass(frozen=True)
class Preprocessing:
    """The way from a photo to the network's input.

    `size` is the input's (height, width); with `crop="none"` it is only the usual size, because the input is then as
    large as the resized photo. `resize` is the (height, width) to which the photo is resized before the crop, None for
    no resizing. `crop` is one of: "center" (resizes the shorter side, keeping the aspect), "squash" (resizes both
    sides), "border" (resizes the longer side, and pads with the mean), "none". Where an odd number of pixels is cut
    away, `centring` says where the half pixel goes: "even", as torchvision and timm round, or "down", as transformers
    does. `scale` is the value that white has before `mean` and `std`, which are in the network's own channel order.
    """

    size: tuple[int, int]
    resize: tuple[int, int] | None = None
    crop: str = "center"
    interpolation: str = "bicubic"
    antialias: bool = True
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    colour: str = "RGB"
    scale: float = 1.0
    centring: str = "even"

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _pair(self.size, "size"))
        if self.resize is not None:
            object.__setattr__(self, "resize", _pair(self.resize, "resize"))
        known_values: dict[str, Iterable[str]] = {
            "crop": _CROPS,
            "interpolation": FILTERS,
            "colour": _CHANNELS,
            "centring": ("even", "down"),
        }
        for name, choices in known_values.items():
            if getattr(self, name) not in tuple(choices):
                raise ValueError(f"{name} {getattr(self, name)!r} is not known; it is one of {', '.join(choices)}")
        for name in ("mean", "std"):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != self.channels:
                came = f"came with {len(values)} value{'s' * (len(values) != 1)}"
                raise ValueError(f"{name} {came}; a network that takes {self.colour} needs {self.channels}")
            object.__setattr__(self, name, values)
        if min(self.std) <= 0 or self.scale <= 0:
            raise ValueError(f"std and scale must be above 0, not {self.std} and {self.scale}")
        if not self.antialias and self.interpolation not in ("nearest", "bilinear", "bicubic"):
            raise ValueError(f"{self.interpolation} resizing always smooths; antialias=False needs bilinear or bicubic")

    @classmethod
    def plain(cls, size: int | tuple[int, int] = 224, channels: int = 3) -> "Preprocessing":
        """Only scaling to [0, 1], for a network of which nothing is known; colour by its input channels."""
        size = _pair(size, "size")
        if channels not in (1, 3):
            raise ValueError(f"a photo has 3 colour channels or 1; give a network of {channels} its inputs as tensors")
        colour = "grey" if channels == 1 else "RGB"
        return cls(size, resize=size, colour=colour, mean=(0.0,) * channels, std=(1.0,) * channels)

    @classmethod
    def from_torchvision(cls, weights: Any) -> "Preprocessing":
        """The preprocessing of torchvision's weights (a member of a WeightsEnum). Downloads nothing.

        Segmentation networks crop nothing; detection networks resize and normalise within themselves. Raises
        ValueError for weights whose input is not one image (video, optical flow).
        """
        transforms = weights.transforms()
        kind = type(transforms).__name__
        if kind == "ObjectDetection":
            return cls((800, 800), crop="none")  # 800: the shorter side that most of them resize to within
        if kind not in ("ImageClassification", "SemanticSegmentation"):
            raise ValueError(
                f"{weights} takes {kind} input, not one image; phosphene opens networks that see one image"
            )
        resize = tuple(transforms.resize_size) * 2 if transforms.resize_size else None
        common = {
            "mean": tuple(transforms.mean),
            "std": tuple(transforms.std),
            "interpolation": transforms.interpolation.value,
        }
        if kind == "SemanticSegmentation":
            return cls(resize or (520, 520), resize, "none", antialias=transforms.antialias is not False, **common)
        size = tuple(transforms.crop_size) * 2
        return cls(size[:2], resize and resize[:2], antialias=transforms.antialias is not False, **common)

    @classmethod
    def from_timm(cls, model_or_cfg: Any) -> "Preprocessing":
        """The preprocessing of a timm model, its `pretrained_cfg`, or a dict of such settings. Downloads nothing.

        A model built for another size or for grey images than its `pretrained_cfg` says has the size that it was built
        for, and the mean of the three colours' settings.
        """
        from timm.data import resolve_data_config

        cfg = getattr(model_or_cfg, "pretrained_cfg", model_or_cfg)
        cfg = cfg if isinstance(cfg, Mapping) else vars(cfg)
        config = resolve_data_config(pretrained_cfg=dict(cfg))
        channels, height, width = config["input_size"]
        if isinstance(model_or_cfg, nn.Module):
            channels = input_channels(model_or_cfg) or channels
            height, width = built_size(model_or_cfg) or (height, width)
        mean, std = tuple(config["mean"]), tuple(config["std"])
        if channels == 1:
            mean, std = (sum(mean) / len(mean),), (sum(std) / len(std),)
        if channels not in (1, 3):
            raise ValueError(f"a photo has 3 colour channels or 1; give a network of {channels} its inputs as tensors")
        return cls(
            size=(height, width),
            resize=(math.floor(height / config["crop_pct"]), math.floor(width / config["crop_pct"])),
            crop=config["crop_mode"],
            interpolation=config["interpolation"],
            mean=mean,
            std=std,
            colour="grey" if channels == 1 else "RGB",
        )

    @classmethod
    def from_transformers(cls, processor: Any) -> "Preprocessing":
        """The preprocessing of an image processor of transformers, or of the dict of its `preprocessor_config.json`.

        The input equals that of the processor's PIL backend bit for bit; the torchvision backend rounds differently, by
        up to two steps of 255. Raises ValueError for a processor with other steps.
        """
        return cls(**processor_settings(processor))

    @property
    def channels(self) -> int:
        """How many channels the input has: 3, or 1 for grey."""
        return _CHANNELS[self.colour]

    def prepare(self, photo: HasPixels | np.ndarray) -> Tensor:
        """The network's input (1, C, H, W) made from a photo, or from its uint8 pixels (H, W, 3).

        Raises ValueError for an empty photo, and if nothing is cropped and the resized photo would be too large.
        """
        pixels = photo if isinstance(photo, np.ndarray) else photo.pixels
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise ValueError(f"a photo has uint8 pixels (H, W, 3), not {pixels.dtype} {tuple(pixels.shape)}")
        frame = self.frame(*pixels.shape[:2])
        image = Image.fromarray(np.ascontiguousarray(pixels))
        if self.colour == "grey":
            image = image.convert("L")
        image = cut(image, frame, interpolation=self.interpolation, antialias=self.antialias, fill=self._fill())
        values = np.array(image, dtype=np.uint8).reshape(*frame.size, self.channels)
        x = torch.from_numpy(values).permute(2, 0, 1)[None].contiguous().float()
        x = x / (255 / self.scale)  # one division: 255 / 255 is exactly 1, as torchvision's conversion has it
        return self._standardise(x.flip(1) if self.colour == "BGR" else x)

    def _fill(self) -> int | tuple[int, ...]:
        """What padding shows: the mean in "border" (timm), black elsewhere (torchvision's centre crop)."""
        if self.crop != "border":
            return 0
        fill = tuple(round(255 / self.scale * mean) for mean in self.mean)
        fill = fill[::-1] if self.colour == "BGR" else fill
        return fill[0] if len(fill) == 1 else fill

    def frame(self, height: int, width: int) -> Frame:
        """Where the input lies in a photo of this size."""
        if height < 1 or width < 1:
            raise ValueError(f"a photo of {height} x {width} pixels is empty; nothing can be seen in it")
        resized = self._resized((height, width))
        size = resized if self.crop == "none" else self.size
        pixels = resized[0] * resized[1]
        if pixels > MOST_PIXELS and (self.crop == "none" or not self.antialias):
            grown = f"a photo of {height} x {width} pixels would become {resized[0]} x {resized[1]}"
            raise ValueError(f"{grown}, more than {MOST_PIXELS // 1_000_000} million pixels; cut a piece out of it")
        corner = centred(resized[0], size[0], self.centring), centred(resized[1], size[1], self.centring)
        piece = in_a_piece((height, width), resized, self.antialias)
        return Frame((height, width), size, resized, corner, self.interpolation, self.antialias, piece)

    def _resized(self, size: tuple[int, int]) -> tuple[int, int]:
        if self.resize is None:
            return size
        if self.crop == "squash":
            return self.resize
        return long_side_to(size, self.resize) if self.crop == "border" else short_side_to(size, self.resize)

    def normalise(self, images: Tensor) -> Tensor:
        """The network's input values of RGB images (N, 3, H, W) in [0, 1]; differentiable, size unchanged."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"images are (N, 3, H, W), not {tuple(images.shape)}")
        if self.colour == "grey":
            images = (images * images.new_tensor(_LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)
        elif self.colour == "BGR":
            images = images.flip(1)
        return self._standardise(images * self.scale if self.scale != 1 else images)

    def denormalise(self, x: Tensor) -> Tensor:
        """RGB images (N, 3, H, W) of input values (N, C, H, W), the inverse of `normalise`; grey gives R = G = B.

        Values that no image has come out beyond [0, 1]: nothing is clipped.
        """
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise ValueError(f"the network's inputs are (N, {self.channels}, H, W), not {tuple(x.shape)}")
        images = (x * self._column(self.std, x) + self._column(self.mean, x)) / self.scale
        if self.colour == "grey":
            return images.expand(-1, 3, -1, -1)
        return images.flip(1) if self.colour == "BGR" else images

    def _standardise(self, x: Tensor) -> Tensor:
        return (x - self._column(self.mean, x)) / self._column(self.std, x)

    @staticmethod
    def _column(values: tuple[float, ...], like: Tensor) -> Tensor:
        return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, -1, 1, 1)

    def describe(self) -> str:
        """The whole way in one sentence."""
        size = f"{self.size[0]} x {self.size[1]} px"
        if self.resize is None:
            how = "size as it is" if self.crop == "none" else f"no resizing, {self.crop} {size}"
        else:
            side = self.resize if self.crop == "squash" or self.resize[0] != self.resize[1] else self.resize[:1]
            filter_ = self.interpolation if self.antialias else f"{self.interpolation}, not antialiased"
            how = _CROPS[self.crop].format(resize=f"{' x '.join(map(str, side))} px ({filter_})", size=size)
        plain = not any(self.mean) and set(self.std) == {1.0}
        values = "" if plain else f", minus mean {_listed(self.mean)}, divided by std {_listed(self.std)}"
        return f"{how}, {self.colour} in [0, {self.scale:g}]{values}"

    __str__ = describe

    def to_dict(self) -> dict[str, Any]:
        """The preprocessing as JSON-able values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """The preprocessing that `to_dict` wrote."""
        settings: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**settings)


def _pair(size: int | tuple[int, int], name: str) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise ValueError(f"{name} must be at least 1 x 1 pixel, not {height} x {width}")
    return int(height), int(width)


def _listed(values: tuple[float, ...]) -> str:
    numbers = values[:1] if len(set(values)) == 1 else values
    return ", ".join(f"{value:.4g}" for value in numbers)
