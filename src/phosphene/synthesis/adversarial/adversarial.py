"""Adversarial examples: images that look as before, and are answered otherwise.

Three ways. `lbfgs` looks for the smallest change that reaches a chosen class (C. Szegedy et al., Intriguing properties
of neural networks, 2013; minimal.py). `fgsm` takes one step along the gradient's sign (I. Goodfellow et al.,
Explaining and harnessing adversarial examples, 2014), and `pgd` many, within a ball of a given radius (A. Madry et al.,
Towards deep learning models resistant to adversarial attacks, 2017; both in bounded.py). All change what the network
sees of a photo, after resizing and cropping, in units of pixels in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.fields import Role
from ...instrument.roles import ClassNames, Images
from ...network import Network
from ..engine.answers import answers, classes_of, in_words, rounded, with_others
from ..engine.optimisers.bounded import Norm, away_from, bounded, epsilon_of, radius_text, towards
from ..engine.options import count, seen_images, step_count, whole_seed
from ..engine.stepping import current_images
from .attack import Adversarial
from .minimal import Change, minimal_perturbations

Method = Annotated[Literal["lbfgs", "fgsm", "pgd"], Role.METHOD]
STEPS = {"lbfgs": 20, "fgsm": 1, "pgd": 20}
SEARCHES = 8
USERS = {"epsilon": ("fgsm", "pgd"), "norm": ("fgsm", "pgd"), "steps": ("lbfgs", "pgd"), "searches": ("lbfgs",),
         "survive": ("lbfgs",)}  # fmt: skip


@instrument
def adversarial(
    network: Network,
    images: Images,
    label: ClassNames | None = None,
    *,
    method: Method = "lbfgs",
    epsilon: float | str | None = None,
    norm: Norm | None = None,
    steps: int | None = None,
    searches: int | None = None,
    survive: bool = True,
    seed: int = 0,
) -> Iterator[Adversarial]:
    """Photos with a change too small for people to see, which the network classifies as something else.

    Images have the network's size, after its resizing and cropping. Raises LookupError for a class that does not exist,
    ValueError for a network without a score for each class or without gradients, ImportError for lbfgs without SciPy.

    - `label`: the class to reach, such as 'goose' or 99; one for all photos, or in Python a list with one for each. If
      not given, fgsm and pgd only move away from the network's answer, and lbfgs aims at the least likely class
    - `method`: lbfgs (the smallest change that reaches the class), fgsm (one step along the gradient's sign), pgd (many
      steps within a ball)
    - `epsilon`: the largest change of fgsm and pgd, for pixels in [0, 1], as a number or a fraction; 4/255 if not
      given, 1 in the L2 norm
    - `norm`: the norm of epsilon: linf, the largest change of any value (the default), or l2, the root of the sum of
      squares
    - `steps`: gradient steps of pgd (20), or at most in each search of lbfgs (20)
    - `searches`: how many weights of the norm lbfgs tries for each photo (8)
    - `survive`: lbfgs accepts a change only if it still works after rounding to 8 bits; if off, it accepts others too
    - `seed`: seed of pgd's start in the ball
    """
    if method not in STEPS:
        raise ValueError(f"a method is {', '.join(STEPS)}, not {method!r}")
    _used(method, epsilon=epsilon, norm=norm, steps=steps, searches=searches, survive=None if survive else False)
    original = seen_images(network, images)
    size = (int(original.shape[-2]), int(original.shape[-1]))
    before = with_others(network, answers(network, original))
    many = step_count(STEPS[method] if steps is None else steps)
    goals = _goals(network, label, method, before, size)
    predicted = before.argmax(1).tolist()
    targeted = label is not None or method == "lbfgs"
    sign = " → " if targeted else " → anything but "
    common: dict[str, Any] = {
        "network": network.name,
        "titles": tuple(
            f"{in_words(network, a)}{sign}{in_words(network, b)}" for a, b in zip(predicted, goals, strict=True)
        ),
        "original": original.cpu(),
        "before": before,
        "goals": tuple(goals),
        "targeted": targeted,
        "class_names": network.labels,
        "seed": whole_seed(seed),
    }
    if method == "lbfgs":
        searched = count(SEARCHES if searches is None else searches, "searches", 2)
        yield from _minimal(network, original, goals, searched, many, survive, common)
    else:
        ball = norm or "linf"
        radius = epsilon_of(epsilon, ball)
        yield from _bounded(network, original, goals, method, ball, radius, many, common)


def _used(method: Method, **options: Any) -> None:
    """ValueError for an option that was given and that the method would not look at."""
    for name, value in options.items():
        if value is not None and method not in USERS[name]:
            why = (
                "lbfgs looks for the smallest L2 norm itself" if method == "lbfgs" else f"{method} does not use {name}"
            )
            raise ValueError(f"{why}; {name} is for {' and '.join(USERS[name])}")


def _goals(network: Network, label: Any, method: Method, before: Tensor, size: tuple[int, int]) -> list[int]:
    """The class that each image is to reach, or to leave."""
    if label is not None:
        return classes_of(network, label, len(before), size)
    return (before.argmin(1) if method == "lbfgs" else before.argmax(1)).tolist()


def _bounded(
    network: Network, original: Tensor, goals: list[int], method: Method, norm: Norm, epsilon: float, steps: int,
    common: dict[str, Any],
) -> Iterator[Adversarial]:  # fmt: skip
    targeted = common["targeted"]
    names = in_words(network, goals[0]) if len(set(goals)) == 1 else "each image's class"
    aim = (towards if targeted else away_from)(network, goals, names)
    seeds = [common["seed"] + index for index in range(len(original))]
    image, moments = bounded(network, aim, original, norm=norm, epsilon=epsilon, steps=steps,
                             random=method == "pgd", seeds=seeds)  # fmt: skip
    way = "one step of the gradient" if method == "fgsm" else "projected gradient descent from a random start"
    how = f"{method.upper()}: {way}, within {radius_text(epsilon, norm)} of the photo"
    history = torch.empty(steps, len(original))
    for moment in moments:
        history[moment.step - 1] = moment.scores.float().cpu()
        images = current_images(image)
        after = answers(network, images)
        saved = answers(network, rounded(images)) if moment.step == steps else after
        likely = after[torch.arange(len(after)), goals].log()
        yield Adversarial(
            images=images.cpu(), after=after, saved=saved, scores=likely if targeted else -likely, how=how, steps=steps,
            history=history[: moment.step].clone(), step=moment.step, objective=aim.name, **common,
        )  # fmt: skip


def _minimal(
    network: Network, original: Tensor, goals: list[int], searches: int, iterations: int, survive: bool,
    common: dict[str, Any],
) -> Iterator[Adversarial]:  # fmt: skip
    """One photo after the other; a result after every search."""
    best = [Change(original[i : i + 1], 0.0, False, False, torch.nan) for i in range(len(goals))]
    history = torch.full((searches, len(goals)), torch.nan)
    how = f"Box-constrained L-BFGS, at most {iterations} iterations for each of {searches} weights of the norm"
    step, steps = 0, searches * len(goals)
    after = saved = common["before"]
    for index, goal in enumerate(goals):
        one = original[index : index + 1]
        changes = minimal_perturbations(network, one, goal, searches=searches, iterations=iterations, survive=survive)
        for number, best[index] in enumerate(changes):
            step += 1
            if best[index].survives if survive else best[index].reached:
                history[number, index] = best[index].norm
            image = best[index].image
            now = answers(network, torch.cat([image, rounded(image)]))
            at = torch.arange(len(goals))[:, None] == index
            after, saved = torch.where(at, now[:1], after), torch.where(at, now[1:], saved)
            images = torch.cat([each.image for each in best])
            yield Adversarial(
                images=images.cpu(), after=after, saved=saved, scores=-history[number].clone(), history=history.clone(),
                step=step, steps=steps, objective="smallest L2 norm",
                how=how, **common,
            )  # fmt: skip
