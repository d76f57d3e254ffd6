"""Which layers an atlas holds where none are named: convolutions, and the outputs of blocks."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import phosphene as ph
from phosphene.atlas.store.work import chosen_layers
from phosphene.network.blocks import blocks, convolutions


class Squeeze(nn.Module):
    """Squeeze-and-excitation: two convolutions of one place, and their product with the maps."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1)

    def forward(self, x):
        return x * self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), Squeeze(), nn.Conv2d(4, 4, 1))

    def forward(self, x):
        return x + self.branch(x)


class Staged(nn.Module):
    """A stem, two stages of blocks, a head."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2)
        self.layer1 = nn.Sequential(Residual(), Residual())
        self.layer2 = nn.Sequential(Residual())
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        return self.head(self.layer2(self.layer1(self.stem(x))).mean((2, 3)))


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Staged()

    def forward(self, x):
        return self.backbone(x).softmax(1)


class Double(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.one, self.two = nn.Conv2d(channels, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return self.two(self.one(x).relu()).relu()


class UNet(nn.Module):
    """Its parts are attributes; the middle one is called twice."""

    def __init__(self):
        super().__init__()
        self.down, self.middle, self.up, self.out = Double(3), Double(4), Double(8), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        wide = self.down(x)
        deep = self.middle(self.middle(nn.functional.max_pool2d(wide, 2)))
        return self.out(self.up(torch.cat([wide, nn.functional.interpolate(deep, scale_factor=2.0)], 1)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.proj((q @ k.transpose(-2, -1)).softmax(-1) @ v)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = Attention()
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x):
        x = x + self.attention(x)
        return x + self.mlp(x)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.layers = nn.ModuleList([Layer(), Layer()])
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean(1))


def plain():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


STAGES = ["layer1.0", "layer1.1", "layer1", "layer2.0", "layer2"]
WANTED = {
    "staged": (Staged, STAGES),
    "wrapped": (Wrapped, [f"backbone.{name}" for name in STAGES]),
    "unet": (UNet, ["down", "middle", "middle_1", "up"]),
    "transformer": (Transformer, ["layers.0", "layers.1"]),
    "plain": (plain, []),
}


@pytest.mark.parametrize("kind", WANTED)
def test_blocks_are_the_parts_that_a_network_is_put_together_from(kind):
    build, wanted = WANTED[kind]
    network = ph.Network(build().eval(), ph.Preprocessing.plain(32))
    assert sorted(blocks(network)) == sorted(wanted)
    layers = chosen_layers(network, None)
    assert set(layers) == {*convolutions(network), *wanted}
    assert list(layers) == [layer.name for layer in network.layers() if layer.name in layers], (
        "not in the network's order"
    )


def test_the_embedded_networks_blocks_are_its_stages_and_their_blocks():
    network = ph.load()
    counts = (1, 2, 2, 3, 3, 4, 1)
    inner = [f"blocks.{stage}.{at}" for stage, count in enumerate(counts) for at in range(count)]
    assert sorted(blocks(network)) == sorted(["blocks", *(f"blocks.{stage}" for stage in range(7)), *inner])
    assert len(convolutions(network)) == 49


class StandardisedConv(nn.Conv2d):
    def forward(self, x):
        return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)


class ConvNormAct(nn.Module):
    """What its name begins with, and no convolution: a block of three layers."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        return self.norm(self.conv(x)).relu()


def test_a_convolution_is_one_by_what_it_is_and_not_by_its_name():
    module = nn.Sequential(ConvNormAct(), StandardisedConv(4, 4, 3), parametrizations.weight_norm(nn.Conv2d(4, 4, 3)))
    network = ph.Network(module.eval(), ph.Preprocessing.plain(32))
    assert convolutions(network) == ["0.conv", "1", "2"]


def test_what_is_strongest_in_a_block_is_found_in_an_atlas_of_which_nothing_was_said(folder, tmp_path):
    torch.manual_seed(0)
    network = ph.Network(Staged().eval(), ph.Preprocessing.plain(32))
    atlas = ph.Atlas.build(network, folder / "a", tmp_path / "atlas", k=13)
    unit = ph.strongest(network, ph.read(folder / "a" / "03.png"), "layer1", k=1).units[0]
    patch = {patch.image: patch for patch in atlas.patches(f"layer1:{unit.channel}")}["03.png"]
    assert patch.value == pytest.approx(unit.value, rel=1e-5)
    assert (patch.row, patch.column) == (unit.row, unit.column)
    assert list(ph.Atlas.building(network, folder / "a", tmp_path / "atlas", k=13)) == []


def test_an_atlas_of_convolutions_alone_goes_on_with_the_blocks(folder, tmp_path):
    network = ph.Network(Staged().eval(), ph.Preprocessing.plain(32))
    ph.Atlas.build(network, folder / "a", tmp_path / "atlas", layers="convolutions")
    atlas = ph.Atlas.build(network, folder / "a", tmp_path / "atlas")
    first, second = atlas.sweeps()
    assert set(first.work.layers) == set(convolutions(network))
    assert set(second.work.layers) == set(blocks(network))
    assert atlas.info().images == 13


def test_a_layer_that_is_not_held_is_answered_with_near_ones_and_how_to_add_it(folder, tmp_path):
    network = ph.Network(Staged().eval(), ph.Preprocessing.plain(32))
    atlas = ph.Atlas.build(network, folder / "a", tmp_path / "atlas", layers=["layer1.0", "layer1.1", "stem"])
    with pytest.raises(
        LookupError, match=r"no units of 'layer1'; near it: layer1\.1, layer1\.0.*; it holds those of "
    ) as refusal:
        atlas.patches("layer1:2")
    assert f"phosphene atlas build SOURCE --to {tmp_path / 'atlas'} --layers layer1" in str(refusal.value)
    with pytest.raises(LookupError, match="--features layer1"):
        atlas.map("layer1")
