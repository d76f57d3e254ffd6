"""The engine: gradients and steps against a loop written out, seeds, stopping, and what it refuses."""

import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene import Network, Preprocessing
from phosphene.synthesis.engine.ascent import TOGETHER, adam, ascend, evaluated, lbfgs, scored, sgd
from phosphene.synthesis.engine.images.image import Fourier, Pixels, Squashed
from phosphene.synthesis.engine.objectives import unit
from phosphene.synthesis.engine.priors import Decay, squared_norm
from phosphene.synthesis.engine.transforms import Roll

SIZE = (24, 24)


@pytest.fixture
def start():
    return torch.rand(2, 3, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_equal_to_the_loop_written_out(network, start, unchanged):
    objective = unit(network, "3:2", SIZE) - 0.3 * squared_norm()
    with unchanged(network.module):
        found = list(ascend(network, objective, Pixels(start), steps=4, optimiser=sgd(2.0), priors=[Decay(0.1)]))
    x = start.clone()
    for moment in found:
        x.requires_grad_()
        score = network.module[:4](network.normalise(x))[:, 2].mean((1, 2))
        score = score - 0.3 * (x - 0.5).square().mean((1, 2, 3))
        torch.testing.assert_close(moment.images, x.detach())
        torch.testing.assert_close(moment.scores, score.detach())
        x = (x + 2.0 * torch.autograd.grad(score.sum(), x)[0]).detach()
        x = (0.5 + 0.9 * (x - 0.5)).clamp(0, 1)
    assert [moment.step for moment in found] == [1, 2, 3, 4]
    assert list(found[0].parts) == ["3:2", "squared norm"]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_of_one_rate_are_torchs(momentum):
    own, theirs = (nn.Parameter(torch.linspace(-1, 2, 5, dtype=torch.float64)) for _ in range(2))
    mine, others = sgd(0.05, momentum)([own]), torch.optim.SGD([theirs], lr=0.05, momentum=momentum)
    for _ in range(20):
        for value, optimise in ((own, mine), (theirs, others)):
            optimise.zero_grad()
            (value.square() * torch.arange(1, 6)).sum().backward()
            optimise.step()
    torch.testing.assert_close(own, theirs)


def test_a_schedule_of_rates_is_the_papers_loop_and_momentum_starts_anew():
    """v ← 0.9 v − rate g, x ← x + v, v ← 0 where the rate changes, for x² whose slope is 2 x."""
    rates = (0.1, 0.1, 0.1, 0.01, 0.01)
    value = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimise = sgd(rates, 0.9)([value])
    x, v, before = 1.0, 0.0, 0.1
    for rate in (*rates, 0.01, 0.01):  # the last one goes on
        optimise.zero_grad()
        value.square().sum().backward()
        optimise.step()
        v = (0.9 * v if rate == before else 0.0) - rate * 2 * x
        x, before = x + v, rate
        assert value.item() == pytest.approx(x)
    with pytest.raises(ValueError, match="rate is a number of at least 0"):
        sgd([0.1, float("nan")])


def test_a_line_search_steps_back_from_where_nothing_is_finite(start):
    """Beyond a brightness the layer overflows: a trial step that goes there is halved, and the other image goes on."""

    class Steep(nn.Module):
        def forward(self, x):
            bright = x.mean((1, 2, 3))
            return torch.stack([torch.where(bright < 0.55, bright, torch.full_like(bright, torch.inf)), bright], 1)

    network = ph.Network(Steep().double(), ph.Preprocessing.plain(24))
    objective = unit(network, ["logits:0", "logits:1"], SIZE)
    moments = list(ascend(network, objective, Squashed(0.5 * torch.ones_like(start)), steps=4, optimiser=lbfgs(5)))
    scores = torch.stack([moment.scores for moment in moments])
    assert torch.isfinite(scores).all()
    assert 0.5 < float(scores[-1, 0]) < 0.55
    assert float(scores[-1, 1]) > 0.9


def test_a_batch_is_its_images_one_by_one(network, start):
    objective = unit(network, "logits:1", SIZE)
    together = list(ascend(network, objective, Pixels(start), steps=5, optimiser=adam(0.1)))[-1]
    for index in range(2):
        alone = list(ascend(network, objective, Pixels(start[index : index + 1]), steps=5, optimiser=adam(0.1)))[-1]
        torch.testing.assert_close(together.images[index], alone.images[0])


@pytest.mark.parametrize(
    ("image", "optimiser"),
    [(Pixels, adam(0.05)), (Squashed, lbfgs()), (lambda start: Fourier(2, SIZE), adam(0.05)), (Pixels, sgd(5.0, 0.9))],
)
def test_every_kind_of_image_and_optimiser_raises_the_score(network, start, image, optimiser):
    objective, made = unit(network, "logits:goose", SIZE), image(start)
    before = scored(network, objective, made().detach().double())
    for moment in ascend(network, objective, made, steps=25, optimiser=optimiser):
        assert moment.images.min() >= 0
        assert moment.images.max() <= 1
    assert (moment.scores > before + 0.05).all()


def test_the_same_seed_gives_the_same_bytes_and_lbfgs_sees_one_transform_a_step(network, start):
    for optimiser, image in ((adam(), Pixels), (lbfgs(), Squashed)):
        runs = []
        for seed in (3, 3, 4):
            made = image(start)
            moments = ascend(network, unit(network, "3:1", SIZE), made, steps=4, transform=Roll(4),
                             optimiser=optimiser, seed=seed)  # fmt: skip
            runs.append(list(moments)[-1].images)
        assert torch.equal(runs[0], runs[1])
        assert not torch.equal(runs[0], runs[2])


def test_it_goes_on_where_it_stopped(network, start):
    objective = unit(network, "3:1", SIZE)
    whole = list(ascend(network, objective, Pixels(start), steps=6))[-1]
    moments = ascend(network, objective, Pixels(start), steps=6)
    for _ in range(3):
        next(moments)
    assert torch.equal(list(moments)[-1].images, whole.images)


def test_the_network_runs_no_further_than_the_objective_reads():
    class Stops(nn.Module):
        def forward(self, x):
            raise AssertionError("went too far")

    network = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), Stops()))
    network._surveys[(16, 16)] = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())).survey((16, 16))
    objective = unit(network, "1:2", (16, 16))
    assert len(list(ascend(network, objective, Fourier(1, (16, 16)), steps=2))) == 2


def test_what_can_not_be_raised_is_refused_in_a_sentence(network, start):
    class Cut(nn.Module):
        def forward(self, x):
            return x.detach().mean((2, 3))

    cut = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 3), Cut()).double())
    with pytest.raises(ValueError, match="no gradient comes back from logits:1"):
        next(ascend(cut, unit(cut, "logits:1", SIZE), Pixels(start), steps=1))
    objective = 1e300 * (1e300 * unit(network, "logits:1", SIZE) * 1e300)
    with pytest.raises(ValueError, match="not finite at step 1"):
        next(ascend(network, objective, Pixels(start), steps=1))
    with pytest.raises(ValueError, match="need an image of pixels, not Fourier"):
        next(ascend(network, unit(network, "3:1", SIZE), Fourier(1, SIZE), steps=1, priors=[Decay(0.1)]))


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_told(network, rate):
    for recipe in (ph.synthesize, ph.starts):
        with pytest.raises(ValueError, match="rate is a number of at least 0"):
            recipe(network, "logits:cat", steps=1, rate=rate)


def test_a_layer_that_gives_several_tensors_is_read_by_its_first(unchanged):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            tokens = x.mean(1)
            return self.head(self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(1))

    torch.manual_seed(0)
    network = ph.Network(Two().eval(), ph.Preprocessing.plain(8))
    x = torch.rand(2, 3, 8, 8)
    with unchanged(network.module):
        found = ph.invert(network, x, "attention", steps=3)
        raised = ph.synthesize(network, "attention", steps=2)
    assert float(found.errors.max()) < 1
    assert torch.isfinite(raised.scores).all()


def test_within_no_grad_the_same_comes_out_and_inference_mode_is_told(network):
    images = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0)).double()
    for recipe in (
        lambda: ph.synthesize(network, "logits:cat", steps=3),
        lambda: ph.adversarial(network, images, "cat", method="pgd", steps=3),
        lambda: ph.invert(network, images, "3", steps=2),
    ):
        expected = recipe().images
        with torch.no_grad():
            assert torch.equal(recipe().images, expected)
        with torch.inference_mode(), pytest.raises(ValueError, match="inference_mode"):
            recipe()


class TokensFirst(nn.Module):
    """A network one of whose layers has the images in its second dimension."""

    def __init__(self):
        super().__init__()
        self.patches, self.tokens, self.head = nn.Conv2d(3, 6, 8, 8), nn.Identity(), nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.tokens(self.patches(x).flatten(2).permute(2, 0, 1)).mean(0))


@pytest.mark.parametrize("target", ["tokens", "patches", "patches:2", "logits:1", "logits"])
def test_parts_of_a_batch_are_put_together_as_they_were(target):
    torch.manual_seed(0)
    network = Network(TokensFirst().eval(), Preprocessing((16, 16)))
    images = torch.rand(2 * TOGETHER + 1, 3, 16, 16, requires_grad=True)
    raised = unit(network, target, (16, 16))
    whole = raised.score(evaluated(network, raised, images))
    single = torch.cat([raised.score(evaluated(network, raised, image[None])) for image in images])
    torch.testing.assert_close(whole, single)
    gradients = [torch.autograd.grad(scores.sum(), images)[0] for scores in (whole, single)]
    torch.testing.assert_close(*gradients)
