import itertools
import re

import numpy as np
import pytest

from phosphene.atlas.scatter import COLOURS, GREY, MOST, laid, scatter
from phosphene.picture import THEMES, Circle, Picture, Text

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


@pytest.mark.parametrize(("seen", "apart"), [("all cones", 0.14), ("no L cones", 0.09), ("no M cones", 0.09)])
def test_any_two_colours_are_told_apart(seen, apart):
    distances = [np.linalg.norm(oklab(a, seen) - oklab(b, seen)) for a, b in itertools.combinations(COLOURS, 2)]
    assert min(distances) > apart


@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_stands_out_from_the_paper(theme):
    paper = oklab(THEMES[theme]["panel"])[0]
    assert all(abs(oklab(colour)[0] - paper) > 0.12 for colour in (*COLOURS, GREY))


def points(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 2))


def circles(drawing, colour=None):
    return [mark for mark in drawing.marks if isinstance(mark, Circle) and colour in (None, mark.fill)]


def words(drawing):
    return [mark.string for mark in drawing.marks if isinstance(mark, Text)]


def test_every_image_is_a_point_of_its_class_s_colour_and_the_legend_counts_them():
    labels = [["cat", "dog", None][index % 3] for index in range(90)]
    drawing = scatter(points(90), labels, title="Map")
    assert len(circles(drawing)) == 90 + 3
    assert [len(circles(drawing, colour)) for colour in (*COLOURS[:3], GREY)] == [31, 31, 0, 31]
    assert {"cat", "dog", "without a class", "30"} <= set(words(drawing))


def test_of_many_classes_the_most_frequent_have_colours():
    labels = [f"class {min(index // 3, 40)}" for index in range(200)]
    drawing = scatter(points(200), labels, title="Map", classes=5)
    assert "class 40" in words(drawing)
    assert any("36 other classes" in word or "37 other classes" in word for word in words(drawing))
    used = {mark.fill for mark in circles(drawing)}
    assert used == {*COLOURS[:4], GREY}


def test_without_classes_there_is_one_colour_and_no_legend():
    drawing = scatter(points(50), [None] * 50, title="Map")
    assert {mark.fill for mark in circles(drawing)} == {"accent"}
    assert words(drawing) == ["Map"]


def test_all_points_lie_inside_with_one_scale_for_both_axes():
    positions = points(400) * [3, 1]
    places, width, height = laid(positions)
    assert (places > 0).all()
    assert (places < [width, height]).all()
    ratio = np.ptp(places, axis=0) / np.ptp(positions, axis=0)
    assert ratio[0] == pytest.approx(ratio[1])
    assert np.corrcoef(places[:, 1], positions[:, 1])[0, 1] == pytest.approx(-1)


def names_in(drawing):
    """What is written on the plot, without halos."""
    return [
        mark for mark in drawing.marks if isinstance(mark, Text) and mark.anchor == "middle" and mark.colour != "panel"
    ]


def test_names_stand_beside_classes_that_lie_together():
    rng = np.random.default_rng(0)
    middles = np.array([[0, 0], [9, 0], [0, 9], [9.2, 0.1]])
    positions = np.concatenate([middles[at % 4] + rng.normal(size=(1, 2)) * 0.5 for at in range(200)])
    labels = [f"group {'abcd'[at % 4]}" for at in range(200)]
    names = names_in(scatter(positions, labels, title="Map"))
    assert {mark.string for mark in names} == {"group a", "group b", "group c", "group d"}
    assert not names_in(scatter(points(200), labels, title="Map"))
    assert not names_in(scatter(positions, labels, title="Map", names=False))


def test_classes_in_grey_have_names_too_and_the_caption_counts_them():
    rng = np.random.default_rng(0)
    middles = rng.permutation([[x, y] for x in range(5) for y in range(4)]) * 9.0
    labels = [f"class {at % 20}" for at in range(400)]
    drawing = scatter(middles[np.arange(400) % 20] + rng.normal(size=(400, 2)), labels, title="Map")
    assert len(names_in(drawing)) == 20
    assert len([mark for mark in names_in(drawing) if mark.colour == "muted"]) == 9
    assert any("9 classes in grey 9 have" in " ".join(words(drawing)[at : at + 2]) for at in range(len(words(drawing))))


def test_a_far_off_group_does_not_squeeze_the_others_and_that_is_said():
    positions = np.concatenate([points(300), points(10, 1) + 50])
    drawing = scatter(positions, [None] * 310, title="Map", shorten=True)
    xs = np.array([mark.x for mark in circles(drawing)])
    assert np.ptp(np.sort(xs)[:300]) > 350
    assert any("stretches are drawn shorter" in word for word in words(drawing))
    plain = scatter(positions, [None] * 310, title="Map")
    assert np.ptp(np.sort([mark.x for mark in circles(plain)])[:300]) < 100


def test_more_points_than_can_be_drawn_are_sampled_and_that_is_said():
    drawing = scatter(points(MOST + 5), [None] * (MOST + 5), title="Map", caption="t-SNE.")
    assert len(circles(drawing)) == MOST
    assert any(f"{MOST:,} of the {MOST + 5:,} images are drawn" in word for word in words(drawing))


def test_numbers_among_the_classes_stand_in_their_order():
    labels = [str(index % 12) for index in range(120)]
    shown = [word for word in words(scatter(points(120), labels, title="Map")) if re.fullmatch(r"\d{1,2}", word)]
    assert [word for word in shown if word != "10"][:11] == [str(n) for n in range(12) if n != 10]


def test_points_that_lie_on_one_line_or_at_one_place_are_drawn():
    for positions in (np.zeros((6, 2)), np.linspace(0, 1, 6)[:, None] * [1, 0]):
        assert Picture(scatter(positions, ["a"] * 6, title="Map")).image().size[1] > 100


def test_more_classes_than_colours_are_refused():
    with pytest.raises(ValueError, match="1 to 12"):
        scatter(points(5), ["a"] * 5, title="Map", classes=13)
