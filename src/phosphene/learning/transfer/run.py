"""Transfer: a network learns the classes of a folder, into a folder that opens like any network.

1. read every photo once, and compute its features: what the network's layer of scores reads
2. split the photos by their hashes, and see whether four of them can be learned by heart
3. frozen: learn the new layer of scores on the features (`probe`)
4. whole, where it is asked for: find a learning rate, then learn all weights from augmented photos (`system`)
5. measure on the held-out photos, explain the worst of them, write weights and card
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from ...network import Network
from ...picture import counted
from ..checkpoints.former import former_run
from ..training.recipe import Recipe
from ..training.train import fabric_for
from .changes import checked_kind
from .course import HEAD, NETWORK, Course
from .early import early_look, one_of_each
from .ending import ending
from .features import is_linear
from .head import answers_of, head_of, score_layer, set_head, with_head
from .moment import Moment
from .photo_examples import PhotoExamples
from .photos import photo_folder
from .probe import PENALTY, Scale, probe_for
from .reading import Material, read
from .results import TransferredNetwork
from .split import HELD_OUT
from .system import Transfer, TransferConfig, json_of
from .whole import Wishes
from .whole import whole as learn_whole

AFTER = 2.5  # times what reading a photo and computing its features takes: what each held-out photo costs at the end


def transfer(
    network: Network, folder: Any, out: str | os.PathLike[str] = "transferred", minutes: float | None = 5,
    classes: Sequence[str] | None = None, **options: Any,
) -> TransferredNetwork:  # fmt: skip
    """The network with the classes of a folder's sub-folders, learned in at most so many minutes; written into `out`.

    It is a `Network`: instruments, the report and the microscope take it, and `load(out)` opens it again. `.accuracy`
    is its share of right answers on photos that it has not learned from, `.right` the same with its interval, and
    `phosphene.learning.learned(out)` the sheet. `network` itself stays as it is. `classes` chooses sub-folders, in the
    order that their scores have. The options are those of `transferring`, such as `whole=True`, `augment="drawing"`,
    `seed=0`.
    """
    *_, last = transferring(network, folder, out, minutes, classes, **options)
    assert last.result is not None  # of the last step
    return last.result


def transferring(
    network: Network, folder: Any, out: str | os.PathLike[str] = "transferred", minutes: float | None = 5,
    classes: Sequence[str] | None = None, *, whole: bool = False, augment: str = "photo", rate: float | None = None,
    batch: int = 16, steps: int | None = None, penalty: float = PENALTY, held_out: float = HELD_OUT, fold: int = 0,
    seed: int = 0, device: str | None = None, resume: bool = False,
) -> Iterator[Moment]:  # fmt: skip
    """The same, step by step.

    Frozen, only the new layer of scores learns, on features that are computed once; `penalty` is C of its logistic
    regression. With `whole` all weights learn after that, the body at a tenth of the head's `rate`, which the finder
    chooses if it is not given; from photos that are augmented as `augment` says (photo, drawing, none), `batch` at a
    time, in `steps` or in as many as fit into `minutes`. `held_out` is the share of photos to measure on, and
    `fold` which share of the hashes it is, from 0. With `resume` a run that was stopped goes on, to the same weights as
    one run.

    Raises ValueError, LookupError or FileNotFoundError, in a sentence, for a network without a layer of scores, for a
    folder without two classes of two photos each, and for an `out` that holds something else.
    """
    if not isinstance(network, Network):
        raise TypeError(f"transfer begins with a phosphene.Network, not {type(network).__name__}; ph.load opens one")
    if minutes is not None and not minutes > 0:
        raise ValueError(f"minutes are above 0, not {minutes:g}")
    if not penalty > 0:
        raise ValueError(f"penalty, C of the logistic regression, is above 0, not {penalty:g}")
    checked_kind(augment)
    Recipe(steps=1 if steps is None else steps, batch=batch, rate=1e-3 if rate is None else rate)  # checks them
    path = Path(out).expanduser()
    course = Course(path, former_run(path, resume), minutes, seed, fabric_for(Transfer.recipe, device))
    course.settings = {
        "network": network.fingerprint, "whole": whole, "augment": augment, "penalty": penalty, "held_out": held_out,
        "fold": fold,
    }  # fmt: skip
    going_on = course.goes_on_with(NETWORK)
    # the network with a new layer of scores, and the photos
    config, module = _begun(network, photos := photo_folder(folder, classes), whole)
    module.to(course.fabric.device)
    trial = Network(module, network.preprocessing, head=config.head)  # type: ignore[arg-type]
    linear = is_linear(module, config.score_layer, trial)
    if not linear and (config.head != "softmax" or not whole):
        other = "" if config.head != "softmax" else ", or let all weights learn: whole=True (--whole)"
        raise ValueError(
            f"what {network.name} answers is not linear in what its layer {config.score_layer.name!r} reads: it "
            f"changes its scores afterwards. Give the network that returns the scores themselves{other}"
        )
    material = yield from read(
        network, photos, module, config.score_layer, minutes, with_features=linear and not going_on, with_images=whole
    )
    learned, held = photos.split(held_out, fold)
    data = photos.account(held_out, fold, learned, held)
    course.same = {"system": Transfer.name, "config": asdict(config), "data": data["sha256"], "seed": seed}
    # learning
    labels = photos.labels(learned)
    if going_on and course.former is not None:
        course.stated = dict(course.former["stated"])
    else:
        yield _look(course, module, config, material, learned, labels, len(held), network)
        if linear:
            assert material.features is not None
            own = None if whole else steps
            yield from _frozen(course, module, config, material.features[torch.tensor(learned)], labels, penalty, own)
            answers = answers_of(head_of(module, config.score_layer), material.features[torch.tensor(held)])
            course.stated["frozen"] = int((answers == photos.labels(held)).sum())
    if whole:
        assert material.images is not None
        images = material.images[torch.tensor(learned)]
        examples = PhotoExamples(images, labels, augment, network.preprocessing)
        names = [photos.photos[at].key for at in learned]
        wishes = Wishes(batch, rate, steps, AFTER * material.per_photo * len(held))
        yield from learn_whole(course, Transfer(config, module), examples, names, wishes)
    stated = {"augment": augment if whole else "none", "penalty": penalty}
    yield from ending(course, network, module, config, photos, held, data, stated)


def _begun(network: Network, photos: Any, whole: bool) -> tuple[TransferConfig, Any]:
    """What the card will say of how the network is built, and a copy of it with a new layer of scores."""
    network.normalise(torch.zeros(1, 3, 8, 8))  # ValueError for a network that takes no photos
    layer = score_layer(network)
    if isinstance(network, TransferredNetwork):  # what was taken out of it stays out
        layer = replace(layer, after=(*layer.after, *network.card.config["layer"]["after"]))
    channels = network.channels or network.preprocessing.channels
    head = network.head if network.head in ("probabilities", "log-probabilities") else "softmax"
    config = TransferConfig(
        (channels, *network.preprocessing.size), None, json_of(layer), photos.classes, network.preprocessing.to_dict(),
        head, whole,
    )  # fmt: skip
    return config, with_head(network, layer, len(photos.classes))


def _look(
    course: Course, module: Any, config: TransferConfig, material: Material, learned: Sequence[int],
    labels: torch.Tensor, held: int, network: Network,
) -> Moment:  # fmt: skip
    """Whether a few photos can be learned by heart, and how much there is to learn from."""
    some = one_of_each(labels.tolist())
    places, targets = torch.tensor([learned[at] for at in some]), labels[some]
    if config.whole:
        assert material.images is not None
        examples = PhotoExamples(material.images[places], targets, "none", network.preprocessing)
        x = examples.batch(torch.arange(len(some))).x.to(course.fabric.device)
        fine, sentence = early_look(module, x, targets, config.head, rates=1)
    else:
        assert material.features is not None
        scale = Scale.of(material.features[torch.tensor(learned)])
        x = scale.examples(material.features[places], targets).x
        linear = probe_for(x, len(config.classes), PENALTY).linear
        fine, sentence = early_look(linear, x, targets, "softmax", rates=3)
    course.stated["early"] = sentence
    if not fine:
        course.note(sentence)
    return Moment(1, 1, "early look", f"{counted(len(learned), 'photo')} to learn from, {held:,} held out; {sentence}")


def _frozen(
    course: Course, module: Any, config: TransferConfig, features: torch.Tensor, labels: torch.Tensor, penalty: float,
    steps: int | None,
) -> Generator[Moment]:  # fmt: skip
    """Learns the layer of scores on the features, and puts it into the network."""
    scale = Scale.of(features)
    examples = scale.examples(features, labels)
    probe = probe_for(examples.x, len(config.classes), penalty)
    plan = probe.recipe if steps is None else replace(probe.recipe, steps=steps)
    yield from course.learn(probe, examples, plan, HEAD)
    set_head(head_of(module, config.score_layer), *scale.raw(probe))
