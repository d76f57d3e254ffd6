import numpy as np
import pytest

from phosphene.picture import (
    ColourBar,
    Drawing,
    DrawingBlock,
    Image,
    ImageBlock,
    Line,
    Range,
    Rect,
    Row,
    Sheet,
    Table,
    Text,
    TextBlock,
    colour,
    grid,
    map_range,
    rasterise,
    set_block,
    text_width,
)

TILES = grid(np.random.default_rng(0).integers(0, 256, (10, 3, 3, 3)).astype(np.uint8), gutter=6)


def words(drawing):
    return [mark.string for mark in drawing.marks if isinstance(mark, Text)]


def right_edges(marks):
    for mark in marks:
        if isinstance(mark, Image | Rect):
            yield mark.left + mark.width
        elif isinstance(mark, Line):
            yield max(mark.x1, mark.x2)
        elif isinstance(mark, Text):
            yield (
                mark.x
                + text_width(mark.string, mark.size, mark.weight) * {"start": 1, "middle": 0.5, "end": 0}[mark.anchor]
            )


BLOCKS = [
    ImageBlock(TILES.pixels, "Filters", "Each tile is one filter.", TILES.cells),
    ImageBlock(TILES.pixels, cells=TILES.cells, labels=[f"a rather long label {i}" for i in range(10)]),
    Row(
        [ImageBlock(np.zeros((300, 700, 3), np.uint8), "Left"), ImageBlock(np.zeros((300, 700, 3), np.uint8), "Right")]
    ),
    Row([ColourBar("diverging", Range(-1, 2), "weights"), ColourBar("grey", Range(0, 0)), TextBlock("beside " * 60)]),
    ColourBar("sequential", Range(float("nan"), float("nan"), missing=3)),
    Table(["class", "probability", "kept"], [["goose " * 40, 0.5, True], ["hen", -1.2e-6, False]], "Answers"),
    DrawingBlock(Drawing(100, 50, (Rect(0, 0, 100, 50, fill="accent"),)), "Chart", "A chart."),
    TextBlock("word " * 400, "muted"),
    TextBlock(""),
    Row([]),
    Table(["empty"], []),
]


@pytest.mark.parametrize("width", [300, 640, 1200])
def test_everything_stands_within_the_margins(width):
    drawing = Sheet(
        "A title that is rather long " * 4, "and a subtitle", BLOCKS, ranges=(Range(-1, 1),), width=width
    ).drawing()
    assert drawing.width == width
    assert max(right_edges(drawing.marks)) <= width - 48 + 30  # a label or pin may lean out of its column a little
    assert rasterise(drawing, "dark").size == (width, drawing.height)


def test_blocks_stand_below_each_other_without_overlap():
    tops = []
    y = 0.0
    for block in BLOCKS:
        placed = set_block(block, 48, y, 900)
        for mark in placed.marks:
            if isinstance(mark, Text):
                assert y <= mark.y <= y + placed.height + 1
            if isinstance(mark, Image):
                assert y <= mark.top
                assert mark.top + mark.height <= y + placed.height + 1
        y += placed.height
        tops.append(y)
    assert tops == sorted(tops)


def test_the_foot_states_every_range_once():
    range_ = map_range(np.array([[[-0.52, 1.3]]])).ranges
    assert words(Sheet("t", ranges=range_).drawing())[-1] == "Range −0.52 to 1.30 (min–max)."
    foot = words(Sheet("t", caption="Filters.", ranges=range_).drawing())[-1]
    assert foot == "Filters. Range −0.52 to 1.30 (min–max)."
    said = "Filters, range −0.52 to 1.30 (min–max)."
    assert words(Sheet("t", caption=said, ranges=range_).drawing())[-1] == said


def test_a_colour_bar_ticks_its_ends_and_zero():
    marks = set_block(ColourBar("diverging", Range(-1, 3), width=200), 10, 0, 500).marks
    ticks = {mark.string: mark.x for mark in marks if isinstance(mark, Text)}
    assert ticks == {"−1.00": 10, "0": 60, "3.00": 210}


def test_tiles_on_a_sheet_keep_their_pixels_and_lose_their_gutters():
    values = np.random.default_rng(1).random((7, 5, 5))
    tiles = grid(colour(values), scale=4, gutter=3)
    drawing = Sheet("t", blocks=[ImageBlock(tiles.pixels, cells=tiles.cells)]).drawing()
    image = next(mark for mark in drawing.marks if isinstance(mark, Image))
    painted = np.asarray(rasterise(drawing, "dark"))
    for tile, (left, top, _, _) in zip(colour(values), tiles.cells, strict=True):
        x, y = round(image.left) + left, round(image.top) + top
        assert np.array_equal(painted[y : y + 20 : 4, x : x + 20 : 4], tile)
    gap = painted[round(image.top), round(image.left) + 20]
    assert gap.tolist() == painted[0, 0].tolist()


def test_labels_stand_below_their_own_tiles():
    block = ImageBlock(TILES.pixels, cells=TILES.cells, labels=[str(i) for i in range(10)])
    marks = set_block(block, 0, 0, 900).marks
    images = [mark for mark in marks if isinstance(mark, Image)]
    labels = [mark for mark in marks if isinstance(mark, Text)]
    for image, label in zip(images, labels, strict=True):
        assert label.x == pytest.approx(image.left + image.width / 2)
        assert image.top + image.height < label.y < image.top + image.height + 20
    for image in images:
        for label in labels:
            inside = image.left < label.x < image.left + image.width and image.top < label.y < image.top + image.height
            assert not inside


def test_numbers_stand_to_the_right_and_words_to_the_left():
    marks = set_block(Table(["name", "n", "on"], [["a", 1234, True], ["b", -5, False]]), 0, 0, 500).marks
    anchors = {mark.string: mark.anchor for mark in marks if isinstance(mark, Text)}
    assert anchors["1,234"] == anchors["−5"] == anchors["n"] == "end"
    assert anchors["a"] == anchors["yes"] == anchors["on"] == "start"


def test_wrong_blocks_are_refused_in_words():
    with pytest.raises(ValueError, match="1 labels for 10 cells"):
        ImageBlock(TILES.pixels, cells=TILES.cells, labels=["x"])
    with pytest.raises(ValueError, match="a row of 1 cells stands in a table of 2 columns"):
        Table(["a", "b"], [["x"]])
    with pytest.raises(ValueError, match="at least 296 pixels wide"):
        Sheet("t", width=100)


LONG = "features.denseblock2.denselayer16.conv2:117 (black-and-tan coonhound, a dog) · −12.3"


@pytest.mark.parametrize("columns", [1, 3, 8])
def test_labels_below_tiles_are_whole_within_their_room_and_clear_of_the_next_row(columns):
    tiles = grid(np.zeros((2 * columns, 90, 90, 3), np.uint8), columns=columns, gutter=6)
    labels = [LONG if index == 0 else f"{index}" for index in range(2 * columns)]
    placed = set_block(ImageBlock(tiles.pixels, cells=tiles.cells, labels=labels), 0, 0, 1200)
    texts = [mark for mark in placed.marks if isinstance(mark, Text)]
    images = [mark for mark in placed.marks if isinstance(mark, Image)]
    first = [mark for mark in texts if mark.x == texts[0].x and mark.y < images[-1].top]
    assert "".join(mark.string for mark in first).replace(" ", "") == LONG.replace(" ", "")
    assert all(text_width(mark.string, mark.size) <= 92 for mark in texts)
    second = images[columns]
    assert max(mark.y for mark in first) + 2 < second.top
    assert max(mark.y for mark in texts) < placed.height + 1
    assert len({image.top for image in images[columns:]}) == 1


def test_numbers_below_narrow_tiles_are_set_smaller_rather_than_broken():
    tiles = grid(np.zeros((4, 24, 24, 3), np.uint8), columns=4, gutter=2, scale=1)
    labels = ["1023", "1024", "1025", "7"]
    placed = set_block(ImageBlock(tiles.pixels, cells=tiles.cells, labels=labels), 0, 0, 1200)
    assert [mark.string for mark in placed.marks if isinstance(mark, Text)] == labels


def test_tables_wrap_what_does_not_fit_and_lose_nothing():
    names = [f"torchvision:densenet{number}@IMAGENET1K_V1" for number in range(9)]
    rows = [[name, *range(9)] for name in names]
    placed = set_block(Table(["images made for", *(f"seen by {name}" for name in names)], rows), 0, 0, 1100)
    words = "".join(mark.string for mark in placed.marks if isinstance(mark, Text)).replace(" ", "")
    assert "…" not in words
    assert words.startswith("imagesmadefor" + "".join(f"seenby{name}" for name in names))
    assert all(edge <= 1101 for edge in right_edges(placed.marks))
    rules = [mark.y1 for mark in placed.marks if isinstance(mark, Line)]
    assert rules == sorted(rules)


def test_a_narrow_column_keeps_its_width_and_leaves_the_rest_to_the_others():
    from phosphene.picture.table import narrowed

    assert narrowed([10, 500, 300], 400) == [10, 195, 195]
    assert narrowed([100, 100, 500], 400) == [100, 100, 200]
