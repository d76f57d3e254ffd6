"""Transformations of images as values: how each acts on pixels, and on a grid of places that lies over them."""

from .affine import Affine, Resampling
from .colour import grey, hue_turned, luma
from .composition import Compose
from .filters import blurred
from .geometric import Crop, Flip, Rotate, Scale, Translate
from .grammar import TransformationLike, transformation_of
from .photometric import Blur, Brightness, Contrast, Grey
from .transformation import Transformation

__all__ = [
    "Affine",
    "Blur",
    "Brightness",
    "Compose",
    "Contrast",
    "Crop",
    "Flip",
    "Grey",
    "Resampling",
    "Rotate",
    "Scale",
    "Transformation",
    "TransformationLike",
    "Translate",
    "blurred",
    "grey",
    "hue_turned",
    "luma",
    "transformation_of",
]
