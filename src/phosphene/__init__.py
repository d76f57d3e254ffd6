"""Phosphene opens any vision network in PyTorch and shows what it sees.

import phosphene as ph

network = ph.load()
photo = ph.read("photo.jpg")
ph.activations(network, photo, "blocks.2").save("activations.png")
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# name -> the module that holds it, opened when first asked for: importing Phosphene stays light
_HOMES = {
    "network": "load Network Preprocessing Labels Address Axis Box Extent Field Frame Layer Rules WHOLE UNKNOWN",
    "picture": "read Photo Picture Range map_range read_made",
    "instrument.again": "again",
    "inspection": "filters activations strongest draw anatomy check",
    "attribution": "gradient deconvnet guided reverse occlusion lrp patterns objects cam grad_cam grad_cam_plus_plus"
    " x_grad_cam layer_cam score_cam guided_grad_cam boxes locate selectivity cascade judge why"
    " input_x_gradient integrated_gradients smooth_grad var_grad rise",
    "synthesis": "synthesize adversarial robustness fool diverse facets starts unit_image side_by_side"
    " class_image class_recipes quantities checkerboard hog"
    " invert inversions caricature dream deepdream style hog_inverse hog_twins",
    "atlas": "Atlas",
    "reporting": "report",
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'phosphene' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
