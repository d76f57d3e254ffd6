"""Inversion: the error is the formula's, a layer that keeps everything gives the photo back, priors bound the error."""

import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.engine.layers.codes import code
from phosphene.synthesis.engine.layers.depths import first_of_each_size, last_of_each_size
from phosphene.synthesis.engine.objectives import IMAGES
from phosphene.synthesis.inversion.invert import Plan, likely, planned, scheduled
from phosphene.synthesis.inversion.rectified import cut_off, rectified_by


@pytest.fixture
def images():
    """Two smooth inputs of the network."""
    generator = torch.Generator().manual_seed(1)
    small = torch.rand(2, 3, 5, 5, generator=generator, dtype=torch.float64)
    return nn.functional.interpolate(small, size=24, mode="bicubic").clamp(0, 1)


def error_by_hand(network, x, photo, layer):
    with torch.no_grad():
        found, wanted = network.record(network.normalise(x), layer)[layer], network.record(photo, layer)[layer]
    return torch.stack(
        [((a - b) ** 2).sum() / (b**2).sum() for a, b in zip(found, wanted, strict=True)]
    )  # the paper's equation, an image at a time


def test_a_layer_that_keeps_everything_gives_the_photo_back(images):
    torch.manual_seed(0)
    mixed = nn.Conv2d(3, 12, 3, padding=1).double()
    network = ph.Network(mixed, ph.Preprocessing.plain(24))
    found = ph.invert(network, images, "logits", steps=20, prior=1e-5)
    assert (found.errors < 1e-3).all()
    assert (found.images - images).abs().mean() < 0.02


@pytest.mark.parametrize("layer", ["2", "5", "logits", "3:2", "probabilities"])
def test_errors_are_the_papers_formula(network, images, layer, unchanged):
    with unchanged(network.module):
        found = ph.invert(network, network.normalise(images), layer, steps=6)
    wanted = error_by_hand(network, found.images, network.normalise(images), layer)
    assert torch.allclose(found.errors, wanted, rtol=1e-6)
    assert (found.part_history["normalised error"][0] > found.errors).all()


def test_every_depth_is_inverted_up_to_the_scores(network, images):
    for layer in ("2", "3", "logits"):
        found = ph.invert(network, network.normalise(images), layer, steps=7)
        assert (found.errors < 0.05).all(), layer


def test_the_photo_itself_costs_what_the_prior_says(images):
    terms = likely(images)
    assert torch.allclose(terms.score({IMAGES: images}), torch.ones(2, dtype=torch.float64))


def test_restarts_come_out_as_they_would_alone_and_unlike_each_other(network, images):
    photo = network.normalise(images[:1])
    three = ph.invert(network, photo, "logits", restarts=3, steps=3, seed=5)
    assert three.images.shape == (3, 3, 24, 24)
    assert (three.images[0] - three.images[1]).abs().mean() > 0.01
    again = ph.invert(network, photo, "logits", restarts=3, steps=3, seed=5)
    assert torch.equal(three.images, again.images)
    both = ph.invert(network, network.normalise(images), "logits", restarts=2, steps=3, seed=5)
    assert torch.equal(both.originals[0], both.originals[1])
    assert torch.allclose(both.originals[3], images[1])


@pytest.mark.parametrize("options", [{"space": "pixels"}, {"optimiser": "adam", "steps": 8}, {"optimiser": "lbfgs"}])
def test_other_spaces_and_optimisers_bring_the_error_down(network, images, options):
    found = ph.invert(network, network.normalise(images), "2", **{"steps": 10, **options})
    assert (found.errors < 0.3 * found.part_history["normalised error"][0]).all()


def test_a_stronger_prior_makes_a_smoother_image(network, images):
    weak, strong = (ph.invert(network, network.normalise(images), "5", steps=6, prior=p) for p in (1e-4, 1.0))
    variation = next(name for name in weak.parts if name.startswith("total variation"))
    assert (strong.parts[variation] < weak.parts[variation]).all()


def test_what_there_is_nothing_of_is_said(network, images):
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()).double()
    nn.init.constant_(module[0].weight, -1.0)
    nn.init.constant_(module[0].bias, -1.0)
    dead = ph.Network(module, ph.Preprocessing.plain(24))
    with pytest.raises(ValueError, match="0 everywhere"):
        ph.invert(dead, images, "1", steps=2)
    with pytest.raises(LookupError, match="not in"):
        ph.invert(network, images, "nothing")
    with pytest.raises(ValueError, match="prior is a number above 0"):
        ph.invert(network, images, "2", prior=-1)


def test_a_sheet_over_several_layers(network, images, tmp_path):
    steps = list(
        ph.inversions.steps(network, network.normalise(images[:1]), layers=["2", "logits"], restarts=2, steps=3)
    )
    assert [each.step for each in steps] == [1, 2, 3, 4, 5, 6]
    found = steps[-1]
    assert found.errors.shape == (2, 2)
    assert found.images.shape == (4, 3, 24, 24)
    assert len({each.frame().shape for each in steps}) == 1
    assert found.save(tmp_path / "sheet.png").is_file()
    told = found.to_dict()["layers"]
    assert [each["layer"] for each in told] == ["2", "logits"]


def test_default_layers_end_with_the_scores(network):
    names = last_of_each_size(network, (24, 24))
    assert names[-1] == "logits"
    assert len(set(names)) == len(names)
    assert set(first_of_each_size(network, (24, 24))) <= {layer.name for layer in network.layers((24, 24))}


def test_default_layers_of_a_real_network_go_by_size():
    network = ph.load()
    assert last_of_each_size(network, (224, 224)) == [
        "bn1", "blocks.1", "blocks.2", "blocks.4", "bn2", "global_pool", "logits",
    ]  # fmt: skip
    sizes = [network.layer(name).maps_shape[1] for name in first_of_each_size(network, (224, 224))]
    assert sizes == [112, 56, 28, 14, 7]


def test_default_layers_of_a_transformer_are_spread_over_its_blocks():
    network = ph.load("timm:vit_tiny_patch16_224", weights="none")
    names = last_of_each_size(network, (224, 224))
    assert sum(name.startswith("blocks.") for name in names) >= 3
    assert names[-1] == "logits"


def test_an_early_layer_of_a_real_network_knows_the_photo():
    network = ph.load()
    photo = nn.functional.interpolate(network.prepare(ph.read("src/phosphene/photos/cat.jpg")), size=64)
    found = ph.invert(network, photo, "blocks.0", steps=8)
    assert float(found.errors) < 0.02
    assert float(found.distances) < 0.05


def test_an_optimiser_that_is_none_is_told(network, images):
    with pytest.raises(ValueError, match="an optimiser is both or lbfgs or adam or momentum, not 'sgd'"):
        ph.invert(network, images, "2", optimiser="sgd")


def test_a_sheet_that_was_stopped_says_so(network, images):
    steps = list(ph.inversions.steps(network, images[:1], layers=["2", "3"], steps=1))
    assert "Stopped after 1 of 2 steps" in steps[0].caption
    assert "Stopped" not in steps[1].caption


def rectifying(*layers):
    torch.manual_seed(3)
    return ph.Network(nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), *layers).double(), ph.Preprocessing.plain(24))


@pytest.mark.parametrize(("rectifier", "bounds"), [(nn.ReLU(), (0, None)), (nn.ReLU6(inplace=True), (0, 6))])
@pytest.mark.parametrize("address", ["1", "1:3"])
def test_what_a_rectifier_was_given_is_found_and_measured_as_the_distance_to_its_preimage(
    images, rectifier, bounds, address
):
    network = rectifying(rectifier)
    with torch.no_grad():
        network.module[0].weight.mul_(20)  # so that a ReLU6 clips
    read = code(network, address, (24, 24))
    before = rectified_by(network, read, images)
    assert before.reads == address.replace("1", "0", 1)
    values = network.record(images, read.reads, before.reads)
    wanted = read(values[read.reads])
    norm = wanted.square().sum(1)
    other = network.record(images.flip(0), read.reads, before.reads)
    # the nearest value that the rectifier takes to the wanted one: itself, or any beyond the bound that it is at
    z, low, high = before(other[before.reads]), *bounds
    nearest = torch.where(wanted == low, z.clamp(max=low), wanted)
    if high is not None:
        nearest = torch.where(wanted == high, z.clamp(min=high), nearest)
    error = (read(other[read.reads]) - wanted).square().sum(1)
    more = cut_off(read, before, wanted, norm).score(other)
    assert torch.allclose(error + more * norm, (z - nearest).square().sum(1))
    assert (more >= 0).all()
    assert (more > 0).any()


@pytest.mark.parametrize(
    "layers", [[nn.GELU()], [nn.LeakyReLU()], [nn.BatchNorm2d(8)], [nn.ReLU(), nn.Conv2d(8, 8, 1)]]
)
def test_nothing_is_cut_off_where_no_rectifier_ends_a_layer(images, layers):
    network = rectifying(*layers)
    assert rectified_by(network, code(network, str(len(layers)), (24, 24)), images) is None


def test_a_block_that_ends_in_a_rectifier_counts_as_rectified():
    network = ph.load()
    images = torch.rand(1, 3, 64, 64)
    assert rectified_by(network, code(network, "bn2", (64, 64)), images).reads == "bn2.drop"
    assert rectified_by(network, code(network, "blocks.4", (64, 64)), images) is None
    assert rectified_by(network, code(network, "logits", (64, 64)), images) is None


def test_a_sparse_rectified_layer_is_met(images):
    """Where most units are off, an image whose units are all off has an error of 1 and no slope to follow."""
    network = rectifying(nn.ReLU())
    with torch.no_grad():
        given = network.record(images, "0")["0"]
        network.module[0].bias.sub_(given.quantile(0.95))
    wanted = network.record(images, "1")["1"]
    assert 0.01 < float((wanted > 0).double().mean()) < 0.1
    start = network.record(torch.full_like(images, 0.5), "1")["1"]
    assert not start.any()  # grey: no unit is on
    found = ph.invert(network, images, "1", steps=10)
    assert (found.errors < 0.05).all()


def test_deeper_layers_take_more_steps_and_shift_further():
    network = ph.load()
    plans = {
        name: planned(code(network, name, (224, 224)), (224, 224), None)
        for name in ("bn1", "blocks.1", "blocks.2", "blocks.4", "bn2", "logits")
    }
    assert [plan.steps for plan in plans.values()] == [10, 10, 20, 20, 32, 32]
    assert [plan.jitter for plan in plans.values()] == [0, 0, 2, 4, 8, 8]
    read = code(network, "bn2", (224, 224))
    assert planned(read, (224, 224), 9, "lbfgs") == Plan(9, 0, 0)
    assert planned(read, (224, 224), None, rectified=True) == Plan(48, 16, 8)


def test_steps_of_both_optimisers_are_numbered_through_and_scored_alike(network, images):
    large = nn.functional.interpolate(images, size=56)
    steps = list(ph.invert.steps(network, network.normalise(large), "logits", steps=6))
    assert [each.step for each in steps] == [1, 2, 3, 4, 5, 6]
    assert "Adam under shifts of up to 2 px then 4" in steps[0].how
    for each in (steps[0], steps[-1]):
        terms = {name: value for name, value in each.parts.items() if name != "normalised error"}
        assert torch.allclose(each.scores, -each.errors - 0.01 * sum(terms.values()), rtol=1e-6)


def test_a_sheet_counts_the_steps_that_each_layer_takes(images):
    network = rectifying(nn.ReLU(), nn.Conv2d(8, 2, 3))
    steps = list(ph.inversions.steps(network, images[:1], layers=["0", "1"], restarts=1))
    assert [each.step for each in steps] == list(range(1, 26))  # 10, and 15 for the rectified one
    assert {each.steps for each in steps} == {25}
    assert [found.steps for found in steps[-1].results] == [10, 15]
    assert "Stopped" not in steps[-1].caption


def test_rates_of_momentum_are_the_published_ones():
    """deep-goggle, experiments/experiment_cnn.m: 0.004 · [ones(1, 100), 0.1 · ones(1, 200), 0.01 · ones(1, 100)]."""
    expected = [0.004] * 100 + [0.0004] * 200 + [0.00004] * 100
    assert scheduled(400) == expected
    assert scheduled(40) == expected[::10]
    assert len(scheduled(10)) == 10


def test_momentum_is_the_papers_loop(network, images):
    """v ← 0.9 v − η σ² ∇E, x ← x + v in [0, 1], v ← 0 where η changes, written out for 20 evaluations."""
    found = ph.invert(network, network.normalise(images), "2", optimiser="momentum", steps=2)
    first = next(ph.invert.steps(network, network.normalise(images), "2", optimiser="momentum", steps=2))
    assert first.images.shape == images.shape
    x = 0.5 + 0.25 * torch.randn(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    x, v, before = x.clamp(0, 1).double(), torch.zeros(2, 3, 24, 24, dtype=torch.float64), None
    wanted = network.record(network.normalise(images), "2")["2"].flatten(1)
    prior = likely(images, 0.5)
    for rate in scheduled(20):
        x.requires_grad_()
        code_of = network.record(network.normalise(x), "2")["2"].flatten(1)
        error = (code_of - wanted).square().sum(1) / wanted.square().sum(1)
        slope = torch.autograd.grad((error + 0.02 * prior.score({IMAGES: x})).sum(), x)[0]
        v = (0.9 * v if rate == before else 0) - rate * 0.25**2 * 3 * 24 * 24 * slope
        x, before = (x + v).clamp(0, 1).detach(), rate
    if rectified_by(network, code(network, "2", (24, 24)), images) is None:
        torch.testing.assert_close(found.images, x)
    assert (found.errors < found.part_history["normalised error"][0]).all()


def test_momentum_is_for_pixels_and_says_its_plan(network, images):
    found = ph.invert(network, network.normalise(images), "5", optimiser="momentum")
    assert found.steps == 40
    assert (found.errors < 0.1).all()
    assert "an image of pixels, 40 × 10 steps of gradient descent with momentum 0.9" in found.how
    with pytest.raises(ValueError, match="on pixels, not on a spectrum"):
        ph.invert(network, images, "2", optimiser="momentum", space="fourier")


@pytest.mark.parametrize("space", ["fourier", "pixels"])
def test_it_goes_on_from_the_images_of_an_earlier_result(network, images, space):
    photos = network.normalise(nn.functional.interpolate(images, size=56))
    first = ph.invert(network, photos, "logits", steps=6, space=space)
    second = ph.invert(network, photos, "logits", steps=4, space=space, start=first.images)
    assert (second.errors <= first.errors * 1.01).all()
    assert (second.scores > first.scores).all()
    assert "from a given start" in second.how
    assert "Adam" not in second.how
    with pytest.raises(ValueError, match="3 images to start at don't fit 2"):
        ph.invert(network, photos, "logits", start=torch.rand(3, 3, 56, 56))
