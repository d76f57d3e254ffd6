"""The facets of a unit: one image for each kind of photo that it answers to.

A unit for grocery stores answers to shop fronts and to shelves; one image shows one of them, or a mixture. Multifaceted
feature visualization (A. Nguyen, J. Yosinski and J. Clune, 2016) starts the ascent once for each kind:

    1. take the photos to which the unit answers most, and what a later layer says of them
    2. part them into groups (`facet_groups.py`)
    3. for each group, start gradient ascent at the mean of the photos nearest to its centre
    4. go in phases, more and more in the middle of the image (`phases.py`)

Two things are ours. The image keeps its start: what is optimised is added to it and fades (`from_start.py`). And each
facet is drawn to its photos not by its start alone but by its code as well: the objective is

    score(i) + pull · |mean score| · sum over two layers of affinity(i, i),

the affinity of image i to the photos of its own group against the others (`kinds.py`). With `pull` 0 the start is all
that tells facets apart, as in the paper.

Whether that is more than chance is measured: as many images start at noise, take the same steps beside them, and are
drawn to nothing. How far images are from each other is 1 − the cosine of a layer's means over its places, mean over
pairs, at a layer between those two; benchmarks/facets.py asks a second network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import LayerName, Photos, UnitName
from ...network import Network
from ..engine.ascent import scored
from ..engine.collection import look_through
from ..engine.images.from_start import FromStart
from ..engine.named import Priors
from ..engine.objectives import unit
from ..engine.options import count, generator, image_count, input_size, positive, step_count
from ..engine.phases import in_phases
from ..engine.priors import Fade
from ..engine.recipes import fourier
from ..engine.settings import Settings
from ..engine.stepping import current_images
from .diversity import single
from .groups import kinds_of
from .kinds import drawn_to_kinds, likeness, nearest
from .layers import facet_layers
from .result import Facets

PULL = 1.0


@instrument
def facets(
    network: Network,
    target: UnitName,
    photos: Photos,
    *,
    groups: int = 4,
    top: int = 60,
    layer: LayerName | None = None,
    pull: float = PULL,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    seed: int = 0,
    rate: float = 0.02,
    priors: Priors | None = None,
) -> Iterator[Facets]:
    """The different things that a unit responds to: an image for each kind of photo among its strongest photos.

    Takes any number of photos, files and folders; files that can't be read are left out and named. Raises LookupError
    for a target or a layer that does not exist, ValueError for fewer photos than groups and for a target that no
    gradient reaches.

    - `target`: what to raise: a channel such as 'blocks.5:17', a neuron, or a class such as 'logits:goose'
    - `photos`: photos or folders of photos; give hundreds, of many kinds
    - `groups`: how many facets to make
    - `top`: how many of the strongest photos are divided into groups
    - `layer`: the layer by whose means over places photos are grouped; if not given, the last one with maps
    - `pull`: the weight of similarity to the group's photos, as a share of the score; with 0, only the start differs
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent to take, in phases
    - `seed`: seed of the grouping, the noise and the shifts; the same seed gives the same images
    - `rate`: Adam's step size
    - `priors`: what images should be like, such as tv:0.5, or none: tv, l2, lp, fade, spectrum and colours, as for
      synthesize; a spectrum that fades if not given. There are no transforms: each phase has its own view of the image
    """
    shape, steps = input_size(network, size), step_count(steps)
    many = image_count(groups, "groups", shape, network, [target], least=2, each=2)
    pull = positive(pull, "pull", zero=True)
    address = single(network, target, shape)
    usual = network.preprocessing.size
    answers = look_through(network, photos, network.address(address, usual))
    at = facet_layers(network, layer, shape)
    kinds = kinds_of(network, answers, [network.layer(each.name, usual) for each in at.all],
                     many=many, top=count(top, "top", many), size=shape, seed=seed)  # fmt: skip
    settings = Settings("fourier", (Fade(),)).override(priors)
    image = started(kinds.begun, seed, settings.spectrum_options)
    base, alike = unit(network, address, shape), likeness(at.between)
    closeness = nearest(at.between, kinds.centres[at.between.name])
    raised = drawn_to_kinds(base, at.pulling, kinds.centres, pull) if pull else base
    watched = settings.less_costs(raised) + 0 * alike + 0 * closeness  # which are told, but ask for nothing
    history = torch.empty(steps, 2 * many)
    how = f"Fourier image added to its start, {settings.colours}, in phases, Adam with rate {rate:g}"
    how += f", {settings.priors_text}" if settings.priors_text else ""
    for moment in in_phases(network, watched, image, steps=steps, optimiser=settings.optimiser(rate), seed=seed):
        final, parts = moment.images, moment.parts
        history[moment.step - 1] = parts[base.name]
        if moment.step == steps:
            final = current_images(image)
            parts = {each.name: scored(network, each, final) for each in (base, alike, closeness)}
        scores, cosines = parts[base.name].cpu(), parts[alike.name].double()
        yield Facets(
            network=network.name, objective=base.name, titles=tuple(f"facet {number + 1}" for number in range(many)),
            images=final[:many].cpu(), scores=scores[:many], history=history[: moment.step, :many].clone(),
            restarts=final[many:].cpu(), restart_scores=scores[many:],
            restart_history=history[: moment.step, many:].clone(),
            distances={"facets": 1 - float(cosines[:many].mean()), "restarts": 1 - float(cosines[many:].mean())},
            matched=int(parts[closeness.name][:many].sum()), photo_score=float(answers.scores.max()),
            groups=kinds.groups,
            begun=kinds.begun, layer=at.later.name, pulling=tuple(each.name for each in at.pulling if pull),
            measured=at.between.name, pull=pull, step=moment.step, steps=steps, seed=seed,
            unreadable=answers.unreadable,
            how=how,
        )  # fmt: skip


def started(begun: Tensor, seed: int, options: Mapping[str, Any] | None = None) -> FromStart:
    """Images that start at the given ones, and behind them as many that start at weak noise."""
    size = (int(begun.shape[-2]), int(begun.shape[-1]))
    noise = current_images(fourier(len(begun), size, generator(seed)))
    return FromStart(torch.cat([begun, noise]), **(options or {}))
