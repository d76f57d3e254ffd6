import re

import numpy as np
import pytest

from phosphene.atlas.scatter import MOST, scatter
from phosphene.picture import Circle, Picture, Polygon, Rect, Text
from phosphene.picture.chart import CLASSES, GREY
from phosphene.picture.chart.plane import on_plane


def drawn(positions, labels, **options):
    return scatter(positions, labels, **options).drawing()


def points(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 2))


def circles(drawing, colour=None):
    return [mark for mark in drawing.marks if isinstance(mark, Circle) and colour in (None, mark.fill)]


def words(drawing):
    return [mark.string for mark in drawing.marks if isinstance(mark, Text)]


def test_every_image_is_a_point_of_its_class_s_colour_and_the_legend_counts_them():
    labels = [["cat", "dog", None][index % 3] for index in range(90)]
    drawing = drawn(points(90), labels, title="Map")
    assert len(circles(drawing)) == 90 + 3
    assert [len(circles(drawing, colour)) for colour in (*CLASSES[:3], GREY)] == [31, 31, 0, 31]
    assert {"cat", "dog", "without a class", "30"} <= set(words(drawing))


def test_of_many_classes_the_most_frequent_have_colours():
    labels = [f"class {min(index // 3, 40)}" for index in range(200)]
    drawing = drawn(points(200), labels, title="Map", classes=5, names=False)
    assert "class 40" in words(drawing)
    assert any("36 other classes" in word or "37 other classes" in word for word in words(drawing))
    used = {mark.fill for mark in circles(drawing)}
    assert used == {*CLASSES[:4], GREY}


def test_without_classes_there_is_one_colour_and_no_legend():
    drawing = drawn(points(50), [None] * 50, title="Map")
    assert {mark.fill for mark in circles(drawing)} == {"accent"}
    assert words(drawing) == ["Map"]


def test_all_points_lie_inside_with_one_scale_for_both_axes():
    positions = points(400) * [3, 1]
    places, width, height = on_plane(positions)
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
    names = names_in(drawn(positions, labels, title="Map"))
    assert {mark.string for mark in names} == {"group a", "group b", "group c", "group d"}
    assert not names_in(drawn(points(200), labels, title="Map"))
    assert not names_in(drawn(positions, labels, title="Map", names=False))


def test_classes_in_grey_have_names_too_and_the_caption_counts_them():
    rng = np.random.default_rng(0)
    middles = rng.permutation([[x, y] for x in range(5) for y in range(4)]) * 9.0
    labels = [f"class {at % 20}" for at in range(400)]
    drawing = drawn(middles[np.arange(400) % 20] + rng.normal(size=(400, 2)), labels, title="Map", classes=12)
    assert len(names_in(drawing)) == 20
    assert len([mark for mark in names_in(drawing) if mark.colour == "muted"]) == 9
    assert any("9 classes in grey 9 have" in " ".join(words(drawing)[at : at + 2]) for at in range(len(words(drawing))))


def test_a_far_off_group_does_not_squeeze_the_others_and_that_is_said():
    positions = np.concatenate([points(300), points(10, 1) + 50])
    drawing = drawn(positions, [None] * 310, title="Map", shorten=True)
    xs = np.array([mark.x for mark in circles(drawing)])
    assert np.ptp(np.sort(xs)[:300]) > 350
    assert any("stretches are drawn shorter" in word for word in words(drawing))
    plain = drawn(positions, [None] * 310, title="Map")
    assert np.ptp(np.sort([mark.x for mark in circles(plain)])[:300]) < 100


def test_more_points_than_can_be_drawn_are_sampled_and_that_is_said():
    drawing = drawn(points(MOST + 5), [None] * (MOST + 5), title="Map", caption="t-SNE.")
    assert len(circles(drawing)) == MOST
    assert any(f"{MOST:,} of the {MOST + 5:,} images are drawn" in word for word in words(drawing))


def test_numbers_among_the_classes_stand_in_their_order():
    labels = [str(index % 12) for index in range(120)]
    shown = [word for word in words(drawn(points(120), labels, title="Map")) if re.fullmatch(r"\d{1,2}", word)]
    assert [word for word in shown if word != "10"][:11] == [str(n) for n in range(12) if n != 10]


def test_points_that_lie_on_one_line_or_at_one_place_are_drawn():
    for positions in (np.zeros((6, 2)), np.linspace(0, 1, 6)[:, None] * [1, 0]):
        assert Picture(drawn(positions, ["a"] * 6, title="Map")).image().size[1] > 100


def test_sixty_classes_each_have_a_colour_and_a_shape_of_their_own():
    labels = [f"class {at % 60}" for at in range(600)]
    drawing = drawn(points(600), labels, title="Map", names=False)
    legend = {word for word in words(drawing) if word.startswith("class ")}
    assert legend == {f"class {at}" for at in range(60)}
    shapes = [mark for mark in drawing.marks if isinstance(mark, (Circle, Rect, Polygon)) and mark.fill in CLASSES]
    looks = {(mark.fill, type(mark), len(getattr(mark, "points", ())), _points_up(mark)) for mark in shapes}
    assert len(shapes) == 660
    assert len(looks) == 60
    assert not circles(drawing, GREY)


def _points_up(mark):
    if not isinstance(mark, Polygon):
        return None
    heights = sorted(round(y, 3) for _, y in mark.points)
    return heights[1] - heights[0] > 0.1


def test_more_classes_than_can_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="1 to 60"):
        drawn(points(5), ["a"] * 5, title="Map", classes=61)
