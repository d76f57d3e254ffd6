"""Data sets of many classes with few images each, which is what learned distances are for.

omniglot-small   242 characters of eight alphabets, each drawn by 20 people, 28 × 28 grey pixels
orl-faces        40 people, ten photos each, 48 × 40 grey pixels
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from .dataset import DataSet, split
from .folder import FOLDER, in_folder

CHARACTER = (28, 28)  # height, width
FACE = (48, 40)
DRAWN = "a tenth is held out, drawn with seed 0"


def omniglot_small() -> DataSet:
    """Both small background sets as one: their Greek and Latin are the same drawings, which are taken once."""
    images, names, seen = [], [], set()
    with np.load(_file("omniglot_small.npz", "omniglot-small")) as held:
        for part in ("small1", "small2"):
            bits = np.unpackbits(held[f"{part}_bits"], axis=1)[:, : 105 * 105].reshape(-1, 105, 105)
            alphabets = held[f"{part}_alphabets"][held[f"{part}_alphabet"]]
            rows = zip(bits, alphabets, held[f"{part}_character"], held[f"{part}_drawer"], strict=True)
            for drawing, alphabet, character, drawer in rows:
                if (key := (str(alphabet), int(character), int(drawer))) not in seen:
                    seen.add(key)
                    images.append(_sized(drawing * np.uint8(255), CHARACTER))
                    names.append(f"{key[0]}/{key[1]:02}")
    stacked = np.stack(images)[:, None]
    ink = stacked if stacked.mean() < 128 else 255 - stacked  # white strokes on black, as the digits are
    return _of_names("omniglot-small", ink, names)


def orl_faces() -> DataSet:
    with np.load(_file("orl_faces.npz", "orl-faces")) as held:
        mosaic = np.asarray(Image.open(io.BytesIO(held["webp"].tobytes())).convert("L"))
        subjects = held["subject"]
    tiles = mosaic.reshape(20, 112, 20, 92).transpose(0, 2, 1, 3).reshape(-1, 112, 92)
    images = np.stack([_sized(face, FACE) for face in tiles])[:, None]
    return _of_names("orl-faces", images, [f"person {int(subject) - int(subjects.min()) + 1}" for subject in subjects])


def _of_names(name: str, images: np.ndarray, names: list[str]) -> DataSet:
    classes = tuple(dict.fromkeys(names))
    numbers = {each: number for number, each in enumerate(classes)}
    labels = np.array([numbers[each] for each in names])
    return split(name, images, labels, classes, seed=0, note=DRAWN)


def _sized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BOX))


def _file(file: str, name: str) -> str:
    path = in_folder(file)
    if path is None:
        raise LookupError(f"{name} is read from {file} in the folder that {FOLDER} names, and it is not there")
    return str(path)
