"""Can the network learn at all? A copy of it is trained on one batch of a few photos, until it knows them by heart.

A network that can't bring the loss of one small batch to nearly zero has a fault that more data won't mend: weights
that no gradient reaches, dead units, an answer that is cut off from the image, a loss that does not fit the outputs
(A. Karpathy, A recipe for training neural networks, 2019: "overfit one batch").

The loss is the cross entropy that the head stands for, the optimiser Adam, at up to three rates until one gets there:
larger ones where the loss falls slowly, otherwise a smaller one. Frozen weights (`requires_grad` is False) stay as they
are. Dropout and stochastic depth are off, as in evaluation mode; batch norms take the batch's own mean and variance, as
in training. Where the network has the classes of the photos right already, there would be nothing to learn, so that the
photos get each other's classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from ...network import Network
from ...network.running.chance import own_chance
from ...network.running.outputs import log_probabilities, main_tensor, per_image, probabilities
from ...network.running.weights import plain_copy
from .finding import Finding, listed
from .photos import Material
from .preprocessing import answer

PHOTOS = 4
RATE, FASTER, SLOWER = 1e-3, (1e-2, 1e-1), (1e-4, 1e-2)  # of Adam: the first, and those that follow it
STEPS = 200  # at each rate
PATIENCE = 50  # steps after which a rate is given up, where the loss has not fallen by a hundredth
NEAR = 0.05  # nats: the classes are given 95 % each
SMALLEST = 1e-12
KNOWN = 0.5  # nats: a loss below which the network has the photos right already
NAME = "overfits one batch"


@dataclass(frozen=True)
class Training:
    """A copy's losses, before each step, and the weights that no gradient has reached."""

    rate: float
    losses: tuple[float, ...]
    unreached: tuple[str, ...]
    weights: int

    @property
    def best(self) -> float:
        return min((loss for loss in self.losses if math.isfinite(loss)), default=math.inf)

    @property
    def slow(self) -> bool:
        """Whether the loss has fallen well, if not to nearly zero."""
        return self.best < self.losses[0] / 2

    @property
    def falling(self) -> bool:
        """Whether it never stood still, up to the last step."""
        return len(self.losses) > STEPS


def overfits(network: Network, material: Material) -> Finding:
    """Whether a copy of the network learns a batch of photos by heart; the network itself is left alone."""
    answers = answer(network, network.normalise(material.images[:1]))
    outputs = 0 if answers is None else answers.shape[1]
    if not outputs:
        outputs = _columns(network, material)
    if not outputs:
        words = f"{network.name} does not give one score a class, so nothing was trained."
        return Finding(NAME, "note", words)
    few = batch(material, max(outputs, 2))
    if few is None:
        words = "There are no photos of two classes, so nothing was trained."
        return Finding(NAME, "note", words, {}, "Give a folder of photos with a sub-folder for each class.")
    rows, targets = few
    x = network.normalise(material.images[rows]).to(network.device, _trainable(network.dtype))
    is_exchange = answers is not None and _known(network, material.images[rows], targets)
    if is_exchange:
        targets = _exchanged(targets)
    try:
        trials = list(trained(network, x, targets))
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        return Finding(NAME, "note", f"A copy of {network.name} can't be trained: {reason}.", {"error": reason})
    return _judged(network, trials, len(rows), is_exchange)


def batch(material: Material, classes: int) -> tuple[list[int], Tensor] | None:
    """The numbers of a few photos, one of each class in turn, and their classes (N,); None where there are no two.

    Where sub-folders are no classes of the network they are numbered in their order.
    """
    targets = material.targets.tolist()
    if len({target for target in targets if 0 <= target < classes}) < 2:
        names = sorted({name for name in material.names if name is not None})
        targets = [names.index(name) if name is not None else -1 for name in material.names]
    groups: dict[int, list[int]] = {}
    for at, target in enumerate(targets):
        if 0 <= target < classes:
            groups.setdefault(target, []).append(at)
    if len(groups) < 2:
        return None
    turns = [group[turn] for turn in range(PHOTOS) for group in groups.values() if turn < len(group)][:PHOTOS]
    return turns, torch.tensor([targets[at] for at in turns])


def trained(network: Network, x: Tensor, targets: Tensor) -> Iterator[Training]:
    """Copies of the network, trained at one rate after the other, until one has learned the batch."""
    rates = [RATE]
    while rates:
        training = _training(network, x, targets.to(x.device), rates.pop(0))
        yield training
        if training.best < NEAR or len(training.unreached) == training.weights:
            return
        if training.rate == RATE:
            rates += FASTER if training.falling or training.slow else SLOWER


def _training(network: Network, x: Tensor, targets: Tensor, rate: float) -> Training:
    with own_chance(), torch.inference_mode(False), torch.enable_grad():
        torch.default_generator.manual_seed(0)
        module = _copy(network)
        weights = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
        if not weights:
            return Training(rate, (), (), 0)
        optimiser = torch.optim.Adam(weights.values(), lr=rate)
        losses: list[float] = []
        unreached = list(weights)
        for step in range(STEPS + 1):
            loss = _loss(_scores(module, x), targets, network.head)
            losses.append(float(loss.detach()))
            if not math.isfinite(losses[-1]) or losses[-1] < NEAR or _stands_still(losses):
                break
            optimiser.zero_grad()
            if loss.requires_grad:
                loss.backward()
            unreached = [name for name in unreached if _nothing(weights[name].grad)]
            if step == 0 and len(unreached) == len(weights):  # and never will
                break
            optimiser.step()
    return Training(rate, tuple(losses), tuple(unreached), len(weights))


def _copy(network: Network) -> nn.Module:
    """A copy to be trained: in evaluation mode but for batch norms, and no coarser than 32 bits."""
    module = plain_copy(network.module).eval()
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            part.train()
    return module.to(_trainable(network.dtype))


def _trainable(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype == torch.float64 else torch.float32


def _scores(module: nn.Module, x: Tensor) -> Tensor:
    tensor = main_tensor(module(x))
    rows = None if tensor is None else per_image(tensor, len(x))
    if rows is None or rows.ndim != 2:
        raise ValueError("it gives no score for each class of an image")
    return rows


def _loss(scores: Tensor, targets: Tensor, head: str) -> Tensor:
    """The mean cross entropy of the batch; of classes that don't exclude each other, the sum of all their losses."""
    yes = log_probabilities(scores, head)
    if head != "sigmoid" and scores.shape[1] > 1:
        return -yes[torch.arange(len(scores), device=scores.device), targets].mean()
    no = functional.logsigmoid(-scores) if head == "sigmoid" else (
        (1 - probabilities(scores, head)).clamp(min=SMALLEST).log()
    )  # fmt: skip
    one = scores.shape[1] == 1
    is_target = targets[:, None] == 1 if one else functional.one_hot(targets, scores.shape[1]) == 1
    return -torch.where(is_target, yes, no).sum(1).mean()


def _nothing(gradient: Tensor | None) -> bool:
    return gradient is None or not bool(gradient.any())


def _stands_still(losses: Sequence[float]) -> bool:
    if len(losses) <= PATIENCE:
        return False
    return min(losses[-PATIENCE:]) > 0.99 * min(losses[:-PATIENCE])


def _columns(network: Network, material: Material) -> int:
    """How many classes it scores, of those that don't exclude each other as well; 0 where it scores none."""
    try:
        return network.scores(network.normalise(material.images[:1]).to(network.device, network.dtype)).shape[1]
    except ValueError:
        return 0


def _known(network: Network, images: Tensor, targets: Tensor) -> bool:
    """Whether the network has the photos right already, so that there would be nothing to learn."""
    answers = answer(network, network.normalise(images))
    return answers is not None and float(-answers[torch.arange(len(targets)), targets].mean()) < KNOWN


def _exchanged(targets: Tensor) -> Tensor:
    """Each class replaced by the next one of the batch."""
    classes = targets.unique()
    return classes[(torch.searchsorted(classes, targets) + 1) % len(classes)]


def _judged(network: Network, trials: Sequence[Training], photos: int, is_exchange: bool) -> Finding:
    best = min(trials, key=lambda training: training.best)
    losses = [round(loss, 4) for loss in best.losses if math.isfinite(loss)]
    evidence = {
        "photos": photos, "exchanged": is_exchange, "rate": best.rate, "losses": losses,
        "without gradient": list(best.unreached), "weights": best.weights,
    }  # fmt: skip
    if not best.weights:
        words = "All weights are frozen, so that none can be trained."
        return Finding(NAME, "note", words, evidence, "Set requires_grad of those that are to learn.")
    unreached_count = len(best.unreached)
    unreached_text = ""
    if unreached_count:
        names = listed(list(best.unreached))
        unreached_text = f" No gradient reaches {unreached_count} of {best.weights} weights: {names}."
    if unreached_count == best.weights:
        words = f"No gradient of the loss reaches any of the {best.weights} weights, so that nothing can be learned."
        advice = "Look for detach(), no_grad(), rounding or units that are all dead between the weights and the answer."
        return Finding(NAME, "fault", words, evidence, advice)
    if not math.isfinite(best.best):
        words = "The loss of a copy in training mode is no finite number."
        return Finding(NAME, "warning", words, evidence, "Look at the scale of the input and of the scores.")
    steps = len(best.losses) - 1
    classes = ", with their classes exchanged, since it had them right already" if is_exchange else ""
    loss_text = f"from {best.losses[0]:.3g} to {best.best:.2g} in {steps} step{'s' * (steps != 1)}"
    if best.best < NEAR:
        words = f"A copy learned {photos} photos by heart{classes}: its loss went {loss_text}.{unreached_text}"
        return Finding(NAME, "note" if unreached_count else "good", words, evidence)
    words = f"A copy did not learn {photos} photos by heart{classes}: its loss went {loss_text}, not to 0."
    words += unreached_text
    slow = "It may only be slow: very small networks need more steps."
    advice = slow if best.slow else "Look for layers that learn nothing, and at the scale of inputs and scores."
    return Finding(NAME, "note" if best.slow else "warning", words, evidence, advice)
