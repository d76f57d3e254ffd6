"""Long labels, keys and layers stand whole on the sheets of an atlas."""

import numpy as np
import pytest
import torch
from atlas_helpers import draw
from PIL import Image
from torch import nn

import phosphene as ph

CLASSES = ("black-and-tan coonhound with a very long label indeed", "Egyptian cat")
KEY = "photo_number_{}_taken_on_the_morning_of_a_long_day_in_the_mountains.png"
STAGE = "a_rather_long_name_of_a_stage_of_the_network"


class Long(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.add_module(STAGE, nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 6, 3, 2)))

    def forward(self, x):
        return getattr(self, STAGE)(x).mean((2, 3))


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    for index in range(16):
        place = folder / "set" / CLASSES[index % 2] / KEY.format(index)
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(draw(index).astype(int) // 2 + 100 * (index % 2), 0, 255).astype(np.uint8)).save(place)
    network = ph.Network(Long().eval(), ph.Preprocessing.plain(32))
    return ph.Atlas.build(network, folder / "set", folder / "atlas", layers=f"{STAGE}.2", features=f"{STAGE}.2")


PICTURES = {
    "patches": lambda atlas: atlas.patches(f"{STAGE}.2:1").picture(),
    "layer": lambda atlas: atlas.layer(f"{STAGE}.2").picture(),
    "neighbours": lambda atlas: atlas.neighbours(f"{CLASSES[0]}/{KEY.format(2)}").picture(),
    "map": lambda atlas: atlas.map(f"{STAGE}.2", method="pca").picture(),
    "names": lambda atlas: atlas.names(f"{STAGE}.2").picture(),
}
HOLDS = {"patches": KEY.format("").split("_taken")[1], "neighbours": KEY.format("").split("_taken")[1]}


@pytest.mark.parametrize("ask", PICTURES)
def test_names_are_whole_and_within_the_sheet(ask, atlas):
    drawing = PICTURES[ask](atlas).drawing
    words = [mark for mark in drawing.marks if hasattr(mark, "string")]
    text = "".join(mark.string for mark in words).replace(" ", "")
    assert "…" not in text
    assert CLASSES[0].replace(" ", "") in text
    assert HOLDS.get(ask, "") in text
    for mark in words:
        wide = ph.picture.text_width(mark.string, mark.size, mark.weight)
        left = mark.x - wide * {"start": 0, "middle": 0.5, "end": 1}[mark.anchor]
        assert left > 0
        assert left + wide < drawing.width
        assert 0 < mark.y < drawing.height
