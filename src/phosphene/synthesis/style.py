"""Neural style: one image's content in another's manner.

    L = ratio · |F − P|² / |P|² + mean over layers of |G_l − A_l|² / |A_l|²,    G_l = F_l F_lᵀ / places

F are a layer's features (channels × places) of the image, P those of the content image, G the Gram matrices of the
features of several layers and A those of the style image. L. Gatys, A. Ecker and M. Bethge, A neural algorithm of
artistic style, 2015, eq. 1-7; their ratio is α / β. Theirs are squared errors of a network scaled to a mean activation
of one; ours are relative to the images' own, so that neither a layer's size nor its scale matters. As they do, we
search by L-BFGS, from the content image or noise; unlike them, on a spectrum (`images.Fourier`), each image by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from ..instrument import instrument
from ..instrument.roles import LayerNames
from ..network import Network
from ..network.room import check_images
from ..picture import Block, DrawingBlock, ImageBlock, Photo, Row, Sheet, grid
from ..picture.chart import over_steps
from .engine.ascent import ascend, lbfgs
from .engine.images.image import Fourier, Image
from .engine.layers.codes import code, reading
from .engine.layers.depths import first_of_each_size, second_of_last_but_one_size
from .engine.named import Priors
from .engine.objectives import Objective, Size, objective
from .engine.options import count, generator, positive, step_count
from .engine.parted import Parted, parted
from .engine.photo_size import photo_images
from .engine.priors import total_variation
from .engine.settings import Settings
from .engine.synthesis import WIDTH, pixels

CONTENT, STYLE = "content loss", "style loss"
SMOOTH = 0.05  # weight of V^β; keeps grain away that no layer asks for


@dataclass(frozen=True, eq=False, kw_only=True)
class Styled(Parted):
    """Images (N, 3, H, W) with the content of one image and the style of another, one for each ratio."""

    content: Tensor = field(repr=False)  # (3, H, W)
    style: Tensor = field(repr=False)  # (3, h, w)
    ratios: tuple[float, ...]

    @property
    def losses(self) -> dict[str, Tensor]:
        """The content's and the style's loss on the way: (steps taken, N) each; relative to the two images' own."""
        return {name: self.part_history[name] for name in (CONTENT, STYLE)}

    @property
    def progress(self) -> str:
        return ", ".join(f"{name} {float(self.parts[name].mean()):.3g}" for name in (CONTENT, STYLE))

    def sheet(self, *, columns: int = 3) -> Sheet:
        """Content and style, the image of each ratio with its two losses, and how they fell.

        - `columns`: images in a row
        """
        labels = [
            f"ratio {ratio:g}: content {float(content):.2g}, style {float(style):.2g}"
            for ratio, content, style in zip(self.ratios, self.parts[CONTENT], self.parts[STYLE], strict=True)
        ]
        high = 220.0
        sources = [
            ImageBlock(pixels(each[None])[0], heading=name, width=high * each.shape[2] / each.shape[1], crisp=False)
            for name, each in (("content", self.content), ("style", self.style))
        ]
        ratio_names = [f"{ratio:g}" for ratio in self.ratios] if len(self.ratios) > 1 else []
        falls = [
            DrawingBlock(over_steps(list(values.float().numpy().T), ratio_names, up=name, log=log))
            for values, name, log in (
                (self.part_history[CONTENT], f"{CONTENT}, by ratio" if ratio_names else CONTENT, False),
                (self.part_history[STYLE].clamp(min=1e-6), STYLE, True),
            )
        ]
        blocks: list[Block] = [Row(sources), _wide(self.images, labels, columns), Row(falls)]
        return self.sheet_of(blocks)

    @property
    def heading(self) -> str:
        return "One image's content, another's style"


def _wide(images: Tensor, labels: Sequence[str], columns: int) -> ImageBlock:
    """The images in rows as wide as the sheet; two or one no wider than they need be."""
    columns = max(1, min(columns, len(images)))
    tiles = grid(pixels(images), columns=columns, scale=1)
    width = min(WIDTH, columns * WIDTH / 2)
    return ImageBlock(tiles.pixels, cells=tiles.cells, labels=labels, width=width, crisp=False)


@instrument
def style(
    network: Network,
    content: Photo,
    style: Photo,
    *,
    ratio: float = 0.05,
    ratios: Sequence[float] | None = None,
    layers: LayerNames | None = None,
    content_layer: str | None = None,
    start: Literal["content", "noise"] = "content",
    steps: int = 40,
    size: int = 320,
    seed: int = 0,
    priors: Priors | None = None,
) -> Iterator[Styled]:
    """An image with the content of one image (its features) and the style of another (its Gram matrices).

    The network must accept other sizes than its usual one. Both images may also be tensors that are its input.

    - `content`: the photo whose content to keep
    - `style`: the image whose style to use
    - `ratio`: the weight of the content relative to the style, the paper's α / β
    - `ratios`: several ratios at once, an image for each, instead of `ratio`
    - `layers`: the layers of the Gram matrices; if not given, the first rectified layer of each map size
    - `content_layer`: the layer of the content's features; if not given, the second rectified layer of the last map
      size but one, or the last but one of the `layers` that you gave
    - `start`: start from the content image, or from noise
    - `steps`: how many steps; each evaluates the network about six times
    - `size`: the longer side of both images in pixels
    - `seed`: seed of the noise; the same seed gives the same image
    - `priors`: what the image should be like, such as tv:0.2, or none: tv, l2, lp, spectrum and colours, as for
      synthesize; tv:0.05 if not given. There are no transforms: L-BFGS compares errors of one and the same view
    """
    photo, manner = (photo_images(network, photos, count(size, "size")) for photos in (content, style))
    if len(photo) > 1 or len(manner) > 1:
        raise ValueError("one content image and one style image, please; give several ratios for several images")
    weights = [positive(each, "ratio", zero=True) for each in (ratios or [ratio])]
    full = (int(photo.shape[-2]), int(photo.shape[-1]))
    names = [layers] if isinstance(layers, str) else list(layers or first_of_each_size(network, full))
    if not names:
        raise ValueError(f"{network.name} has no layer with a grid of places at {full[0]} × {full[1]} px; enlarge size")
    content_name = content_layer or (None if layers else second_of_last_but_one_size(network, full))
    content_name = content_name or names[max(0, len(names) - 2)]
    check_images(len(weights), full, "ratios", network, [*names, content_name])
    settings = Settings("fourier", (SMOOTH * total_variation(),), fades=False).override(priors)
    aim = styled(network, photo, manner, names, content_name, torch.tensor(weights), settings.cost)
    image = _started(start, photo, len(weights), seed, settings.spectrum_options)
    moments = ascend(network, aim, image, steps=step_count(steps), optimiser=lbfgs(), precise=True)
    how = f"content of {content_name}, Gram matrices of {', '.join(names)}, from {start}, Fourier image, L-BFGS"
    how += f", {settings.priors_text}" if settings.priors_text else ""
    titles = tuple(f"ratio {weight:g}" for weight in weights)
    yield from parted(
        network, aim, image, moments, steps, Styled,
        titles=titles, how=how, seed=seed, content=photo[0].cpu(), style=manner[0].cpu(), ratios=tuple(weights),
    )  # fmt: skip


def styled(
    network: Network,
    content: Tensor,
    style: Tensor,
    layers: Sequence[str],
    content_layer: str,
    ratios: Tensor,
    cost: Objective | None,
) -> Objective:
    """Minus both losses, the content's times each image's ratio (N,), and minus the priors' cost."""
    here = {name: code(network, name, _size(content)) for name in {*layers, content_layer}}
    style_codes = {name: code(network, name, _size(style)) for name in layers}
    content_code = here[content_layer]
    content_value = reading(network, {content_layer: content_code}, content)[content_layer]
    values = reading(network, style_codes, style)
    grams = [gram_matrix(style_codes[name].features(values[name])) for name in layers]
    manner = {here[name].reads: gram for name, gram in zip(layers, grams, strict=True)}
    readers = {here[name].reads: here[name] for name in layers}

    def style_loss(*values_read: Tensor) -> Tensor:
        errors = [
            _apart(gram_matrix(readers[at].features(v)), manner[at]) for at, v in zip(manner, values_read, strict=True)
        ]
        return torch.stack(errors).mean(0)

    content_features = content_code(content_value)
    content_loss = objective(
        CONTENT, content_code.reads, lambda recorded: _apart(content_code(recorded), content_features)
    )
    ratios = ratios.to(content)
    weighted = objective(
        "content loss times its ratio",
        content_code.reads,
        lambda recorded: ratios * _apart(content_code(recorded), content_features),
    )
    content_part = 0.0 * content_loss  # before its ratio, to be shown
    losses = -weighted - objective(STYLE, list(manner), style_loss)
    return (losses if cost is None else losses - cost) + content_part


def gram_matrix(features: Tensor) -> Tensor:
    """Of features (N, C, places) the products of channels, averaged over places: (N, C, C)."""
    return features @ features.transpose(1, 2) / features.shape[2]


def _apart(result: Tensor, goal: Tensor) -> Tensor:
    """|found − wanted|² / |wanted|² for each image: (N,)."""
    norm = goal.square().sum().clamp(min=torch.finfo(goal.dtype).tiny)
    return (result - goal).square().flatten(1).sum(1) / norm


def _started(start: str, photo: Tensor, many: int, seed: int, options: Mapping[str, Any]) -> Image:
    if start == "content":
        return Fourier.of(photo.repeat(many, 1, 1, 1), **options)
    if start == "noise":
        return Fourier(many, _size(photo), deviation=0.1, generator=generator(seed), **options)
    raise ValueError(f"an image starts at content or noise, not {start!r}")


def _size(images: Tensor) -> Size:
    return int(images.shape[-2]), int(images.shape[-1])
