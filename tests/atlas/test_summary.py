import pytest
import torch

from phosphene.atlas.sweep.measuring import measured
from phosphene.atlas.sweep.summary import SAMPLED, Summary, _drawn

pytestmark = pytest.mark.usefixtures("reading")


def sampled(flat, images):
    drawn = _drawn(flat.shape[2], tuple(images))
    return measured(flat, drawn, torch.zeros(flat.shape[1]), False).sampled


@pytest.mark.parametrize("places", [(1, 1), (7, 7), (8, 8), (10, 10), (5, 21), (56, 56), (112, 112), (2, 1021)])
def test_counts_sums_and_largest_values_are_those_of_torch(places):
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 5, *places, generator=generator)
    maps[:, 1] = maps[:, 1].relu()
    maps[:, 2] = -1.0
    maps[:, 3] = 1e-30
    maps[:, 4] = -0.0
    summary = Summary.empty(5, places[1], k=2)
    for start in range(3):
        summary.add(summary.part(maps[start : start + 1], [start]))
    summary.settle()
    flat = maps.transpose(0, 1).flatten(1)
    assert summary.count == flat.shape[1]
    assert torch.equal(summary.active, (flat > 0).sum(1))
    torch.testing.assert_close(summary.total, flat.double().sum(1), rtol=1e-5, atol=1e-4)
    assert torch.equal(summary.top.values[:, 0], flat.amax(1))


def test_values_of_other_kinds_are_counted_alike():
    maps = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    for kind in (torch.float64, torch.float16, torch.float32):
        for layout in (torch.contiguous_format, torch.channels_last):
            own = maps.to(kind).contiguous(memory_format=layout)
            summary = Summary.empty(3, 6, k=1)
            summary.add(summary.part(own, [0, 1]))
            assert torch.equal(summary.active, (maps.to(kind) > 0).sum((0, 2, 3)))


def test_the_sketch_sees_one_place_of_every_stretch_and_the_same_for_an_images_number():
    places = 40
    flat = torch.arange(places).float().expand(6, 2, places)
    images = [0, 1, 5, 1 << 24, (1 << 24) + 1, 7 << 24]
    drawn = sampled(flat, images)
    assert drawn.shape == (6, 2, SAMPLED)
    stretch = places // SAMPLED
    assert torch.equal(drawn // stretch, torch.arange(SAMPLED).expand(6, 2, SAMPLED).float())
    assert len({tuple(row.tolist()) for row in drawn[:, 0]}) > 1
    assert torch.equal(sampled(flat[2:3], images[2:3]), drawn[2:3])


def test_drawn_places_are_spread_evenly_over_many_images():
    places, many = 16, 8000
    flat = torch.arange(places).float().expand(many, 1, places)
    counts = torch.bincount(sampled(flat, range(many)).long().flatten(), minlength=places)
    wanted = many * SAMPLED / places
    assert (counts - wanted).abs().max() < 5 * wanted**0.5
