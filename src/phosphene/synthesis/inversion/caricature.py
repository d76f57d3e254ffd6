"""Caricature: a photo changed so that a layer answers it even more in the way it already does.

    x* = argmax ⟨φ0, φ(x)⟩ / |φ0|² − λ_α R_α(x) − λ_V V^β(x),    φ0 = φ(photo), x from the photo

A. Mahendran and A. Vedaldi, Visualizing deep convolutional neural networks using natural pre-images, IJCV 2016, section
3.3. The photo's own inner product is 1. λ follow the rule of `invert`: the photo itself would cost `prior`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...input_photo import named
from ...instrument import instrument
from ...instrument.roles import Images, LayerName
from ...network import Network
from ...picture import Sheet, compact
from ..engine.ascent import adam, ascend
from ..engine.images.image import Fourier
from ..engine.layers.codes import Code, code, reading
from ..engine.named import Transforms
from ..engine.objectives import Objective, objective
from ..engine.options import positive, seen_images, step_count
from ..engine.parted import Parted, parted
from ..engine.settings import Settings, check_robust
from ..engine.synthesis import tiled, with_trace
from ..engine.transforms import Moved
from .invert import likely

PRODUCT = "inner product"
SHAKEN = Moved(shift=2 / 224, scale=0.01, turn=1.0)  # little: activations are compared place by place


@dataclass(frozen=True, eq=False, kw_only=True)
class Caricature(Parted):
    """Photos (N, 3, H, W) changed so that their activations reach further in the direction that they had."""

    originals: Tensor = field(repr=False)  # (N, 3, H, W)
    layer: str

    @property
    def products(self) -> Tensor:
        """⟨φ0, φ(x)⟩ / |φ0|² of each image: (N,). 1 for the photo itself."""
        return self.parts[PRODUCT]

    @property
    def progress(self) -> str:
        return f"inner product at {self.layer}: {compact(float(self.products.mean()))}"

    def sheet(self, *, columns: int = 4) -> Sheet:
        """Each photo and its caricature, and how the inner product grew.

        - `columns`: images in a row
        """
        pairs = torch.stack([self.originals, self.images], 1).flatten(0, 1)
        labels = [text for product in self.products for text in ("photo: 1", f"caricature: {float(product):.3g}")]
        return self.sheet_of(with_trace(tiled(pairs, labels, columns), self.part_history[PRODUCT], PRODUCT))

    @property
    def heading(self) -> str:
        return f"What {self.layer} sees in the photo, exaggerated"

    @property
    def caption(self) -> str:
        return f"{super().caption} Numbers are inner products with the photo's activations, whose own is 1."

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "layer": self.layer, "products": self.products.tolist()}


@instrument
def caricature(
    network: Network,
    images: Images,
    layer: LayerName,
    *,
    steps: int = 100,
    prior: float = 0.1,
    seed: int = 0,
    robust: bool = True,
    rate: float = 0.03,
    transforms: Transforms | None = None,
) -> Iterator[Caricature]:
    """A photo in which the features that a layer responds to are exaggerated: its activations grow in their direction.

    `products` of the result are `⟨φ0, φ(x)⟩ / |φ0|²`, one for each image. Raises LookupError for a layer that does not
    exist, ValueError for one that passes no gradient.

    - `layer`: whose activations to exaggerate: a layer, one channel or unit of it, or 'logits'
    - `steps`: how many steps of gradient ascent to take
    - `prior`: the cost of the photo's own variation and contrast, where its product is 1; more is smoother
    - `seed`: seed of the transforms; the same seed gives the same images
    - `robust`: show the network the image shifted, scaled and turned a little, differently at every step
    - `rate`: Adam's step size
    - `transforms`: how the image is changed before the network sees it, such as jitter:4, or none; as for synthesize;
      keep them small, as activations are compared position by position
    """
    check_robust(robust, transforms)
    usual = Settings("fourier", transform=SHAKEN, view="shifted, scaled and turned a little")
    settings = (usual if robust else Settings("fourier")).override(transforms=transforms)
    photos = seen_images(network, images)
    read = code(network, layer, (int(photos.shape[-2]), int(photos.shape[-1])))
    aim = along(read, reading(network, {layer: read}, photos)[layer]) - positive(prior, "prior", zero=True) * likely(
        photos
    )
    start = Fourier.of(photos)
    moments = ascend(network, aim, start, steps=step_count(steps), optimiser=adam(rate),
                     transform=settings.transform, seed=seed)  # fmt: skip
    how = f"from the photo, {settings.how()}, Adam with rate {rate:g}, prior {prior:g}"
    titles = tuple(f"image {index + 1}" for index in range(len(photos)))
    yield from parted(
        network, aim, start, moments, steps, Caricature,
        titles=titles, how=how, seed=seed, originals=photos.cpu(), layer=named(network, read.address),
    )  # fmt: skip


def along(read: Code, value: Tensor) -> Objective:
    """The inner product with the code of `value`, over its squared norm: (N,)."""
    features = read(value).detach()
    norm = features.square().sum(1)
    if not norm.all():
        raise ValueError(f"{read.reads} is 0 everywhere for this photo: it sees nothing to exaggerate; choose another")
    return objective(PRODUCT, read.reads, lambda recorded: (read(recorded) * features).sum(1) / norm)
