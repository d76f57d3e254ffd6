"""Class images and channel images beside lucent's, both at their defaults: `python benchmarks/beside_lucent.py`.

Phosphene makes classes by `ph.class_image` and channels by `ph.synthesize`, lucent both by `render_vis` with a Fourier
image of the same size. Its default shows the network that image at 224 px, ours at its own size; so all images are
judged twice, as they are and enlarged to 224 px. A second network, mobilenet_v2 for the embedded one and the other way
round, sees them at 224 px. lucent normalises as torchvision's networks want it; for others its normalisation is
replaced by their own. Weights of mobilenet_v2 are in PHOSPHENE_DATA/cnn_weights.safetensors.

Every image is kept in `--folder` as soon as it is made; started again, the script makes what is missing. `--picture`
writes the images of the first network side by side. Times are of processor time.
"""

import argparse
import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from class_images import logits, mobilenet
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import Normalize

import phosphene as ph
from phosphene.instrument import Result
from phosphene.picture import Sheet, compact
from phosphene.synthesis.class_image import chance
from phosphene.synthesis.engine.ascent import scored
from phosphene.synthesis.engine.objectives import unit
from phosphene.synthesis.engine.synthesis import WIDTH, tiled

CLASSES = (99, 13, 953, 967)  # goose, junco, pineapple, espresso
CHANNELS = {
    "mobilenet_v2": ("features.7:17", "features.11:26", "features.4:5", "features.14:40"),
    "embedded": ("blocks.3.0:17", "blocks.4.0:26", "blocks.2.0:5", "blocks.5.0:40"),
}
USUAL = 224
WAYS = ("Phosphene", "lucent")


@dataclass(frozen=True)
class Judged:
    """One image with what was asked, who made it and in what time, and what networks say of it."""

    asked: str
    way: str
    image: Tensor  # (3, H, W)
    seconds: float
    own: tuple[float, float]  # as it is, and at 224 px: the class's probability, or the channel's mean
    second: tuple[int, float] | None  # the class's rank and probability

    @property
    def label(self) -> str:
        if self.second is None:
            return f"{self.asked}: {compact(self.own[0])}"
        return f"{self.asked}: p {chance(self.own[0])}; second: rank {self.second[0]}, p {chance(self.second[1])}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Beside(Result):
    """The images of one network, Phosphene's above lucent's."""

    network: str
    judged: list[Judged]
    second: str

    def sheet(self) -> Sheet:
        blocks = []
        for kind in (True, False):
            for way in WAYS:
                some = [each for each in self.judged if each.way == way and (each.second is not None) == kind]
                if not some:
                    continue
                heading = f"{way} {metadata.version('torch-lucent') if way == 'lucent' else ph.__version__}"
                blocks.append(tiled(torch.stack([each.image for each in some]), [each.label for each in some], 4,
                                    f"{heading}, {'classes' if kind else 'channels, with their means'}"))  # fmt: skip
        side = self.judged[0].image.shape[-1]
        caption = (
            f"{side} × {side} px, defaults of each, seed 0. p is {self.network}'s own probability in the image as it "
            f"stands; the second network, {self.second}, sees it at {USUAL} px. Colours as they are, in [0, 1]."
        )
        title = "Beside lucent"
        said = f"{self.network}: {title}; {caption}"
        return Sheet(title, self.network, blocks, caption=caption, description=said, width=WIDTH + 96)


def lucents(network: ph.Network, target: str, size: int) -> Tensor:
    """lucent's image (3, size, size) of a channel or a class; `render_vis` at its defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lucent.optvis import objectives, param, render, transform

    layer, _, channel = target.partition(":")
    if layer == "logits":
        layer = [name for name, part in network.module.named_modules() if isinstance(part, nn.Linear)][-1]
    torch.manual_seed(0)
    np.random.seed(0)  # its transforms draw from here
    scale = network.preprocessing
    images = render.render_vis(
        network.module, objectives.channel(layer.replace(".", "_"), int(channel)), lambda: param.image(size),
        transforms=[*transform.standard_transforms, Normalize(scale.mean, scale.std)], preprocess=False,
        progress=False, show_image=False,
    )  # fmt: skip
    network.module.zero_grad(set_to_none=True)
    return torch.tensor(images[-1][0]).permute(2, 0, 1)


def ours(network: ph.Network, target: str, size: int) -> Tensor:
    layer, _, index = target.partition(":")
    if layer == "logits":
        return ph.class_image(network, int(index), size=size).images[0]
    return ph.synthesize(network, target, size=size).images[0]


def kept(path: Path, make: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """The image and the processor time that it took; made if it is not there yet."""
    if not path.is_file():
        began = time.process_time()
        image = make()
        np.savez_compressed(path, image=image.numpy(), seconds=time.process_time() - began)
    with np.load(path) as found:
        return torch.from_numpy(found["image"]), float(found["seconds"])


def judged(network: ph.Network, second: ph.Network, target: str, way: str, image: Tensor, seconds: float) -> Judged:
    images = (image[None], F.interpolate(image[None], size=USUAL, mode="bilinear", align_corners=False))
    if not target.startswith("logits:"):
        first, last = (
            float(scored(network, unit(network, target, tuple(x.shape[-2:])), x.to(network.device))) for x in images
        )
        return Judged(target, way, image, seconds, (first, last), None)
    index = int(target.partition(":")[2])
    own = [float(logits(network, x).softmax(1)[0, index]) for x in images]
    other = logits(second, images[1])[0]
    rank = 1 + int((other > other[index]).sum())
    return Judged(network.labels[index], way, image, seconds, (own[0], own[1]), (rank, float(other.softmax(0)[index])))


def row(name: str, each: Judged) -> str:
    if each.second is None:
        own, other = [compact(value) for value in each.own], ["", ""]
    else:
        own, other = [chance(value) for value in each.own], [str(each.second[0]), chance(each.second[1])]
    return "| " + " | ".join((name, each.asked, each.way, *own, *other, f"{each.seconds:.0f}")) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=list(CHANNELS), help=", ".join(CHANNELS))
    parser.add_argument("--classes", type=int, default=len(CLASSES), help="how many of the four")
    parser.add_argument("--channels", type=int, default=4, help="how many of the four")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--usual", action="store_true", help=f"also ours at {USUAL} px, its default on these networks")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("build/beside_lucent"), help="where images are kept")
    parser.add_argument("--picture", type=Path, help="where to write the images side by side, as WebP")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.folder.mkdir(parents=True, exist_ok=True)
    networks = {"mobilenet_v2": mobilenet(), "embedded": ph.load()}
    print(
        f"{date.today()}, torch {torch.__version__}, lucent {metadata.version('torch-lucent')}, Python "
        f"{platform.python_version()}, {platform.machine()}, {options.threads} threads; {options.size} px\n"
    )
    print("| network | asked | by | own, as it is | own, at 224 px | second's rank | second's p | processor s |")
    print("| --- | --- | --- |" + " ---: |" * 5, flush=True)
    ways = [("Phosphene", ours, options.size), ("lucent", lucents, options.size)]
    ways += [(f"Phosphene at {USUAL} px", ours, USUAL)] if options.usual else []
    sheets = []
    for name in options.networks:
        network = networks[name]
        second = networks["embedded" if name == "mobilenet_v2" else "mobilenet_v2"]
        targets = [f"logits:{index}" for index in CLASSES[: options.classes]]
        targets += CHANNELS[name][: options.channels]
        found = []
        for target in targets:
            for way, make, size in ways:
                path = options.folder / f"{name}-{target.replace(':', '-')}-{size}-{way.split()[0]}.npz"
                image, seconds = kept(path, lambda: make(network, target, size))  # noqa: B023
                found.append(judged(network, second, target, way, image, seconds))
                print(row(name, found[-1]), flush=True)
        sheets.append(Beside(network=network.name, judged=found, second=second.name))
    if options.picture:
        saved = sheets[0].save(options.picture.with_suffix(".png"), scale=1.0)
        Image.open(saved).convert("RGB").save(options.picture, "WEBP", quality=80, method=6)
        Path(saved).unlink()


if __name__ == "__main__":
    main()
