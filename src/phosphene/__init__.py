"""Phosphene opens any vision network in PyTorch and shows what it sees.

import phosphene as ph

network = ph.load()
photo = ph.read("photo.jpg")
ph.activations(network, photo, "blocks.2").save("activations.png")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# name -> the module that holds it, opened when first asked for: importing Phosphene stays light
_HOMES = {
    "network": "load Network Preprocessing Labels Address Axis Box Extent Field Frame Layer Rules WHOLE UNKNOWN",
    "picture": "read Photo Picture Range map_range read_made",
    "instrument.again": "again",
    "inspection": "filters activations strongest draw anatomy check",
    "attribution": "gradient deconvnet guided reverse occlusion lrp patterns objects cam grad_cam grad_cam_plus_plus"
    " x_grad_cam layer_cam score_cam guided_grad_cam boxes locate selectivity cascade judge why sensitivities"
    " input_x_gradient integrated_gradients smooth_grad var_grad rise",
    "synthesis": "synthesize adversarial robustness fool diverse facets starts unit_image side_by_side"
    " class_image class_recipes quantities checkerboard hog"
    " invert inversions caricature dream deepdream style hog_inverse hog_twins",
    "transformations": "Blur Brightness Compose Contrast Crop Flip Grey Rotate Scale Translate",
    "comparison": "compare_networks equivariance invariance similarity stitch",
    "learning.transfer": "augmentation transfer",
    "atlas": "Atlas",
    "reporting": "report",
    "microscope": "microscope",
}
_PACKAGES = ("learning",)  # whose names are reached through them: phosphene.learning.fit
_WHERE = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *_PACKAGES, *_WHERE]


if TYPE_CHECKING:  # the same names for editors and type checkers, which read this file and don't run it
    from . import learning as learning
    from .atlas import Atlas as Atlas
    from .attribution import boxes as boxes
    from .attribution import cam as cam
    from .attribution import cascade as cascade
    from .attribution import deconvnet as deconvnet
    from .attribution import grad_cam as grad_cam
    from .attribution import grad_cam_plus_plus as grad_cam_plus_plus
    from .attribution import gradient as gradient
    from .attribution import guided as guided
    from .attribution import guided_grad_cam as guided_grad_cam
    from .attribution import input_x_gradient as input_x_gradient
    from .attribution import integrated_gradients as integrated_gradients
    from .attribution import judge as judge
    from .attribution import layer_cam as layer_cam
    from .attribution import locate as locate
    from .attribution import lrp as lrp
    from .attribution import objects as objects
    from .attribution import occlusion as occlusion
    from .attribution import patterns as patterns
    from .attribution import reverse as reverse
    from .attribution import rise as rise
    from .attribution import score_cam as score_cam
    from .attribution import selectivity as selectivity
    from .attribution import sensitivities as sensitivities
    from .attribution import smooth_grad as smooth_grad
    from .attribution import var_grad as var_grad
    from .attribution import why as why
    from .attribution import x_grad_cam as x_grad_cam
    from .comparison import compare_networks as compare_networks
    from .comparison import equivariance as equivariance
    from .comparison import invariance as invariance
    from .comparison import similarity as similarity
    from .comparison import stitch as stitch
    from .inspection import activations as activations
    from .inspection import anatomy as anatomy
    from .inspection import check as check
    from .inspection import draw as draw
    from .inspection import filters as filters
    from .inspection import strongest as strongest
    from .instrument.again import again as again
    from .learning.transfer import augmentation as augmentation
    from .learning.transfer import transfer as transfer
    from .microscope import microscope as microscope
    from .network import UNKNOWN as UNKNOWN
    from .network import WHOLE as WHOLE
    from .network import Address as Address
    from .network import Axis as Axis
    from .network import Box as Box
    from .network import Extent as Extent
    from .network import Field as Field
    from .network import Frame as Frame
    from .network import Labels as Labels
    from .network import Layer as Layer
    from .network import Network as Network
    from .network import Preprocessing as Preprocessing
    from .network import Rules as Rules
    from .network import load as load
    from .picture import Photo as Photo
    from .picture import Picture as Picture
    from .picture import Range as Range
    from .picture import map_range as map_range
    from .picture import read as read
    from .picture import read_made as read_made
    from .reporting import report as report
    from .synthesis import adversarial as adversarial
    from .synthesis import caricature as caricature
    from .synthesis import checkerboard as checkerboard
    from .synthesis import class_image as class_image
    from .synthesis import class_recipes as class_recipes
    from .synthesis import deepdream as deepdream
    from .synthesis import diverse as diverse
    from .synthesis import dream as dream
    from .synthesis import facets as facets
    from .synthesis import fool as fool
    from .synthesis import hog as hog
    from .synthesis import hog_inverse as hog_inverse
    from .synthesis import hog_twins as hog_twins
    from .synthesis import inversions as inversions
    from .synthesis import invert as invert
    from .synthesis import quantities as quantities
    from .synthesis import robustness as robustness
    from .synthesis import side_by_side as side_by_side
    from .synthesis import starts as starts
    from .synthesis import style as style
    from .synthesis import synthesize as synthesize
    from .synthesis import unit_image as unit_image
    from .transformations import Blur as Blur
    from .transformations import Brightness as Brightness
    from .transformations import Compose as Compose
    from .transformations import Contrast as Contrast
    from .transformations import Crop as Crop
    from .transformations import Flip as Flip
    from .transformations import Grey as Grey
    from .transformations import Rotate as Rotate
    from .transformations import Scale as Scale
    from .transformations import Translate as Translate
else:

    def __getattr__(name: str) -> Any:
        if name in _PACKAGES:
            return importlib.import_module(f".{name}", __name__)
        if name not in _WHERE:
            raise AttributeError(f"module 'phosphene' has no attribute {name!r}")
        value = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
