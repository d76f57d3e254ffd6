"""DeepDream: steps are the notebook's, octaves carry detail up, guides choose the most alike, zooms go on."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.dream import guided_likeness, zoomed
from phosphene.synthesis.engine.octaves import octave_sizes


@pytest.fixture
def wide():
    """A network without a fixed input size."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU()).double()
    return ph.Network(module, ph.Preprocessing((32, 32), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25)))


@pytest.fixture
def photo():
    generator = np.random.default_rng(0)
    rough = generator.integers(40, 215, (10, 15, 3), dtype=np.uint8)
    return ph.read(rough.repeat(9, 0).repeat(9, 1))  # 90 × 135


def dreamt_by_hand(network, x, layer, steps, rate):
    """The notebook's loop without shifts: gradient of a layer set to its activations, L1-normalised, clipped."""
    for _ in range(steps):
        x = x.clone().requires_grad_()
        value = network.record(network.normalise(x), layer)[layer]
        gradient = torch.autograd.grad(value, x, grad_outputs=value.detach())[0]
        x = (x + rate * gradient / gradient.abs().mean()).clamp(0, 1).detach()
    return x


def test_steps_are_the_notebooks(wide, photo, unchanged):
    with unchanged(wide.module):
        found = ph.dream(wide, photo, "2", steps=4, octaves=1, jitter=0, rate=0.01)
    start = torch.tensor(photo.pixels).permute(2, 0, 1)[None].double() / 255
    assert torch.allclose(found.images, dreamt_by_hand(wide, start, "2", 4, 0.01), atol=1e-10)


def test_octaves_go_from_small_to_the_photos_own_size(wide, photo):
    assert octave_sizes((200, 280), 3, 2.0) == [(100, 140), (200, 280)]  # 50 px would be below the smallest
    steps = list(ph.dream.steps(wide, photo, "2", steps=2, octaves=2, scale=1.3))
    assert [tuple(each.images.shape[-2:]) for each in steps] == [(69, 104), (69, 104), (90, 135), (90, 135)]
    assert {each.frame().shape for each in steps} == {(90, 135, 3)}
    assert steps[-1].step == steps[-1].steps == 4


def test_detail_is_carried_up(wide, photo):
    """The first image of the larger octave is the photo and the enlarged change, not the photo alone."""
    steps = list(ph.dream.steps(wide, photo, "2", steps=3, octaves=2, scale=1.3, rate=0.05, jitter=0))
    once = list(ph.dream.steps(wide, photo, "2", steps=3, octaves=1, rate=0.05, jitter=0))
    own = steps[0].originals
    assert (steps[3].images - own).abs().mean() > 1.2 * (once[0].images - own).abs().mean()


def test_the_layer_answers_more(wide, photo):
    for target in ("2", "2:3"):
        found = ph.deepdream(wide, photo, target, steps=5, octaves=1)
        assert float(found.scores[0]) > 1.1 * float(found.history[0, 0]), target
        assert found.images.min() >= 0
        assert found.images.max() <= 1


def test_the_same_seed_gives_the_same_picture(wide, photo):
    first, second, other = (ph.dream(wide, photo, "2", steps=2, octaves=1, seed=seed).images for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_guide_is_followed_at_its_most_alike_place():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 4, 6, generator=generator).double()
    wanted = torch.randn(4, 5, generator=generator).double()
    slow = []
    for image in features:
        best = [max(float(image[:, place] @ wanted[:, other]) for other in range(5)) for place in range(6)]
        slow.append(sum(best) / 6 / 4)
    assert guided_likeness(features, wanted).tolist() == pytest.approx(slow)


def test_a_guide_changes_the_dream(wide, photo):
    guide = ph.read(np.full((40, 40, 3), (220, 30, 30), np.uint8))
    found = ph.dream(wide, photo, "2", steps=4, octaves=1, guide=guide)
    assert found.scores > found.history[0]
    assert not torch.equal(found.images, ph.dream(wide, photo, "2", steps=4, octaves=1).images)


def test_zooms_go_on_from_what_was_dreamt(wide, photo):
    steps = list(ph.dream.steps(wide, photo, "2", steps=3, octaves=1, zoom=2, enlarge=0.2, jitter=0, rate=0.02))
    assert steps[-1].steps == len(steps) == 3 + 2
    begun = zoomed(dreamt_by_hand(wide, steps[0].originals, "2", 3, 0.02), 0.2)
    assert torch.allclose(steps[3].images, begun, atol=1e-10)
    after = zoomed(dreamt_by_hand(wide, begun, "2", 1, 0.02), 0.2)
    assert torch.allclose(steps[4].images, dreamt_by_hand(wide, after, "2", 1, 0.02), atol=1e-10)
    assert (steps[3].images - steps[2].images).abs().mean() > 0.02


def test_a_larger_photo_is_made_smaller_where_asked(wide, photo):
    assert ph.dream(wide, photo, "2", steps=1, octaves=1, size=90).images.shape == (1, 3, 60, 90)
    with pytest.raises(ValueError, match="scale is above 1"):
        ph.dream(wide, photo, "2", scale=0.9)
    for scale in ("a", float("nan"), None):
        with pytest.raises(ValueError, match="scale is a number above 0"):
            ph.dream(wide, photo, "2", scale=scale)
    with pytest.raises(LookupError):
        ph.dream(wide, photo, "nothing")


def test_it_is_drawn(wide, photo, tmp_path):
    found = ph.dream(wide, photo, "2", steps=1, octaves=1)
    assert found.save(tmp_path / "dream.png").is_file()
    assert found.made["instrument"] == "dream"


def test_a_real_network_dreams():
    found = ph.dream(ph.load(), ph.read("src/phosphene/photos/cat.jpg"), "blocks.3", size=96, steps=3)
    assert found.scores[0] > found.history[0, 0]


def test_zooms_that_leave_nothing_and_octaves_without_end(wide, photo):
    for share in (1.0, 5.0):
        with pytest.raises(ValueError, match="below 1"):
            ph.dream(wide, photo, "2", steps=1, octaves=1, zoom=1, enlarge=share)
    assert zoomed(torch.rand(1, 3, 2, 9), 0.99).shape == (1, 3, 2, 9)
    assert octave_sizes((90, 135), 100_000, 1.4) == [(64, 96), (90, 135)]


def test_a_frame_on_the_way_carries_its_own_score(wide, photo):
    steps = list(ph.dream.steps(wide, photo, "2", steps=3, octaves=2, scale=1.3, jitter=0, zoom=1))
    for each in steps:
        value = wide.record(wide.normalise(each.images), "2")["2"]
        assert torch.allclose(each.scores, value.square().flatten(1).mean(1) / 2)
    assert torch.equal(steps[-1].history[:-1, 0], torch.cat([each.scores for each in steps[:-1]]))


def test_the_caption_says_how_far_the_photo_is_shifted(wide, photo):
    assert "shifts up to 17 to 22 px" in ph.dream(wide, photo, "2", steps=1, octaves=2, scale=1.3).caption
    assert "shifts up to 8 px" in ph.dream(wide, photo, "2", steps=1, octaves=2, scale=1.3, jitter=8).caption


def test_a_photo_of_more_than_a_thousand_pixels_is_dreamt_whole(wide):
    rough = np.random.default_rng(1).integers(40, 215, (36, 52, 3), dtype=np.uint8)
    found = ph.dream(wide, ph.read(rough.repeat(20, 0).repeat(20, 1)), "2", steps=1)
    assert found.images.shape == (1, 3, 720, 1040)
    assert found.sizes == ((262, 379), (367, 531), (514, 743), (720, 1040))
    assert (found.images - found.originals).abs().mean((0, 1, 2)).min() > 0  # no column is left out
