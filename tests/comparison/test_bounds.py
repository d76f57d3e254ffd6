"""What a stream of images holds is bounded, said beforehand, and refused where it is beyond memory."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.comparison.invariance import firing
from phosphene.comparison.invariance.firing import FEWEST, RATE, Firing
from phosphene.comparison.maps import samples
from phosphene.comparison.maps.going_on import in_turn, scores_where
from phosphene.comparison.regression.moments import Moments, bytes_of
from phosphene.data.gathering import Gathered

SIDE = 12


def network_of(channels: int = 6) -> ph.Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.ReLU()).eval()
    return ph.Network(module, ph.Preprocessing.plain(size=SIDE))


def images(count: int = 20) -> torch.Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def maps(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, 4, 5, generator=torch.Generator().manual_seed(seed))


def fired(places, before, after) -> Firing:
    result = Firing(seed=1)
    for place in places:
        result.add(place, before[place], after[place], torch.ones(4, 5, dtype=torch.bool))
    return result


def test_firings_of_few_images_are_those_of_all_values():
    before, after = maps(60), maps(60) + 0.5 * maps(60, seed=1)
    old, new = (each.flatten(2).movedim(1, 2).flatten(0, 1).half().float().numpy() for each in (before, after))
    threshold = np.quantile(old, 1 - RATE, axis=0)
    fires = old > threshold
    expected = (fires & (new > threshold)).sum(0) / fires.sum(0)
    assert fires.sum(0).min() >= FEWEST
    np.testing.assert_allclose(fired(range(60), before, after).kept(), expected)


def test_firings_of_many_images_are_bounded_and_merge_in_any_order(monkeypatch):
    monkeypatch.setattr(firing, "IMAGES", 16)
    before, after = maps(50), maps(50, seed=1)
    whole = fired(range(50), before, after)
    assert len(whole.before) == len(whole.after) == 16
    assert max(whole.before) > 16  # drawn from all, not the first ones
    parts = [fired(places, before, after) for places in (range(40, 50), range(15), range(15, 40))]
    for part in parts[1:]:
        parts[0].merge(part)
    assert parts[0].before.keys() == whole.before.keys()
    again = Firing(seed=1)
    again.load(parts[0].state())
    np.testing.assert_array_equal(again.kept(), whole.kept())


def test_sums_that_were_written_go_on_as_before():
    generator = torch.Generator().manual_seed(0)
    z, y = torch.randn(50, 4, generator=generator) + 3, torch.randn(50, 2, generator=generator)
    whole, first, resumed = Moments(4, 2), Moments(4, 2), Moments(4, 2)
    whole.add(z[:20], y[:20])
    whole.add(z[20:], y[20:])
    first.add(z[:20], y[:20])
    resumed.load(first.state())
    resumed.add(z[20:], y[20:])
    assert all(torch.equal(*pair) for pair in zip(resumed.centred(), whole.centred(), strict=True))
    with pytest.raises(ValueError, match="not sums of 3 inputs and 2 outputs"):
        Moments(3, 2).load(first.state())


def test_the_sums_are_said_before_the_first_image():
    step = next(ph.equivariance.steps(network_of(), images(), "flip-horizontal", layers=["0", "1"], neighbourhood=1))
    assert step.sums_bytes == 2 * 2 * bytes_of(6, 6)
    assert step.progress == "fitting: sums of 3.26 kB"
    assert ph.equivariance(network_of(), images(), layers="0").to_dict()["sums_bytes"] == 2 * bytes_of(54, 6)


@pytest.mark.parametrize("instrument", [ph.equivariance, ph.invariance])
def test_sums_beyond_memory_are_refused_in_one_sentence(monkeypatch, instrument):
    monkeypatch.setattr(samples, "memory", lambda: 500)
    with pytest.raises(
        ValueError, match=r"these layers take .* of memory, and this machine has 500 bytes; choose layers"
    ):
        instrument(network_of(), images(), "flip-horizontal", layers="0")


def test_rows_keep_their_kind_when_they_are_written():
    gathered = Gathered()
    gathered.extend("texts", ["a", "b"])
    gathered.extend("numbers", [1.5, float("nan")])
    gathered.extend("classes", [3, -1])
    gathered.extend("matrices", [np.eye(2), np.ones((2, 2))])
    gathered.images, gathered.unreadable = 2, ["c.png is broken"]
    again = Gathered()
    again.load(gathered.state())
    for column in gathered.rows:
        np.testing.assert_array_equal(again.column(column), gathered.column(column))
        assert again.column(column).dtype == gathered.column(column).dtype
    again.merge(gathered)
    assert (again.images, again.unreadable) == (4, ["c.png is broken"] * 2)
    assert again.column("classes").tolist() == [3, -1, 3, -1]


def test_the_best_layer_is_chosen_on_images_that_do_not_measure():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4)
        )
        module(torch.zeros(1, 3, SIDE, SIDE))
    network = ph.Network(module.eval(), ph.Preprocessing.plain(size=SIDE))
    x = images(60)
    result = ph.equivariance(network, x, "rotate:90", layers=["0", "2"], neighbourhood=1)
    chosen = x[[at for at in range(60) if at % 5 == 3]]
    shares = {}
    for name in ("0", "2"):
        g = ph.Rotate(90)
        change = in_turn(g.resampling(result.layer(name).grid, (SIDE, SIDE)), result.map(name))
        with torch.no_grad():
            answers = scores_where(network, g.inverse.images(chosen), network.layer(name), change).argmax(1)
            shares[name] = float((answers == network.scores(chosen).argmax(1)).float().mean())
    assert result.best == max(shares, key=shares.get)
    assert f"at {result.best}, the best layer for other images" in result.words
