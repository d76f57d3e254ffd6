"""A small network, drawn pictures, and what an atlas holds, for comparing two."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from phosphene.atlas.store.store import Store


def build():
    """Two convolutions with strides, and scores; also opened by its name, in processes of their own."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5),
    ).eval()  # fmt: skip


def draw(seed, size=(40, 52)):
    """A picture with large and small forms."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    image = np.array(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)).astype(int)
    return (image + generator.integers(-40, 40, (*size, 3))).clip(0, 255).astype(np.uint8)


def draw_folder(root):
    """37 pictures of three classes, one of them broken and one empty."""
    for index in range(37):
        name = root / "abc"[index % 3] / f"{index:02}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(index)).save(name)
    (root / "b" / "07b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (root / "c" / "11c.png").write_bytes(b"")
    return root


def errors(atlas):
    """Why the first sweep could not use an image, by its key; None where it could."""
    why = atlas.store.unreadable(atlas.sweeps()[0])
    return {row["key"]: why.get(row["id"]) for row in atlas.store.images().to_pylist()}


def contents(store):
    """All rows of all tables that tell what was found, in one order; times and versions left out."""
    found = {}
    for name in sorted(store.names()):
        table = store.table(name).to_arrow()
        dropped = [column for column in ("begun", "versions") if column in table.column_names]
        rows = table.drop_columns(dropped).to_pylist()
        found[name] = sorted(
            rows, key=lambda row: str([row.get(k) for k in ("shard", "id", "layer", "channel", "sweep")])
        )
    return found


class StoppedError(Exception):
    pass


@contextmanager
def ended_before(writing, *, names=("append", "overwrite", "_add_images", "join")):
    """Ends what is built in the block before its `writing`-th call of one of a store's methods of these names."""
    done = 0

    def counting(usual):
        def write(self, *given, **named):
            nonlocal done
            if done == writing:
                raise StoppedError
            done += 1
            return usual(self, *given, **named)

        return write

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(Store, name, counting(getattr(Store, name)))
        with pytest.raises(StoppedError):
            yield
