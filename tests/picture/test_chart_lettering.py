import numpy as np

from phosphene.picture import Circle, Line, Text
from phosphene.picture.chart.classes import Style
from phosphene.picture.chart.lettering import groups, haloed, lettered

SIZE = (600.0, 400.0)


def blobs(*middles, count=60, spread=8.0):
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.normal(middle, spread, (count, 2)) for middle in middles])
    return places, [f"group {'abcdef'[at]}" for at in range(len(middles)) for _ in range(count)]


def boxes(found):
    """The names' middles by name, without their halos."""
    return {
        mark.string: (mark.x, mark.y - 4) for mark in found.marks if isinstance(mark, Text) and mark.colour != "panel"
    }


def written(places, labels, styles=None, taken=()):
    return lettered(places, groups(places, labels, sorted(set(labels))), styles or {}, SIZE, 3.0, taken)


def test_a_name_stands_beside_its_group_and_hides_none_of_its_points():
    places, labels = blobs((150, 200), (420, 200))
    found = written(places, labels)
    assert found.names == ("group a", "group b")
    for (x, y), middle in zip(boxes(found).values(), ((150, 200), (420, 200)), strict=True):
        assert not ((np.abs(places[:, 0] - x) < 25) & (np.abs(places[:, 1] - y) < 6)).any()
        assert np.hypot(x - middle[0], y - middle[1]) < 70


def test_a_name_in_a_crowd_stands_nearer_to_its_own_group_than_to_others():
    middles = [(150 + 55 * column, 120 + 55 * row) for row in range(2) for column in range(3)]
    places, labels = blobs(*middles, spread=14.0)
    for name, at in boxes(written(places, labels)).items():
        own = "abcdef".index(name[-1])
        apart = [np.hypot(at[0] - x, at[1] - y) for x, y in middles]
        assert apart[own] < 90
    assert len(boxes(written(places, labels))) == 6


def test_names_never_stand_upon_each_other_nor_outside_nor_on_what_is_taken():
    places, labels = blobs((14, 12), (16, 12), (585, 390), (300, 200), spread=5.0)
    taken = [(250.0, 150.0, 350.0, 195.0)]
    found = written(places, labels, taken=taken)
    at = list(boxes(found).values())
    for index, (x, y) in enumerate(at):
        assert 20 < x < 580
        assert 6 < y < 394
        assert not (250 < x < 350 and 150 < y < 195)
        for other in at[:index]:
            assert abs(x - other[0]) > 40 or abs(y - other[1]) > 12


def test_a_name_far_from_its_group_has_a_line_to_it_and_those_of_a_colour_are_larger():
    places, labels = blobs((300, 200), (60, 330), spread=6.0)
    found = written(places, labels, {"group b": Style("#5264f5")}, taken=[(225.0, 160.0, 375.0, 240.0)])
    (line,) = [mark for mark in found.marks if isinstance(mark, Line)]
    assert np.hypot(line.x2 - line.x1, line.y2 - line.y1) > 13
    assert np.hypot(line.x2 - 300, line.y2 - 200) < 25
    sizes = {mark.string: mark.size for mark in found.marks if isinstance(mark, Text)}
    assert sizes == {"group a": 12, "group b": 14}
    assert [mark.fill for mark in found.marks if isinstance(mark, Circle)] == ["panel", "#5264f5"]


def test_classes_that_are_spread_over_all_or_have_two_points_have_no_name():
    places, labels = blobs((150, 200), (420, 200))
    mixed = [("left", "right")[at % 2] for at in range(len(places))]
    assert written(places, mixed).names == ()
    assert "two" not in [group.label for group in groups(places, ["two"] * 2 + labels[2:], ["two", "group b"])]


def test_points_apart_do_not_move_a_group():
    places, labels = blobs((150, 200), (420, 200))
    places[:8] = (580, 20)
    (first, _) = groups(places, labels, ["group a", "group b"])
    assert np.hypot(*(first.middle - (150, 200))) < 8
    assert first.box[2] < 200


def test_a_halo_is_in_the_panels_colour_and_below_the_text():
    text = Text(5, 5, "word", 14, "bold", "middle")
    *edge, top = haloed(text)
    assert top is text
    assert {(mark.string, mark.colour) for mark in edge} == {("word", "panel")}
