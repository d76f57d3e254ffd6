"""How the sheet of a synthesis is laid out: images, the chart of their scores, and the foot."""

import pytest
import torch

import phosphene as ph
from phosphene.picture import ImageBlock, Row, Text
from phosphene.synthesis.engine.synthesis import WIDTH, tiled, trace, with_trace


def words(result):
    return [mark.string for mark in result.picture().drawing.marks if isinstance(mark, Text)]


@pytest.mark.parametrize(("count", "beside"), [(1, True), (2, True), (4, False)])
def test_the_chart_stands_beside_the_images_where_there_is_room(count, beside):
    blocks = with_trace(
        tiled(torch.rand(count, 3, 224, 224), ["" for _ in range(count)]), torch.rand(9, count), "score"
    )
    assert len(blocks) == (1 if beside else 2)
    if beside:
        (row,) = blocks
        assert isinstance(row, Row)
        assert isinstance(row.blocks[0], ImageBlock)
        chart = row.blocks[1].blocks[0].drawing
        assert row.blocks[0].width + row.gap + chart.width <= WIDTH


def test_images_that_nearly_fill_the_sheet_fill_it():
    assert tiled(torch.rand(3, 3, 160, 160), ["a", "b", "c"]).width == WIDTH
    assert tiled(torch.rand(1, 3, 160, 160), ["a"]).width == 300


def test_lines_are_named_by_titles_that_differ_and_otherwise_by_numbers():
    def names(titles):
        marks = trace(torch.rand(9, 2), "score", titles=titles).blocks[0].drawing.marks
        return {mark.string for mark in marks if isinstance(mark, Text)}

    assert {"hen", "goose"} <= names(["hen", "goose"])
    assert {"1", "2"} <= names(["goose", "goose"])
    assert {"1", "2"} <= names([])


def test_the_foot_is_a_sentence(network):
    result = ph.caricature(network, torch.rand(1, 3, 16, 16), "0", steps=1)
    assert result.caption.startswith("From the photo, ")
    assert any(text.startswith("From the photo, ") for text in words(result))
