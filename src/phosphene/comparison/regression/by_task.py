"""A linear map trained through the rest of a network, so that its answers come out right.

Lenc and Vedaldi (CVPR 2015, section 3.3) fit maps by the classifier's loss instead of a distance of values: directions
that the rest of the network does not read need not be met. Here the map of a regression is the start, Adam the
optimiser, and the target either the stated classes or the answers that the network itself gives for the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

RATE = 1e-3  # of Adam, for weights in units of the regression's largest one
Linear = tuple[Tensor, Tensor]  # weight and bias


def trained(
    start: Linear, scores: Callable[[Tensor, Linear], Tensor], batches: Callable[[], Iterable[tuple[Tensor, Tensor]]],
    steps: int, rate: float = RATE,
) -> Iterator[tuple[int, float, Linear]]:  # fmt: skip
    """The map after each step, with the step's number and its loss.

    `scores` gives a network's scores (N, classes) for inputs and a map, differentiable in the map; `batches` goes over
    inputs (N, C, H, W) with the probabilities (N, classes) that they should have, and is begun anew where it ends.
    """
    weight, bias = (part.detach().clone().float().requires_grad_() for part in start)
    scale = float(weight.detach().abs().max()) or 1.0
    optimiser = torch.optim.Adam([{"params": [weight], "lr": rate * scale}, {"params": [bias], "lr": rate * scale}])
    done = 0
    while done < steps:
        before = done
        for x, target in batches():
            with torch.enable_grad():
                loss = -(target * F.log_softmax(scores(x, (weight, bias)).float(), 1)).sum(1).mean()
            gradients = torch.autograd.grad(loss, (weight, bias))
            for part, gradient in zip((weight, bias), gradients, strict=True):
                part.grad = gradient
            optimiser.step()
            done += 1
            yield done, float(loss.detach()), (weight.detach().clone(), bias.detach().clone())
            if done == steps:
                return
        if done == before:
            raise ValueError("there are no images to train a map with")
