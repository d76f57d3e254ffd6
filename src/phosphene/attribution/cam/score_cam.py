"""Score-CAM: a layer's maps, each weighted by the score of the image seen through it (H. Wang et al., CVPRW 2020).

    M = max(0, Σ_k w_k A_k)      w = softmax over k of y(x ∘ H_k)      H_k = A_k enlarged, from 0 at its least to 1

No gradient is taken; the network runs once for every map. The paper subtracts the value of a baseline image from each
y, which the softmax does not see. A map that is the same everywhere shows nothing of the image. `x` is the network's
input: what is hidden takes the value 0 there, which is the mean colour of most preprocessings.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import Images, Target
from ...network import Network
from ...network.running.outputs import main_tensor
from ..maps.fixed_units import whole
from ..maps.targets import questions, units
from .class_map import ClassMap, stretched
from .grad_cam import Layers, grids_and_scores, joined


@instrument
def score_cam(
    network: Network, images: Images, target: Target = None, *, layer: Layers = None, batch: int = 32
) -> ClassMap:
    """Score-CAM: a layer's maps, each weighted by the score of the image masked with it.

    It needs one run for each channel of the layer and each image. Raises LookupError for a layer or target that does
    not exist, ValueError for a layer without a grid of places.

    - `target`: a class or unit, such as 'logits:goose' or 'blocks.3:17'; if not given, each image's best class
    - `layer`: a layer, or several joined by commas; if not given, the last one through which all influence of the image
      passes
    - `batch`: how many masked images run at once
    """
    whole(batch, "batch", 1)
    x = network.inputs(images).detach()
    question = questions(network, x, target)
    layer_grids, scores = grids_and_scores(network, x, question, layer)
    value = main_tensor(network.record(x, question.layer)[question.layer])
    assert value is not None
    at = units(network, question, value, (int(x.shape[-2]), int(x.shape[-1])))
    raws = []
    for grid in layer_grids:
        weights = _weights(network, x, grid.maps, at, question.layer, batch).softmax(1)
        raws.append((weights[:, :, None, None] * grid.maps).sum(1).relu())
    return joined(network, images, x, question, layer_grids, raws, scores, "Score-CAM")


def _weights(
    network: Network, x: Tensor, maps: Tensor, at: Tensor, target: str, batch: int
) -> Tensor:  # fmt: skip
    """The targets' values (B, C) for their images seen through each of the maps (B, C, h, w)."""
    size = (int(x.shape[-2]), int(x.shape[-1]))
    rows = []
    for index in range(len(x)):
        of = at if len(x) == 1 else at[index : index + 1]
        parts = []
        for maps_at_once in maps[index].split(batch):
            masks = stretched(maps_at_once, size)
            low, high = masks.amin((1, 2), keepdim=True), masks.amax((1, 2), keepdim=True)
            masks = torch.where(high > low, (masks - low) / torch.where(high > low, high - low, 1.0), 0.0)
            value = main_tensor(network.record(x[index : index + 1] * masks[:, None], target)[target])
            assert value is not None
            parts.append(value.flatten(1)[:, of])
        rows.append(torch.cat(parts).T)
    return torch.cat(rows)
