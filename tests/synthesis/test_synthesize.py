"""The plain recipe: shapes, titles, seeds, size, steps one by one, and the picture."""

import pytest
import torch

import phosphene as ph
from phosphene.synthesis.engine.ascent import scored
from phosphene.synthesis.engine.objectives import unit


def test_a_batch_of_targets_with_several_starts_each(network, unchanged):
    with unchanged(network.module):
        found = ph.synthesize(network, ["logits:cat", "logits:goose"], steps=6, batch=2)
    assert found.images.shape == (4, 3, 24, 24)
    assert found.titles == ("logits:0 (cat)", "logits:0 (cat)", "logits:2 (goose)", "logits:2 (goose)")
    assert found.history.shape == (6, 4)
    assert (found.scores > found.history[0]).all()
    expected = scored(network, unit(network, ["logits:0", "logits:0", "logits:2", "logits:2"], (24, 24)), found.images)
    torch.testing.assert_close(found.scores, expected)
    assert len({image.numpy().tobytes() for image in found.images}) == 4


@pytest.mark.parametrize("space", ["fourier", "pixels"])
def test_the_same_seed_gives_the_same_bytes(network, space):
    runs = [ph.synthesize(network, "3:1", steps=4, seed=seed, space=space).images for seed in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_the_steps_are_the_way_to_the_result(network):
    steps = list(ph.synthesize.steps(network, "3:1", steps=5, size=(20, 28)))
    assert [step.step for step in steps] == [1, 2, 3, 4, 5]
    assert all(step.steps == 5 for step in steps)
    assert steps[0].images.shape == (1, 3, 20, 28)
    assert [len(step.history) for step in steps] == [1, 2, 3, 4, 5]
    assert torch.equal(steps[-1].images, ph.synthesize(network, "3:1", steps=5, size=(20, 28)).images)
    assert steps[2].made["step"] == 3
    assert steps[2].frame().shape == (20, 28, 3)
    assert steps[2].progress.startswith("3:1: ")


def test_a_picture_that_was_stopped_says_so_and_is_made_again(tmp_path):
    network = ph.load()
    steps = ph.synthesize.steps(network, "blocks.0.0:3", steps=50, size=48)
    stopped = next(result for result in steps if result.step == 3)
    picture = stopped.picture()
    assert "stopped after 3 of 50 steps" in picture.caption
    path = picture.save(tmp_path / "stopped.png")
    made = ph.again(path).save(tmp_path / "again.png")
    assert made.read_bytes() == path.read_bytes()


def test_it_finds_what_a_unit_detects():
    """A filter of vertical edges gets an image that varies across more than down."""
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 5), torch.nn.ReLU())
    edge = torch.tensor([-1.0, -1, 0, 1, 1]).expand(3, 5, 5)
    module[0].weight.data, module[0].bias.data = torch.stack([edge, edge.mT]), torch.zeros(2)
    found = ph.synthesize(ph.Network(module), ["1:0", "1:1"], steps=200, size=32, robust=False)
    across = [float(image.diff(dim=2).square().mean() / image.diff(dim=1).square().mean()) for image in found.images]
    assert across[0] > 1.4
    assert across[1] < 1 / 1.4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "steps is at least 1, not 0"),
        ({"batch": 1.5}, "batch is a whole number, not 1.5"),
        ({"size": 100_000}, "from 1 to 4096, not 100000"),
        ({"space": "wavelet"}, "fourier or pixels or cppn, not 'wavelet'"),
        ({"rate": "fast"}, "rate is a number of at least 0, not 'fast'"),
        (
            {"start": torch.rand(24, 24)},
            r"are \(N, 3, H, W\), floating-point in \[0, 1\], not torch.float32 of shape \(24, 24\)",
        ),
        ({"start": 2 * torch.ones(1, 3, 24, 24)}, "these go beyond"),
        ({"start": torch.rand(3, 3, 24, 24), "batch": 2}, "3 images to start at don't fit 2"),
        ({"start": torch.rand(1, 3, 24, 24), "space": "cppn"}, "a cppn can't begin at images"),
        ({"stepps": 3}, "near it: steps"),
    ],
)
def test_a_wrong_option_is_told_in_a_sentence(network, options, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        ph.synthesize(network, "3:1", **options)


@pytest.mark.parametrize("space", ["fourier", "pixels"])
def test_it_goes_on_from_the_images_of_an_earlier_result(network, space):
    """The first score of the second run is the last of the first; from there it rises."""
    options = {"space": space, "robust": False}
    first = ph.synthesize(network, ["logits:cat", "logits:goose"], steps=12, size=(20, 28), **options)
    second = ph.synthesize(network, ["logits:cat", "logits:goose"], steps=12, start=first.images, **options)
    assert second.images.shape == (2, 3, 20, 28)
    torch.testing.assert_close(second.history[0], first.scores, rtol=1e-3, atol=1e-4)
    assert (second.history >= first.scores - 1e-3 * first.scores.abs()).all()
    assert (second.scores > first.scores + 0.01).all()
    assert "from a given start" in second.how


def test_one_start_serves_a_whole_batch_and_a_photo_is_seen_as_the_network_sees_it(network):
    photo = ph.read("src/phosphene/photos/cat.jpg")
    seen = network.preprocessing.denormalise(network.prepare(photo)).clamp(1e-3, 1 - 1e-3).float()
    found = next(ph.synthesize.steps(network, ["3:1", "3:2"], steps=1 + 1, start=photo))
    torch.testing.assert_close(found.images, seen.expand(2, -1, -1, -1).double(), rtol=0, atol=2e-3)
    large = next(ph.synthesize.steps(network, "3:1", steps=1 + 1, start=photo, size=48, space="pixels"))
    assert large.images.shape == (1, 3, 48, 48)
    alone = next(ph.synthesize.steps(network, "3:1", batch=2, steps=1 + 1, start=found.images[0]))
    assert torch.allclose(alone.images[0], alone.images[1])
