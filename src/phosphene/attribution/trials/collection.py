"""Images one at a time, from photos, files and folders, and the boxes of what is in them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ...network import Frame, Network
from ...picture import Photo, files, read
from .pointing import Corners


def some_of(images: Any, limit: int | None) -> Any:
    """The images, a tensor or a list; of more than `limit` so many, spread evenly over all."""
    every = images if isinstance(images, Tensor) else files(images)
    if limit is None or limit >= len(every):
        return every
    positions = [index * len(every) // limit for index in range(limit)]
    return every[positions] if isinstance(every, Tensor) else [every[position] for position in positions]


def inputs(network: Network, images: Any) -> Iterator[tuple[Tensor, str, Frame] | str]:
    """Each image as the network's input, its name and frame, one at a time; a sentence for a file that is broken."""
    if isinstance(images, Tensor):
        x = network.inputs(images).detach()
        for index in range(len(x)):
            yield x[index : index + 1], f"image {index + 1}", Frame.whole(int(x.shape[-2]), int(x.shape[-1]))
        return
    for one in files(images):
        if isinstance(one, Photo):
            photo = one
        else:
            try:
                photo = read(one)
            except (ValueError, OSError) as error:
                yield str(error)
                continue
        yield network.inputs(photo).detach(), photo.name, network.frame(photo)


def corners(boxes: Any) -> Mapping[str, Sequence[Corners]]:
    """The boxes by the photos' names, from a dict or a JSON file."""
    if boxes is None:
        return {}
    if isinstance(boxes, (str, os.PathLike)):
        try:
            boxes = json.loads(Path(boxes).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no file of boxes {os.fspath(boxes)!r}") from None
        except OSError as error:
            raise ValueError(f"the file of boxes {os.fspath(boxes)!r} can't be read: {error.strerror}") from error
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"the file of boxes {os.fspath(boxes)!r} is no JSON: {error}") from error
    good = isinstance(boxes, Mapping) and all(
        isinstance(each, Sequence) and all(isinstance(box, Sequence) and len(box) == 4 for box in each)
        for each in boxes.values()
    )
    if not good:
        raise ValueError('boxes are {"name.jpg": [[left, top, right, bottom], …], …}, in the photos\' pixels')
    return boxes
