"""How alike are the layers of two networks? A number for each pair, from the same images through both.

    cka          centred kernel alignment, linear or with a Gaussian kernel (`hsic`): unbiased, over batches of images,
                 or biased, over all images at once
    rsa          rank correlation of distances between images
    procrustes   what is left after the best rotation of one onto the other
    cca          mean canonical correlation of principal components

`measures` and `hsic` have the formulas and sources. Unbiased CKA streams: its memory does not grow with the images. The
others compare all images with each other, and need a number for each two of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from ...data.passing import way_of
from ...instrument import instrument
from ...instrument.roles import CheckpointFolder, Cluster, ImageSource, LayerNames
from ...network import Layer, Network
from ...network.blocks import distinct_blocks
from .hsic import FEWEST
from .passes import Both
from .result import Estimate, Kernel, Kind, Similarity
from .work import Work

MOST = 24  # layers where none are named


@instrument
def similarity(
    a: Network,
    b: Network,
    images: ImageSource,
    *,
    kind: Kind = "cka",
    layers: LayerNames | None = None,
    layers_b: LayerNames | None = None,
    kernel: Kernel = "linear",
    estimate: Estimate = "unbiased",
    width: float = 0.5,
    batch: int = 64,
    limit: int | None = 1000,
    seed: int = 0,
    ray: Cluster | None = None,
    checkpoint: CheckpointFolder | None = None,
) -> Iterator[Similarity]:
    """How alike the layers of two networks are: CKA, RSA, Procrustes or CCA, for every pair of layers in one pass.

    Raises LookupError for an unknown layer, ValueError for too few images or values that are not finite.

    - `a`: the network of the rows
    - `b`: the network of the columns
    - `images`: a folder, archive, table or data set of images, or photos
    - `kind`: centred kernel alignment (cka, over batches), rank correlation of distances (rsa), Procrustes similarity
      (procrustes) or mean canonical correlation (cca); all but unbiased cka hold a number for each two images
    - `layers`: which layers of the first network, and of the second where it has them; if not given, the outputs of
      blocks, at most 24 spread over the depth
    - `layers_b`: which layers of the second network, if others
    - `kernel`: of cka: linear, or rbf, a Gaussian of distances
    - `estimate`: of cka: unbiased, over batches, or biased, over all images at once, as many papers have it
    - `width`: of the Gaussian, in medians of the distances
    - `batch`: images of a batch, which cka compares with each other
    - `limit`: how many images to use at most, spread over all
    - `seed`: of the intervals' draws
    - `ray`: run on the Ray cluster at this address; 'local' starts one on this machine, 'auto' uses a running one
    - `checkpoint`: a folder that holds how far the run is, so that a killed run goes on from there
    """
    if kind not in get_args(Kind):
        raise ValueError(f"a similarity is {', '.join(get_args(Kind))}, not {kind!r}")
    if estimate not in get_args(Estimate):
        raise ValueError(f"an estimate is {' or '.join(get_args(Estimate))}, not {estimate!r}")
    if batch < FEWEST:
        raise ValueError(f"a batch has {FEWEST} images at least, since the estimate divides by batch - 3; not {batch}")
    if not width > 0:
        raise ValueError(f"the Gaussian's width is above 0, not {width}")
    chosen = _layers(a, b, layers, layers_b)
    for network, some in zip((a, b), chosen, strict=True):
        for layer in some:
            network.steadiness().insist(
                network.name, layer.name, "layers are compared by what an image gives each time"
            )
    began = Similarity(
        a=a.name, b=b.name, kind=kind, kernel=kernel, layers=(_names(chosen[0]), _names(chosen[1])),
        values=np.full((len(chosen[0]), len(chosen[1])), np.nan), low=np.full((1, 1), np.nan),
        high=np.full((1, 1), np.nan), estimate=estimate, images=0, hash="",
        same=a is b or a.fingerprint == b.fingerprint, seed=seed,
    )  # fmt: skip
    began = replace(began, low=began.values, high=began.values)
    account = {
        "instrument": "similarity", "kind": kind, "kernel": kernel, "estimate": estimate, "width": width,
        "layers": began.layers,
    }  # fmt: skip
    how = way_of(ray, checkpoint, [a, b], account)
    work = Work(a, b, Both(images, chosen, limit, batch), how, seed)
    streams = kind == "cka" and estimate == "unbiased"
    steps = work.streamed(kernel, width) if streams else work.whole(kind, width if kernel == "rbf" else None)
    for step, (words, change) in enumerate(steps, 1):
        yield replace(began, progress=words, step=step, **change)
    how.done()


def _layers(a: Network, b: Network, layers: Any, layers_b: Any) -> tuple[list[Layer], list[Layer]]:
    names_a = _listed(layers)
    names_b = _listed(layers_b)
    if names_b is None and names_a is not None:
        known = {layer.name for layer in b.layers()}
        names_b = names_a if known.issuperset(names_a) else None
    return _chosen(a, names_a), _chosen(b, names_b)


def _listed(names: Any) -> list[str] | None:
    return None if names is None else [names] if isinstance(names, str) else list(names)


def _chosen(network: Network, names: list[str] | None) -> list[Layer]:
    if names is None:
        names = distinct_blocks(network) or [layer.name for layer in network.layers() if layer.module]
        if len(names) > MOST:
            names = [names[index * (len(names) - 1) // (MOST - 1)] for index in range(MOST)]
    return [network.layer(name) for name in dict.fromkeys(names)]


def _names(layers: Sequence[Layer]) -> tuple[str, ...]:
    return tuple(layer.name for layer in layers)
