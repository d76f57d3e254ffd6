"""Do two networks have the same representation? The bottom of one is stitched to the top of the other.

Φ_A and Φ_B are equivalent where a map E of one into the other exists. E is an affine layer of 1 × 1 convolution over
the channels, of the maps of Φ_A at the points that the places of Φ_B look at (`places`); the stitched network is the
top of B on E Φ_A (K. Lenc and A. Vedaldi, *Understanding image representations by measuring their equivariance and
equivalence*, CVPR 2015, section 4; later "model stitching", Y. Bansal, P. Nakkiran and B. Barak, NeurIPS 2021). E is
learned in two ways:

    regression  ridge regression of Φ_B(x) on Φ_A(x), chosen on held-out images
    task        from there on, by the classifier's loss through the top of B

and held against what shows nothing: no layer at all (naive), and the bottom of A before its training (untrained). The
shuffled control must be recovered: the channels of Φ_B itself, in another order, and the layer that puts them back.

Errors are squared, over the variance of Φ_B about its channels' means: 0 is exact, 1 no better than the mean. They are
measured on images that took no part in the fits, and so are answers. Which of the two layers is taken, and which pair
of layers is the best, is chosen on other images than those that measure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from ...data.collection import ImageCollection
from ...data.passing import passed, way_of
from ...instrument import instrument
from ...instrument.roles import CheckpointFolder, Cluster, ImageSource, LayerName
from ...network import Network
from ...network.room import human
from ..maps.samples import check_sums
from ..maps.turns import check_enough
from .fitting import SOURCES, Stitches, StitchSums, trained_by_answers
from .measuring import Measuring
from .pairs import pairs_of
from .result import Stitching
from .untrained import untrained


@instrument
def stitch(
    a: Network,
    b: Network,
    layer_a: LayerName | None,
    layer_b: LayerName | None,
    images: ImageSource,
    *,
    task: int = 30,
    limit: int | None = 200,
    seed: int = 0,
    ray: Cluster | None = None,
    checkpoint: CheckpointFolder | None = None,
) -> Iterator[Stitching]:
    """The bottom of one network under the top of another, joined by a learned layer: do they see the same?

    The layer is an affine map of channels, fitted by regression and then through the top's answers. Baselines: no
    layer, an untrained bottom, and shuffled channels, which must be put back. Raises ValueError for fewer than ten
    images, for a layer that values go past, and for networks without class scores; LookupError for an unknown layer.

    - `a`: the network whose bottom is taken
    - `b`: the network whose top is taken
    - `layer_a`: where the bottom ends; if not given, up to four blocks, spread over the depth
    - `layer_b`: where the top begins; if not given, the block of the like grid and depth
    - `images`: a folder, archive, table or data set of images, or photos; with a sub-folder for each class, answers are
      held against the classes
    - `task`: so many steps of training by the classifier's loss, 16 images each; 0 leaves the regression as it is
    - `limit`: how many images to use at most, spread over all
    - `seed`: of the untrained bottom, the shuffled channels, and which places take part in the fit
    - `ray`: run on the Ray cluster at this address; 'local' starts one on this machine, 'auto' uses a running one
    - `checkpoint`: a folder that holds how far the run is, so that a killed run goes on from there; training by the
      task begins anew
    """
    if task < 0:
        raise ValueError(f"task is a number of steps, at least 0, not {task}")
    pairs = tuple(pairs_of(a, b, layer_a, layer_b, photos=not isinstance(images, torch.Tensor)))
    check_enough(ImageCollection(images, [a, b], limit=limit), "stitching needs")
    sizes = [(pair.channels[name == "shuffled"], pair.channels[1]) for pair in pairs for name in SOURCES]
    size = check_sums([sizes], "choose one pair of layers, or layers of fewer channels")
    networks = a, untrained(a, seed), b
    account = {"instrument": "stitch", "layers": [pair.name for pair in pairs], "task": task, "seed": seed}
    how = way_of(ray, checkpoint, networks, account)
    began = Stitching(
        a=a.name, b=b.name, stitches=(), right_a=None, right_b=None, labelled=False, images=0, fitting=0, seed=seed,
        chance=float("nan"), networks=(a, b), sums_bytes=size,
    )  # fmt: skip
    yield replace(began, progress=f"fitting: sums of {human(size)}", step=1)
    stitches = Stitches(images, pairs, limit, seed)
    step = 1
    with torch.no_grad():
        fit = StitchSums(stitches)
        gathered = fit.begin(networks)
        for words in passed("fitting", fit, networks, how, gathered):
            step += 1
            yield replace(began, progress=words, step=step)
        fits = tuple(fit.solved(gathered))
        stated = all(gathered.rows["stated"])
        began = replace(
            began, fitting=gathered.images, labelled=stated, unreadable=tuple(gathered.unreadable)
        )  # fmt: skip
        taught = {}
        for words, index, layer in trained_by_answers(stitches, networks, fits, stated, task):
            taught[index] = layer
            step += 1
            yield replace(began, progress=words, step=step)
        work = Measuring(stitches, fits, tuple(taught[index] for index in sorted(taught)))
        gathered = work.begin(networks)
        for words in passed("measuring", work, networks, how, gathered):
            step += 1
            yield replace(began, progress=words, step=step)
    yield replace(work.result(networks, gathered, began), step=step + 1)
    how.done()
