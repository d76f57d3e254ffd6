import numpy as np
import pytest
import torch

from phosphene.atlas.sweep import sketch

SHARES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999)


@pytest.mark.parametrize("scale", [0.02, 1.0, 300.0])
@pytest.mark.parametrize("kind", ["normal", "rectified", "exponential"])
def test_quantiles_are_those_of_numpy_within_an_eighth(kind, scale):
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(64, 3, 500, generator=generator) * scale
    if kind == "rectified":
        values = values.relu()
    if kind == "exponential":
        values = values.abs().mul(3).exp().clamp(max=4000)
    counts = sketch.empty(3)
    for part in values.split(10):
        sketch.add(counts, part)
    found = sketch.quantiles(counts.numpy(), SHARES)
    wanted = np.quantile(values.numpy().transpose(1, 0, 2).reshape(3, -1), SHARES, axis=1).T
    assert np.abs(found - wanted).max() <= np.abs(wanted / 8).max()
    assert (np.abs(found - wanted) <= np.abs(wanted) / 8 + 2**-12 + 0.004 * scale).all()


def test_every_value_falls_between_the_edges_of_its_bin():
    values = torch.cat([torch.tensor([0.0, -0.0, 2.0**-12, -(2.0**-12), 1.0, -1.0, 1.125, 4095.0, -4095.0]),
                        torch.randn(2000, generator=torch.Generator().manual_seed(0)) * 50])  # fmt: skip
    borders = sketch.edges()
    assert len(borders) == sketch.BINS + 1
    assert (np.diff(borders) > 0).all()
    for value in values:
        counts = sketch.empty(1)
        sketch.add(counts, value.view(1, 1, 1))
        (at,) = counts[0].nonzero(as_tuple=True)
        low, high = borders[int(at)], borders[int(at) + 1]
        assert min(abs(low), abs(high)) <= abs(float(value)) <= max(abs(low), abs(high)) or int(at) == sketch.HALF
        assert np.sign(low + high) == np.sign(float(value)) or int(at) == sketch.HALF


def test_values_beyond_the_last_edge_count_in_the_last_bin():
    counts = sketch.empty(1)
    sketch.add(counts, torch.tensor([[[1e9, -1e9, 1e-9]]]))
    assert counts[0, -1] == counts[0, 0] == counts[0, sketch.HALF] == 1


def test_a_channel_without_values_has_no_quantiles():
    assert np.isnan(sketch.quantiles(sketch.empty(2).numpy(), [0.5])).all()
