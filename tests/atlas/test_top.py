import numpy as np
import pytest
import torch

from phosphene.atlas.sweep.measuring import measured
from phosphene.atlas.sweep.top import NONE, Top

pytestmark = pytest.mark.usefixtures("reading")
NOWHERE = torch.empty(0, dtype=torch.int64)


def brute(maps, k, each):
    """Value, image and place of each channel's k strongest answers, sorted in Python."""
    images, channels, places = maps.shape
    lists = []
    for channel in range(channels):
        found = []
        for image in range(images):
            own = sorted((-float(maps[image, channel, place]), image, place) for place in range(places))[:each]
            found += own
        lists.append(sorted(found)[:k])
    return lists


def found_in(top, maps, images):
    own = measured(maps, NOWHERE.expand(len(maps), 0), *top.least(images))
    return top.answers(maps, own, images)


def taken(maps, k, each, cuts):
    top = Top.empty(maps.shape[1], k, each)
    for start, stop in zip((0, *cuts), (*cuts, len(maps)), strict=True):
        part = maps[start:stop]
        found = found_in(top, part, range(start, stop))
        if found is not None:
            top.add([found])
    return top


@pytest.mark.parametrize("each", [1, 2])
def test_answers_of_several_batches_are_sorted_at_once(each):
    maps = (torch.rand(40, 6, 12, generator=torch.Generator().manual_seed(4)) * 4).round()
    top, waiting = Top.empty(6, 5, each), []
    for start in (0, 10, 30, 20):
        part = maps[start : start + 10]
        found = found_in(top, part, range(start, start + 10))
        waiting += [] if found is None else [found]
        if start == 10:
            top.add(waiting)
            waiting = []
    top.add(waiting)
    assert as_lists(top) == brute(maps, 5, each)


def as_lists(top):
    return [
        [(-float(v), int(i), int(p)) for v, i, p in zip(*rows, strict=True) if i != NONE]
        for rows in zip(top.values, top.images, top.places, strict=True)
    ]


@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("levels", [0, 3], ids=["all different", "many alike"])
def test_the_strongest_answers_are_those_of_sorting_everything(each, levels):
    maps = torch.rand(40, 6, 12, generator=torch.Generator().manual_seed(1))
    if levels:
        maps = (maps * levels).round()
    assert as_lists(taken(maps, 7, each, (3, 4, 20, 33))) == brute(maps, 7, each)


def test_lists_are_the_same_however_the_images_are_cut_and_merged():
    maps = (torch.rand(50, 5, 9, generator=torch.Generator().manual_seed(2)) * 5).round()
    whole = as_lists(taken(maps, 6, 2, ()))
    for seed in range(5):
        order = np.random.default_rng(seed)
        cuts = sorted(order.choice(np.arange(1, 50), 4, replace=False).tolist())
        assert as_lists(taken(maps, 6, 2, cuts)) == whole
        parts = []
        for start, stop in zip((0, *cuts), (*cuts, 50), strict=True):
            part = Top.empty(5, 6, 2)
            found = found_in(part, maps[start:stop], range(start, stop))
            part.add([found])
            parts.append(part)
        merged = Top.empty(5, 6, 2)
        for index in order.permutation(len(parts)):
            merged.merge(parts[index])
        assert as_lists(merged) == whole


def test_fewer_images_than_places_in_the_list_leave_the_rest_free():
    top = taken(torch.rand(2, 3, 4), 5, 1, ())
    assert (top.images[:, 2:] == NONE).all()
    assert torch.isinf(top.values[:, 2:]).all()
    assert (top.images[:, :2] != NONE).all()


@pytest.mark.parametrize("each", [1, 2])
def test_images_may_come_in_any_order(each):
    maps = (torch.rand(30, 4, 9, generator=torch.Generator().manual_seed(3)) * 4).round()
    whole = as_lists(taken(maps, 5, each, ()))
    for first in ((20, 30), (10, 20)):
        top = Top.empty(4, 5, each)
        for start, stop in (first, *(part for part in ((0, 10), (10, 20), (20, 30)) if part != first)):
            found = found_in(top, maps[start:stop], range(start, stop))
            if found is not None:
                top.add([found])
        assert as_lists(top) == whole
