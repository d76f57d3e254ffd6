"""The sanity check of saliency maps: randomise the network's weights, and see whether the map notices.

A map that says what a network has learned must change when that is taken away (J. Adebayo et al., *Sanity Checks for
Saliency Maps*, 2018). Weights are randomised from the top layer downwards, stage by stage (`cascading`), or in one
stage at a time (`independent`), in copies (`randomised`); each method's map of the same target is compared with the one
of the trained network. A method whose map stays as it was shows the image, not the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ...instrument import Result, instrument
from ...instrument.roles import Images, Target
from ...network import OUTPUTS, Frame, Network
from ...picture import Photo, Sheet
from ..maps.attribution import photo_fields
from ..maps.targets import questions
from .cascade_picture import sheet_of
from .contenders import Contender, attempt, contenders, with_signs
from .likeness import spearman, ssim
from .randomised import How, descending, parametrised, parts, randomised, stages

Order = Literal["cascading", "independent"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Cascade(Result):
    """How alike each method's maps (N of them) are to those of the trained network, at each of S stages.

    All similarities are (methods, S, N), in [-1, 1], NaN where a map is constant.
    """

    network: str
    targets: tuple[str, ...]
    photos: tuple[tuple[Photo, Frame], ...] = field(repr=False)
    order: Order
    how: How
    methods: tuple[str, ...]
    signed: tuple[bool, ...]
    refused: dict[str, str]  # methods that can't answer for this network, and what they said
    stages: tuple[str, ...]  # the part of each that is used first: a module, or a weight of a list
    sizes: tuple[int, ...]  # how many parts each stage randomises
    unused: tuple[str, ...]  # parts that nothing uses for the first image; they go with the last stage
    spearman: np.ndarray = field(repr=False)  # of maps with their signs; signals are summed over their channels
    magnitudes: np.ndarray = field(repr=False)  # Spearman's correlation of the maps' magnitudes
    ssim: np.ndarray = field(repr=False)
    probabilities: np.ndarray = field(repr=False)  # (1 + S, N) of the target's class; NaN where it is no class
    maps: tuple[Tensor, ...] = field(repr=False)  # of the first target: (1 + S, H, W) for each method, trained first

    def sheet(self) -> Sheet:
        """For each method a row: the trained network's map, the maps stage by stage, and the similarities as a line."""
        caption = f"{self.network}, {self.order} randomisation of weights: {', '.join(self.methods)}"
        return replace(sheet_of(self), description=caption)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "targets": list(self.targets),
            "order": self.order,
            "how": self.how,
            "refused": self.refused,
            "unused": list(self.unused),
            "stages": [{"deepest": name, "modules": size} for name, size in zip(self.stages, self.sizes, strict=True)],
            "probabilities": self.probabilities.tolist(),
            "methods": [
                {
                    "method": name,
                    "spearman": self.spearman[index].tolist(),
                    "spearman of magnitudes": self.magnitudes[index].tolist(),
                    "ssim": self.ssim[index].tolist(),
                }
                for index, name in enumerate(self.methods)
            ],
        }


@instrument
def cascade(
    network: Network,
    images: Images,
    target: Target = None,
    *,
    methods: str | Sequence[str] | None = None,
    depths: int = 8,
    order: Order = "cascading",
    how: How = "permute",
    seed: int = 0,
) -> Cascade:
    """Whether saliency maps change when the network's weights are made random, from the top layer downwards.

    The network does not change: copies get random weights. Raises LookupError for a method or target that does not
    exist, ValueError if no method works with this network.

    - `target`: a class or unit, such as 'logits:goose'; if not given, each image's best class in the trained network
    - `methods`: names of methods with commas between them, such as 'gradient,guided,occlusion:window=48'; if not given,
      all that need few passes
    - `depths`: how many stages the layers are divided into; the last layer is a stage by itself
    - `order`: cascading (each stage adds to those above it) or independent (one stage at a time)
    - `how`: permute (permutes a layer's weights) or normal (draws new ones with the same mean and spread)
    - `seed`: seed of the random weights
    """
    if order not in ("cascading", "independent"):
        raise ValueError(f"an order is cascading or independent, not {order!r}")
    x = network.inputs(images).detach()
    question = questions(network, x, target)
    target_names = [str(address) for address in question.addresses]
    steps = stages(network, depths, x=x[:1])
    answering, trained, refused = _first(network, contenders(methods), x, target_names)

    classes = [address.channel for address in question.addresses] if question.layer in OUTPUTS else None
    probabilities = [_probabilities(network, x, classes, len(target_names))]
    maps = [[result.maps[0].float().cpu()] for result in trained]
    likeness: list[list[tuple[Tensor, ...]]] = [[] for _ in answering]
    for other in descending(network, steps, cumulative=order == "cascading", how=how, seed=seed):
        probabilities.append(_probabilities(other, x, classes, len(target_names)))
        for at, contender in enumerate(answering):
            result, refusal = attempt(contender, contender.result, other, x, target_names)
            if refusal is None:
                maps[at].append(result.maps[0].float().cpu())
                likeness[at].append(compared(trained[at], result))
            else:  # a method may refuse random weights
                maps[at].append(torch.full_like(maps[at][0], torch.nan))
                likeness[at].append((torch.full((len(target_names),), torch.nan),) * 3)
    values = np.array([[[part.cpu().numpy() for part in parts] for parts in rows] for rows in likeness])
    return Cascade(
        network=network.name, targets=question.names, photos=photo_fields(network, images)["photos"], order=order,
        how=how,
        methods=tuple(contender.name for contender in answering), signed=tuple(result.signed for result in trained),
        refused=refused, stages=tuple(stage.name for stage in steps),
        sizes=tuple(len(stage.modules) for stage in steps),
        unused=parts(network, x=x[:1]).unused, spearman=values[:, :, 0], magnitudes=values[:, :, 1],
        ssim=values[:, :, 2], probabilities=np.array(probabilities), maps=tuple(torch.stack(rows) for rows in maps),
    )  # fmt: skip


def compared(one: Any, other: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Of two attributions by one method: Spearman's correlation with signs and of magnitudes, structural similarity."""
    return (
        spearman(with_signs(one), with_signs(other)),
        spearman(one.maps.abs(), other.maps.abs()),
        ssim(one.maps, other.maps, one.signed),
    )


def wholly_random(network: Network, size: tuple[int, int], *, how: How = "permute", seed: int = 0) -> Network:
    """A copy with all weights randomised: where the cascade ends."""
    return randomised(network, parametrised(network, size), how=how, seed=seed)


def _first(
    network: Network, candidates: Sequence[Contender], x: Tensor, target_names: Sequence[str]
) -> tuple[list[Contender], list[Any], dict[str, str]]:
    """The methods that answer for the trained network, their answers, and what the others said."""
    answering, trained, refused = [], [], {}
    for contender in candidates:
        result, refusal = attempt(contender, contender.result, network, x, target_names)
        if refusal is None:
            answering.append(contender)
            trained.append(result)
        else:
            refused[contender.name] = refusal
    if not answering:
        raise ValueError("; ".join(dict.fromkeys(refused.values())))
    return answering, trained, refused


def _probabilities(network: Network, x: Tensor, classes: Sequence[Any] | None, count: int) -> np.ndarray:
    if classes is None:
        return np.full(count, np.nan)
    probabilities = network.record(x, "probabilities")["probabilities"].detach().double().cpu().numpy()
    return probabilities[
        np.arange(count) if len(probabilities) > 1 else np.zeros(count, int), [int(c) for c in classes]
    ]
