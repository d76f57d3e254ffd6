"""Colours of series and classes: told apart by everyone, and seen on the paper of both themes."""

import itertools

import numpy as np
import pytest

from phosphene.picture import THEMES
from phosphene.picture.chart import CLASSES, GREY, SERIES

# IEC 61966-2-1, OKLab (Ottosson, 2020), and severity 1 of Machado, Oliveira and Fernandes (2009)
LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
SEEN = {
    "all cones": np.eye(3),
    "no L cones": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "no M cones": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                            [-0.011820, 0.042940, 0.968881]]),
}  # fmt: skip


def oklab(colour, seen="all cones"):
    code = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return LAB @ np.cbrt(LMS @ np.clip(SEEN[seen] @ linear, 0, 1))


PALETTES = {"classes": CLASSES, **{theme: [THEMES[theme][role] for role in SERIES] for theme in THEMES}}


@pytest.mark.parametrize(("seen", "apart"), [("all cones", 0.14), ("no L cones", 0.09), ("no M cones", 0.09)])
@pytest.mark.parametrize("colours", PALETTES.values(), ids=PALETTES)
def test_any_two_colours_are_told_apart(colours, seen, apart):
    distances = [np.linalg.norm(oklab(a, seen) - oklab(b, seen)) for a, b in itertools.combinations(colours, 2)]
    assert min(distances) > apart


@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_stands_out_from_the_paper(theme):
    paper = oklab(THEMES[theme]["panel"])[0]
    assert all(abs(oklab(colour)[0] - paper) > 0.12 for colour in (*CLASSES, GREY))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("role", SERIES)
def test_lines_of_every_colour_stand_out_at_three_to_one(theme, role):
    def luminance(colour):
        code = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
        return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    for under in ("paper", "panel"):
        low, high = sorted([luminance(THEMES[theme][role]), luminance(THEMES[theme][under])])
        assert (high + 0.05) / (low + 0.05) >= 3
