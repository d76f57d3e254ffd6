"""A unit's patches with the signal that runs back from it: where it lies, and what is said of a photo that changed."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.atlas.units.patches_of_unit import atlas_patches
from phosphene.atlas.units.projections import changed, in_colours, on_the_patch, projections_of


@pytest.fixture(scope="module")
def network():
    """Of one convolution whose signal can be written down; photos of 24 x 24 pixels are its input as they are."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 5, 3, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return ph.Network(module.eval(), ph.Preprocessing((24, 24), resize=(24, 24)))


@pytest.fixture(scope="module")
def atlas(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(4):
        pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        ph.read(pixels).pil().save(folder / f"{seed}.png")
    path = tmp_path_factory.mktemp("atlas") / "noise.atlas"
    return ph.Atlas.build(network, folder, path, layers=["0"], k=4)


def test_the_signal_lies_on_the_pixels_that_its_patch_shows(network, atlas):
    weight = network.module[0].weight.detach()
    for channel in range(4):
        patches = atlas_patches(atlas, f"0:{channel}")
        made = projections_of(network, list(patches), network.address(f"0:{channel}"))
        assert made.method == "gradient"  # there is no rectifier before the layer
        for patch, pattern in zip(patches, made.patterns, strict=True):
            shown = patch.pixels()
            pixels, limits = on_the_patch(pattern, patch, (shown.height, shown.width))
            # the gradient of a convolution's unit is its weights, in the window that begins at 3 · place - 1
            signal = torch.zeros(3, 24 + 2, 24 + 2)
            signal[:, 3 * patch.row : 3 * patch.row + 5, 3 * patch.column : 3 * patch.column + 5] = weight[channel]
            left, top, right, bottom = (int(edge) for edge in patch.box.round().as_tuple())
            signal = signal[:, 1:-1, 1:-1][:, top:bottom, left:right]
            expected = (signal - limits.low) / (limits.high - limits.low)
            expected = (255 * expected.clamp(0, 1)).permute(1, 2, 0).numpy()
            assert np.abs(pixels.astype(float) - expected).max() <= 1


def test_a_photo_that_is_gone_leaves_a_sentence_and_the_others_their_signals(network, atlas, tmp_path_factory):
    patches = list(atlas_patches(atlas, "0:0"))

    class Gone(type(patches[0])):
        def photo(self):
            raise FileNotFoundError("there is no photo here")

    gone = Gone(**vars(patches[1]))
    made = projections_of(network, [patches[0], gone, patches[2]], network.address("0:0"))
    assert [pattern is None for pattern in made.patterns] == [False, True, False]
    assert made.missing == ("there is no photo here",)


def test_a_value_that_is_not_the_stored_one_is_told(network, atlas):
    (patch, *_) = atlas_patches(atlas, "0:0")
    (pattern,) = projections_of(network, [patch], network.address("0:0")).patterns
    assert changed(pattern, patch) == ""
    object.__setattr__(pattern, "value", pattern.value * 1.1)
    assert "the photo has changed" in changed(pattern, patch)


def test_zero_has_the_colour_of_grey(network, atlas):
    (patch, *_) = atlas_patches(atlas, "0:0")
    (pattern,) = projections_of(network, [patch], network.address("0:0")).patterns
    object.__setattr__(pattern, "signal", torch.zeros_like(pattern.signal))
    pixels, _ = in_colours(pattern)
    assert np.unique(pixels).size == 1
    assert abs(int(pixels.max()) - 127) <= 1
