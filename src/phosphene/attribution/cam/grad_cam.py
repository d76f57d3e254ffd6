"""Grad-CAM and its kin: a layer's maps, each weighted by what the gradient says of it.

With A_k the maps of a layer, G_k = ∂y/∂A_k the gradient of the target's value, and means and sums over places:

    Grad-CAM      M = max(0, Σ_k w_k A_k)         w_k = mean G_k                              (Selvaraju et al. 2017)
    Grad-CAM++    M = max(0, Σ_k w_k A_k)         w_k = Σ α_k max(0, G_k),
                                                  α_k = G_k² / (2 G_k² + G_k³ Σ A_k)         (Chattopadhyay et al. 2018)
    XGrad-CAM     M = max(0, Σ_k w_k A_k)         w_k = Σ G_k A_k / Σ A_k                     (Fu et al. 2020)
    Layer-CAM     M = max(0, Σ_k max(0, G_k) A_k)                                             (Jiang et al. 2021)

Grad-CAM++ takes the derivatives of exp(y), which multiply all maps of a target by one number: it is left out, as the
largest is what maps are read against. Where a denominator is 0, so is the quotient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import Images, LayerName, Target
from ...network import Network
from ..maps.attribution import photo_fields
from ..maps.signal import Signal
from ..maps.targets import Question, questions
from ..reversed.reversing import Reversal, signals
from .class_map import ClassMap, stretched
from .grids import Grid, computed_after, grids, last_grid

Formula = Callable[[Tensor, Tensor], Tensor]  # maps and gradients (B, C, h, w) -> (B, h, w)
Layers = LayerName | Sequence[str] | None


def gradient_weighted(maps: Tensor, gradients: Tensor) -> Tensor:
    return _summed(gradients.mean((2, 3), keepdim=True), maps)


def plus_plus_weighted(maps: Tensor, gradients: Tensor) -> Tensor:
    below = 2 * gradients**2 + gradients**3 * maps.sum((2, 3), keepdim=True)
    return _summed((_quotient(gradients**2, below) * gradients.relu()).sum((2, 3), keepdim=True), maps)


def axiom_weighted(maps: Tensor, gradients: Tensor) -> Tensor:
    whole = (gradients * maps).sum((2, 3), keepdim=True)
    return _summed(_quotient(whole, maps.sum((2, 3), keepdim=True)), maps)


def place_weighted(maps: Tensor, gradients: Tensor) -> Tensor:
    return _summed(gradients.relu(), maps)


def _summed(weights: Tensor, maps: Tensor) -> Tensor:
    return (weights * maps).sum(1).relu()


def _quotient(above: Tensor, below: Tensor) -> Tensor:
    return torch.where(below == 0, 0.0, above / torch.where(below == 0, 1.0, below))


def class_map(network: Network, images: Any, target: Target, layer: Layers, name: str, formula: Formula) -> ClassMap:
    """The maps by a formula, at one layer, at several that are joined, or at the last that has places."""
    x = network.inputs(images).detach()
    question = questions(network, x, target)
    layer_grids, scores = grids_and_scores(network, x, question, layer)
    raws = [formula(grid.maps, grid.gradients) for grid in layer_grids]
    return joined(network, images, x, question, layer_grids, raws, scores, name)


def grids_and_scores(network: Network, x: Tensor, question: Question, layer: Layers) -> tuple[list[Grid], Tensor]:
    """The layers named, or the last one on whose places the targets hang, and the targets' values (B,)."""
    if layer is None:
        grid, scores = last_grid(network, x, question)
        return [grid], scores
    several = [str(layer)] if isinstance(layer, (str, int)) else [str(name) for name in layer]
    named = [name.strip() for part in several for name in part.replace("+", ",").split(",") if name.strip()]
    if not named:
        raise ValueError("no layer was given; name one, or leave it out for the last that all of the image passes")
    size = (int(x.shape[-2]), int(x.shape[-1]))
    for name in named:
        if computed_after(network, network.layer(name, size).name, question.layer, size):
            raise ValueError(
                f"{name} is computed after {question.layer}, which does not hang on it; name a layer before it"
            )
    return grids(network, x, question, list(dict.fromkeys(named)))


def joined(
    network: Network, images: Any, x: Tensor, question: Question, result: list[Grid], raws: list[Tensor],
    scores: Tensor, name: str,
) -> ClassMap:  # fmt: skip
    """One map for each target; the maps of several layers are each divided by their largest number, then averaged."""
    size = (int(x.shape[-2]), int(x.shape[-1]))
    if len(result) > 1:
        raws = [raw / raw.amax((1, 2), keepdim=True).clamp(min=torch.finfo(raw.dtype).tiny) for raw in raws]
    values = torch.stack([stretched(raw, size) for raw in raws]).mean(0)
    finest = max((tuple(raw.shape[1:]) for raw in raws), key=lambda shape: shape[0] * shape[1])
    raw = torch.stack([stretched(raw, finest) for raw in raws]).mean(0)
    named = ", ".join(grid.layer for grid in result)
    return ClassMap(
        method=f"{name} at {named}", targets=question.names, scores=scores, raw=raw, values=values, layer=named,
        **photo_fields(network, images),
    )  # fmt: skip


@instrument
def grad_cam(network: Network, images: Images, target: Target = None, *, layer: Layers = None) -> ClassMap:
    """Grad-CAM: a layer's maps, weighted by the mean of the gradient over each (Selvaraju et al., ICCV 2017, eq. 1-2).

    `raw` (N, h, w) is the map on the layer's grid, `values` (N, H, W) the map over the input; no value is negative.
    Raises LookupError for a layer or target that does not exist, ValueError for a layer without a grid of places.

    - `target`: a class or unit, such as 'logits:goose' or 'blocks.3:17'; if not given, each image's best class
    - `layer`: a layer, or several joined by commas, whose maps are averaged after each is divided by its largest value;
      if not given, the last layer with a grid of places through which all influence of the image on the target passes
    """
    return class_map(network, images, target, layer, "Grad-CAM", gradient_weighted)


@instrument
def grad_cam_plus_plus(network: Network, images: Images, target: Target = None, *, layer: Layers = None) -> ClassMap:
    """Grad-CAM++: Grad-CAM with more weight for places of strong gradient (Chattopadhyay et al., WACV 2018, eq. 19).

    Takes and raises what `grad_cam` does.

    - `target`: a class or unit, such as 'logits:goose' or 'blocks.3:17'; if not given, each image's best class
    - `layer`: a layer, or several joined by commas; if not given, the last one through which all influence of the image
      passes
    """
    return class_map(network, images, target, layer, "Grad-CAM++", plus_plus_weighted)


@instrument
def x_grad_cam(network: Network, images: Images, target: Target = None, *, layer: Layers = None) -> ClassMap:
    """XGrad-CAM: Grad-CAM with gradients weighted by the activations (Fu et al., BMVC 2020, eq. 8).

    Takes and raises what `grad_cam` does.

    - `target`: a class or unit, such as 'logits:goose' or 'blocks.3:17'; if not given, each image's best class
    - `layer`: a layer, or several joined by commas; if not given, the last one through which all influence of the image
      passes
    """
    return class_map(network, images, target, layer, "XGrad-CAM", axiom_weighted)


@instrument
def layer_cam(network: Network, images: Images, target: Target = None, *, layer: Layers = None) -> ClassMap:
    """Layer-CAM: each place weighted by its own gradient; works at early layers too (Jiang et al., TIP 2021, eq. 7).

    Takes and raises what `grad_cam` does.

    - `target`: a class or unit, such as 'logits:goose' or 'blocks.3:17'; if not given, each image's best class
    - `layer`: a layer, or several joined by commas; if not given, the last one through which all influence of the image
      passes
    """
    return class_map(network, images, target, layer, "Layer-CAM", place_weighted)


@instrument
def guided_grad_cam(network: Network, images: Images, target: Target = None, *, layer: Layers = None) -> Signal:
    """Guided Grad-CAM: guided backprop times the enlarged Grad-CAM (Selvaraju et al., ICCV 2017, section 3.2).

    Raises what `guided` and `grad_cam` do: LookupError if the network has no rectifier, or no such target or layer.

    - `target`: a class or unit, such as 'logits:goose' or 'blocks.3:17'; if not given, each image's best class
    - `layer`: the layer of Grad-CAM, or several joined by commas; if not given, the last one through which all
      influence of the image passes
    """
    coarse = class_map(network, images, target, layer, "guided Grad-CAM", gradient_weighted)
    fine, scores, names = signals(network, network.inputs(images), target, Reversal("both"))
    return Signal(
        method=coarse.method, targets=names, values=fine * coarse.values[:, None], scores=scores,
        **photo_fields(network, images),
    )  # fmt: skip
