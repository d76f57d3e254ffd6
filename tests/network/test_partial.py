"""What partial recomputation rests on: rectangles out of maps, batches of edits, windows of every kind."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
import torchvision.models as tv
from edited import edited
from torch import nn

import phosphene as ph
from phosphene.network.partial import plan
from phosphene.network.partial.batching import batches
from phosphene.network.partial.changed import Changed
from phosphene.network.partial.plan import Plan
from phosphene.network.partial.rectangles import pasted, rectangles


@pytest.fixture(autouse=True)
def followed(monkeypatch):
    """Changes are followed whether or not it pays."""
    monkeypatch.setattr(plan, "CALL", 0.0)
    monkeypatch.setattr(plan, "BYTES", float("inf"))


@pytest.mark.parametrize("top", [[0, 2, 1], [-2, 4, 1], [3, 3, 3]])
@pytest.mark.parametrize("channels", [(), (2,), (2, 3)])
def test_rectangles_are_those_of_the_padded_map(top, channels):
    maps, left = torch.rand(6, 7, *channels), [4, -1, 2]
    found = rectangles(maps, top, left, 4, 3, 9.0, Plan())
    padded = torch.full((14, 15, *channels), 9.0)
    padded[4:10, 4:11] = maps
    for index, (y, x) in enumerate(zip(top, left, strict=True)):
        assert torch.equal(found[index], padded[4 + y : 8 + y, 4 + x : 7 + x])


@pytest.mark.parametrize("down", [[1, 1, 1], [-2, -2, -2], [-1, 0, 3], [9, 9, 9]])
@pytest.mark.parametrize("right", [[0, 0, 0], [2, -2, 4]])
def test_patches_are_laid_where_they_belong_and_cut_off_outside(down, right):
    out, patches = torch.rand(3, 5, 6, 2), torch.rand(3, 3, 3, 2)
    wide = F.pad(out, (0, 0, 12, 12, 12, 12))
    for index, (y, x) in enumerate(zip(down, right, strict=True)):
        wide[index, 12 + y : 15 + y, 12 + x : 15 + x] = patches[index]
    assert torch.equal(pasted(out, patches, down, right), wide[:, 12:17, 12:18])


def test_one_sample_never_writes_into_the_clean_map():
    clean = torch.zeros(1, 2, 5, 5)
    changed = Changed(clean, torch.ones(1, 2, 2, 2), [1], [1], (2, 3), Plan())
    assert changed.full().sum() == 8
    assert not clean.any()


def test_batches_hold_every_edit_once_and_keep_the_border_apart():
    layers = ph.Network(tv.resnet18()).survey((224, 224)).layers
    starts = list(range(0, 193, 16))
    top, left = [t for t in starts for _ in starts], [x for _ in starts for x in starts]
    found = batches(layers, (32, 32), top, left, 64)
    assert sorted(index for some in found for index in some) == list(range(169))
    assert 4 <= len(found) <= 16
    corner, middle = top.index(0), top.index(96) + 6
    assert not any(corner in some and middle in some for some in found)
    assert all(len(some) <= 5 for some in batches(layers, (32, 32), top, left, 5))


class Mixed(nn.Module):
    """Kernels of 5, dilation, strides of 3 and 2, pooling with ceil_mode, a skip, and norms behind convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 5, 3, 2), nn.BatchNorm2d(8)
        self.second, self.other = nn.Conv2d(8, 8, 3, 1, 2, 2), nn.BatchNorm2d(8)
        self.third = nn.Conv2d(8, 6, 1, 2)
        for norm in (self.norm, self.other):
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.uniform_(norm.bias, -1, 1)

    def forward(self, x):
        x = F.relu(self.norm(self.first(x)), inplace=True)
        raw = self.second(x)
        x = F.relu_(self.other(raw)) + x + raw
        return self.third(F.max_pool2d(x, 3, 2, 1, ceil_mode=True)).amax((2, 3))


@pytest.mark.parametrize("window", [1, 7, (3, 20), (45, 52)])
@pytest.mark.parametrize("stride", [3, 5, (16, 9)])
@pytest.mark.parametrize("batch", [1, 7, None])
def test_windows_strides_and_batches_of_any_size_are_exact(window, stride, batch):
    torch.manual_seed(0)
    network = ph.Network(Mixed().double().eval(), ph.Preprocessing.plain(32))
    x = torch.randn(1, 3, 47, 55, dtype=torch.float64)
    step = tuple(4 * s for s in (stride, stride)) if isinstance(stride, int) else tuple(4 * s for s in stride)
    found = ph.occlusion(network, x, "logits:2", window=window, stride=step, fill="zero", batch=batch)
    (height, width), worst = found.window, 0.0
    for row, top in enumerate(found.tops):
        for column, left in enumerate(found.lefts):
            image = x.clone()
            image[..., top : top + height, left : left + width] = 0
            with torch.no_grad():
                drop = network.module(x)[0, 2] - network.module(image)[0, 2]
            worst = max(worst, float((drop - found.drops[0, row, column]).abs()))
    assert worst < 1e-12
    assert found.saved > 0 or height > 40


def test_values_beyond_the_room_for_clean_ones_are_computed_again(monkeypatch):
    torch.manual_seed(0)
    network = ph.Network(Mixed().double().eval(), ph.Preprocessing.plain(32))
    x, patches = torch.randn(1, 3, 48, 48, dtype=torch.float64), torch.randn(9, 3, 8, 8, dtype=torch.float64)
    top, left = [0, 5, 40, 17, 20, 33, 2, 9, 11], [40, 0, 3, 21, 20, 8, 2, 30, 31]
    expected = edited(network, x, patches, top, left, "logits", 2)
    for room in (0, 20_000, 60_000):
        monkeypatch.setattr(plan, "ROOM", room)
        found = edited(network, x, patches, top, left, "logits", 2)
        assert found.saved == expected.saved > 0
        torch.testing.assert_close(found.values, expected.values, rtol=0, atol=1e-12)


def test_memory_stays_bounded_on_a_large_photo():
    code = """
import resource, torch, torchvision, phosphene as ph
torch.set_num_threads(1)
network = ph.Network(torchvision.models.resnet18(), ph.Preprocessing.plain(1024))
x = torch.rand(1, 3, 1024, 1024)
network.record(x, "logits")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = ph.occlusion(network, x, "logits:1", window=128, stride=896)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20, found.saved, found.drops.numel())
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert float(out[0]) < 1.5  # GiB
    assert float(out[1]) > 0.6
    assert int(out[2]) == 4
