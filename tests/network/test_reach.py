"""Which of the photo's pixels a part of the input was made of: probed by turning rows of photos to their opposites."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.network import Box, Preprocessing, resizing
from phosphene.network.reach import sources

SMOOTH = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
WAYS = [(name, True) for name in SMOOTH] + [(name, False) for name in ("nearest", "bilinear", "bicubic")]
LENGTHS = [(50, 20), (64, 16), (61, 20), (20, 50), (16, 64), (31, 30), (45, 27), (5, 3), (1, 9), (9, 1), (300, 224)]


def weights(before: int, after: int, interpolation: str, antialias: bool) -> np.ndarray:
    """How much of each row of the photo is in each row of the copy (before, after), as PIL and torch resize floats."""
    one = np.eye(before, dtype=np.float32)
    if antialias:
        return np.asarray(Image.fromarray(one).resize((after, before), resizing.FILTERS[interpolation]))
    align = None if interpolation == "nearest" else False
    size = {"size": (before, after), "mode": interpolation, "align_corners": align}
    return torch.nn.functional.interpolate(torch.from_numpy(one)[None, None], **size)[0, 0].numpy()


@pytest.mark.parametrize(("interpolation", "antialias"), WAYS)
def test_a_row_is_made_of_the_rows_that_have_weight_in_it(interpolation, antialias):
    for before, after in LENGTHS:
        counts = np.abs(weights(before, after, interpolation, antialias)) * 2**22 >= 0.5
        for row in range(after):
            rows = np.flatnonzero(counts[:, row])
            expected = (rows[0], rows[-1] + 1)
            assert sources(row, row + 1, before, after, interpolation, antialias) == expected, (before, after, row)


def resized(pixels: np.ndarray, after: int, interpolation: str, antialias: bool) -> np.ndarray:
    image = Image.fromarray(pixels)
    if antialias:
        return np.asarray(image.resize((pixels.shape[1], after), resizing.FILTERS[interpolation]))
    return np.asarray(resizing._resize_without_smoothing(image, (after, pixels.shape[1]), interpolation))


@pytest.mark.parametrize(("interpolation", "antialias"), WAYS)
def test_a_row_of_bytes_is_moved_by_its_sources_and_by_no_others(interpolation, antialias):
    """A row of random bytes turned to its opposite changes the rows of the copy that it has a part in."""
    rng = np.random.default_rng(0)
    for before, after in LENGTHS[:-1]:
        pixels = rng.integers(0, 256, (before, 48, 3), dtype=np.uint8)
        plain = resized(pixels, after, interpolation, antialias)
        heavy = np.abs(weights(before, after, interpolation, antialias)) > 1 / 255
        moved = np.zeros((before, after), bool)
        for row in range(before):
            other = pixels.copy()
            other[row] = 255 * (other[row] < 128)
            moved[row] = (resized(other, after, interpolation, antialias) != plain).any((1, 2))
        for row in range(after):
            first, stop = sources(row, row + 1, before, after, interpolation, antialias)
            assert not moved[:first, row].any()
            assert not moved[stop:, row].any()
            assert moved[heavy[:, row], row].all()


CASES = {
    "shrunk, centre cut out": (Preprocessing((24, 24), resize=(30, 30)), (66, 60)),
    "grown": (Preprocessing((24, 24), resize=(30, 30), interpolation="bilinear"), (19, 25)),
    "padded": (Preprocessing((24, 24), resize=(24, 24), crop="border", mean=(0.5,) * 3), (30, 72)),
    "squashed": (Preprocessing((24, 20), resize=(24, 20), crop="squash", interpolation="lanczos"), (72, 40)),
    "not cropped": (Preprocessing((24, 24), resize=(24, 24), crop="none"), (50, 36)),
    "not resized": (Preprocessing((24, 24)), (30, 20)),
    "not antialiased": (
        Preprocessing((24, 24), resize=(28, 28), interpolation="bilinear", antialias=False),
        (71, 90),
    ),
    "grey": (Preprocessing((24, 24), resize=(28, 28), colour="grey", mean=(0,), std=(1,)), (64, 56)),
    "a piece resized": (Preprocessing((24, 24), resize=(30, 30)), (45, 120)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_window_is_exactly_what_can_move_the_unit(case, monkeypatch):
    """Rows and columns of two photos, turned one by one, move the unit from the window's first to its last."""
    way, (height, width) = CASES[case]
    if case == "a piece resized":
        monkeypatch.setattr(resizing, "MOST_PIXELS", 1000)
    torch.manual_seed(0)
    convolution = nn.Conv2d(way.channels, 1, 5, stride=2, padding=2)
    network = ph.Network(nn.Sequential(convolution.double()).eval(), way)
    photos = [np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8) for seed in range(2)]
    frame = network.frame(ph.read(photos[0]))
    assert frame.piece == (case == "a piece resized")
    rows, columns = (-(-length // 2) for length in frame.size)
    places = [(rows // 2, columns // 2), (1, 2), (rows - 1, columns // 3)]

    def values(pixels):
        with torch.no_grad():
            maps = network.module(network.inputs(ph.read(pixels)))[0, 0]
        return [float(maps[place]) for place in places]

    seen: list[list[set[int]]] = [[set(), set()] for _ in places]
    for pixels in photos:
        plain = values(pixels)
        for axis, length in enumerate((height, width)):
            for at in range(length):
                other = pixels.copy()
                index = (at, slice(None)) if axis == 0 else (slice(None), at)
                other[index] = 255 * (other[index] < 128)
                for known, value, before in zip(seen, values(other), plain, strict=True):
                    if value != before:
                        known[axis].add(at)
    for place, (down, across) in zip(places, seen, strict=True):
        box = network.window("0", ph.read(photos[0]), place)
        assert isinstance(box, Box)
        assert box == box.round().clip(height, width)
        if box.empty:
            assert not down
            assert not across
        else:
            edges = [(min(axis), max(axis) + 1) for axis in (down, across)]
            assert edges == [(box.top, box.bottom), (box.left, box.right)]


def test_a_box_of_padding_was_made_of_nothing():
    frame = Preprocessing((24, 24), resize=(24, 24), crop="border").frame(30, 90)
    assert frame.source(Box(3, 0, 9, 6)).empty
    assert not frame.source(Box(3, 0, 9, 12)).empty
    assert frame.source(Box(0, 0, 0, 0)).empty


@pytest.mark.parametrize(("interpolation", "antialias"), WAYS)
def test_no_source_reaches_further_than_the_margin(interpolation, antialias):
    for size in [(300, 200), (20, 31), (224, 500)]:
        way = Preprocessing((64, 64), resize=(72, 72), interpolation=interpolation, antialias=antialias)
        frame = way.frame(*size)
        down, across = frame.margin
        for box in (Box(0, 0, 64, 64), Box(10, 20, 13, 50), Box(31, 5, 32, 6)):
            back = frame.to_input(frame.source(box))
            assert box.top - back.top <= down + 1e-9
            assert back.bottom - box.bottom <= down + 1e-9
            assert box.left - back.left <= across + 1e-9
            assert back.right - box.right <= across + 1e-9
