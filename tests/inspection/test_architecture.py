"""The network drawn: the rows add up to the module's own numbers, at a level that a reader takes in."""

import json

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import phosphene
from phosphene.inspection.architecture.architecture import draw
from phosphene.inspection.architecture.picture import human, share
from phosphene.network import Field, Network
from phosphene.picture import Text

SPECS = [None, "torchvision:resnet18@none", "torchvision:vgg11@none", "torchvision:densenet121@none"]


@pytest.fixture(scope="module")
def embedded() -> Network:
    return phosphene.load()


class Shared(nn.Module):
    """One convolution called twice, and a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
        self.drop, self.head = nn.Dropout(), nn.Linear(4, 5)
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        x = self.conv(self.conv(self.stem(x)).relu()) + self.bias[:, None, None]
        return self.head(self.drop(x.mean((2, 3))))


@pytest.mark.parametrize("spec", SPECS)
def test_rows_add_up_to_the_modules_parameters_and_the_flop_counters_operations(spec):
    network = phosphene.load(spec)
    found = draw(network)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.module.eval()(torch.zeros(1, *found.input))
    total = sum(p.numel() for p in network.module.parameters())
    assert found.parameters == sum(row.parameters for row in found.rows) == total
    assert found.operations == sum(row.operations for row in found.rows) == counter.get_total_flops()
    assert 12 <= len(found.rows) <= 40


def test_vision_transformers_rows_leave_only_the_tokens_own_parameters():
    found = draw(phosphene.load("timm:vit_tiny_patch16_224@none"))
    assert found.loose == ("cls_token", "pos_embed")
    assert found.to_dict()["loose_parameters"]["count"] == 192 + 197 * 192
    assert [row.group for row in found.rows if row.kind == "Block"] == ["attention"] * 12
    assert "38,016 parameters belong to no layer shown (cls_token, pos_embed)" in found.picture().caption


def test_residual_blocks_are_rows_and_their_insides_are_not():
    names = [row.name for row in draw(phosphene.load("torchvision:resnet18@none")).rows]
    assert names[:6] == ["conv1", "bn1", "relu", "maxpool", "layer1.0", "layer1.1"]
    assert names[-2:] == ["avgpool", "fc"]


def test_depth_decides_how_deep_to_look(embedded):
    assert "blocks" in [row.name for row in draw(embedded, depth=1).rows]
    assert "blocks.3" in [row.name for row in draw(embedded, depth=2).rows]
    assert "blocks.3.1.conv_pw" in [row.name for row in draw(embedded, depth=4).rows]
    with pytest.raises(ValueError, match="depth is how many modules deep to look, 1 or more, not 0"):
        draw(embedded, depth=0)


def test_shared_weights_count_once_and_dropout_is_left_out():
    network = Network(Shared())
    found = draw(network, size=12)
    rows = {row.name: row for row in found.rows}
    assert list(rows) == ["stem", "conv", "relu", "conv_1", "add", "mean", "head"]
    assert rows["conv"].parameters == 4 * 4 * 9 + 4
    assert rows["conv_1"].parameters == 0
    assert rows["conv"].operations == rows["conv_1"].operations == 2 * 10 * 10 * 4 * 4 * 9
    assert [row.group for row in found.rows] == [
        "stem", "convolution", "other", "convolution", "other", "pooling", "linear"
    ]  # fmt: skip
    assert found.loose == ("bias",)


def test_a_lone_module_is_one_row():
    found = draw(Network(nn.Conv2d(1, 2, 3)), size=8)
    assert [(row.name, row.shape) for row in found.rows] == [("logits", (2, 6, 6))]
    found.picture()


def test_rows_carry_the_layers_own_field_and_stride(embedded):
    for row in draw(embedded).rows:
        layer = embedded.layer(row.name)
        assert (row.shape, row.field, row.operations) == (layer.shape, layer.field, layer.operations)
        if isinstance(row.field, Field):
            assert row.stride == (row.field.height.stride, row.field.width.stride)


@pytest.mark.parametrize("style", ["volumes", "table"])
def test_pictures_name_every_layer_within_the_paper(embedded, style):
    found = draw(embedded)
    picture = found.picture(style=style)
    texts = [mark for mark in picture.drawing.marks if isinstance(mark, Text)]
    assert {row.name for row in found.rows} <= {text.string for text in texts}
    assert all(0 < text.x <= picture.drawing.width and 0 < text.y < picture.drawing.height for text in texts)
    assert "4,652,008 parameters and 0.77 G operations" in picture.caption
    assert "3 × 224 × 224" in picture.caption
    assert picture.made["picture"] == {"style": style}
    assert picture.image("dark").width == 1200


def test_an_unknown_style_is_refused_in_a_sentence(embedded):
    with pytest.raises(ValueError, match="drawn as volumes or table, not 'boxes'"):
        draw(embedded).picture(style="boxes")


def test_the_json_form_is_json(embedded):
    found = json.loads(json.dumps(draw(embedded).to_dict()))
    assert found["rows"][0]["field"] == [3, 3]
    assert found["rows"][-1]["field"] == "the whole image"
    assert found["rows"][-1]["stride"] is None


@pytest.mark.parametrize(
    ("count", "text"),
    [(864, "864"), (1792, "1.79 k"), (21_676_032, "21.7 M"), (770_375_104, "0.77 G"), (4e12, "4.00 T")],
)
def test_counts_are_written_with_units(count, text):
    assert human(count) == text


def test_shares_are_never_rounded_to_nothing():
    assert [share(part, 10_000) for part in (0, 1, 123, 5000)] == ["–", "< 0.1 %", "1.2 %", "50 %"]
