"""Maps from random masks: the formula written out, what its error says, and what it finds."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import phosphene as ph
from phosphene.attribution.perturbation.rise import Masks


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 5, 2), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(8, 4)).double().eval()  # fmt: skip


@pytest.fixture(scope="module")
def network(module):
    return ph.Network(module)


@pytest.fixture(scope="module")
def x():
    return torch.randn(2, 3, 30, 26, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def masks_by_hand(count, cells, share, seed, size):
    """The paper's masks, one by one: grid, bilinear enlarging to (cells + 1) cells, random cut."""
    generator = torch.Generator().manual_seed(seed)
    down, across = (-(-side // cells) for side in size)
    grids = (torch.rand(count, 1, cells, cells, generator=generator) < share).double()
    tops = torch.randint(0, down, (count,), generator=generator)
    lefts = torch.randint(0, across, (count,), generator=generator)
    found = []
    for grid, top, left in zip(grids, tops, lefts, strict=True):
        large = F.interpolate(grid[None], ((cells + 1) * down, (cells + 1) * across), mode="bilinear")[0, 0]
        found.append(large[top : top + size[0], left : left + size[1]])
    return torch.stack(found)


def test_equal_to_the_papers_sum_written_out(network, module, x, unchanged):
    with unchanged(module):
        found = ph.rise(network, x, "probabilities:2", masks=50, cells=4, share=0.4, seed=5, batch=7)
    masks = masks_by_hand(50, 4, 0.4, 5, (30, 26))
    for index in range(2):
        answers = torch.stack([module((x[index] * mask)[None]).softmax(1)[0, 2] for mask in masks]).detach()
        each = answers[:, None, None] * masks / 0.4
        torch.testing.assert_close(found.mean[index], each.mean(0))
        torch.testing.assert_close(found.mean_error[index], each.std(0) / 50**0.5)
        off = (answers - answers.mean())[:, None, None] * (masks - masks.mean(0)) / 0.4
        torch.testing.assert_close(found.values[index], off.sum(0) / 49)
        spread = (off.square().sum(0) - 50 * (off.sum(0) / 49) ** 2) / 49 / 50
        torch.testing.assert_close(found.error[index], spread.sqrt())
        torch.testing.assert_close(found.level[index], answers.mean())
    assert torch.equal(found.maps, found.values)
    assert found.mean.min() >= 0


@pytest.mark.parametrize("fill", ["zero", "mean", "blur", "image"])
def test_masked_parts_show_the_fill(network, module, x, fill):
    from phosphene.transformations import blurred

    other = torch.randn(3, 30, 26, dtype=torch.float64)
    cover = {"zero": torch.zeros_like(x[:1]), "mean": x[:1].mean((2, 3), keepdim=True).expand_as(x[:1]),
             "blur": blurred(x[:1], 26 / 16), "image": other[None]}[fill]  # fmt: skip
    found = ph.rise(network, x[:1], "logits:1", masks=9, cells=3, fill=other if fill == "image" else fill)
    masks = masks_by_hand(9, 3, 0.5, 0, (30, 26))[:, None]
    answers = module(masks * x[:1] + (1 - masks) * cover)[:, 1].detach()
    torch.testing.assert_close(found.level[0], answers.mean())
    torch.testing.assert_close(found.mean[0], (answers[:, None, None] * masks[:, 0]).mean(0) / 0.5)


@pytest.mark.parametrize(("cells", "size"), [(7, (32, 32)), (4, (30, 26)), (1, (9, 9)), (12, (8, 10))])
def test_every_pixel_is_shown_as_often(cells, size):
    """Corners included: the mean of many masks is the share, within what chance allows."""
    like = torch.zeros(1, 3, *size, dtype=torch.float64)
    masks = torch.cat(list(Masks(4000, cells, 0.3, 0).batches(like, 500)))[:, 0]
    assert masks.shape == (4000, *size)
    assert 0 <= masks.min() <= masks.max() <= 1 + 1e-12
    off = (masks.mean(0) - 0.3).abs() / (masks.std(0) / 4000**0.5)
    assert off.max() < 5


def test_it_finds_the_pixels_that_matter_and_the_sign():
    """A linear answer: what showing a pixel adds is the mean of the weights about it, as far as masks reach."""

    class Two(nn.Module):
        def forward(self, x):
            return (x[:, 0, 4:8, 4:8].mean((1, 2)) - x[:, 0, 20:24, 20:24].mean((1, 2)))[:, None]

    image = torch.ones(1, 3, 28, 28, dtype=torch.float64)
    found = ph.rise(ph.Network(Two()), image, "logits:0", masks=1500, batch=500)
    assert found.signed
    for (row, column), sign in (((6, 6), 1), ((22, 22), -1)):
        assert sign * found.values[0, row, column] > 8 * found.error[0, row, column]
    nothing = found.values[0, 2:8, 18:26] / found.error[0, 2:8, 18:26]  # more than a cell from both
    assert nothing.abs().max() < 4
    highest = divmod(int(found.values[0].argmax()), 28)
    assert 3 <= highest[0] <= 8
    assert 3 <= highest[1] <= 8


def test_the_standard_errors_are_those_of_repeated_runs(network, x):
    runs = [ph.rise(network, x[:1], "logits:2", masks=60, cells=4, seed=seed, batch=60) for seed in range(60)]
    for value, error in (("mean", "mean_error"), ("values", "error")):
        spread = torch.stack([getattr(run, value)[0] for run in runs]).std(0)
        said = torch.stack([getattr(run, error)[0] for run in runs]).mean(0)
        assert 0.85 < (spread / said).mean() < 1.15, value


def test_the_gain_has_the_expectation_of_the_papers_map_and_a_smaller_error(module, x):
    class High(nn.Module):
        """Answers far from zero, where a pixel's luck in being shown weighs most."""

        def __init__(self) -> None:
            super().__init__()
            self.inside = module

        def forward(self, y):
            return self.inside(y) + 5

    found = ph.rise(ph.Network(High()), x[:1], "logits:2", masks=4000, cells=4, batch=500)
    off = found.mean - found.level[:, None, None] - found.values
    assert (off.abs() < 5 * found.mean_error).all()
    assert found.error.mean() < 0.2 * found.mean_error.mean()


@pytest.mark.parametrize("batch", [1, 8, None])
def test_the_same_seed_gives_the_same_whatever_the_batch(network, x, batch):
    one = ph.rise(network, x, "logits:0", masks=20, cells=3, seed=4, batch=batch)
    again = ph.rise(network, x, "logits:0", masks=20, cells=3, seed=4, batch=batch)
    assert torch.equal(one.mean, again.mean)
    assert torch.equal(one.error, again.error)
    torch.testing.assert_close(one.values, ph.rise(network, x, "logits:0", masks=20, cells=3, seed=4, batch=6).values)
    assert not torch.equal(one.values, ph.rise(network, x, "logits:0", masks=20, cells=3, seed=5, batch=batch).values)


def test_several_targets_take_one_pass_and_are_what_they_are_alone(network, module, x):
    passes = []
    handle = module[0].register_forward_pre_hook(lambda _, args: passes.append(len(args[0])))
    classes = ph.rise(network, x[:1], ["logits:1", "logits:3", "logits:0"], masks=20, cells=3, batch=10)
    handle.remove()
    assert passes.count(10) == 2
    images = ph.rise(network, x, ["logits:3", "logits:2"], masks=20, cells=3, batch=10)
    torch.testing.assert_close(classes.values[1], images.values[0])
    torch.testing.assert_close(
        images.values[1], ph.rise(network, x[1:], "logits:2", masks=20, cells=3, batch=10).values[0]
    )


def test_without_a_target_it_asks_for_the_probability_of_the_best_class(network, module, x):
    found = ph.rise(network, x, masks=4)
    probability, best = module(x).softmax(1).max(1)
    assert found.targets == tuple(f"probabilities:{index}" for index in best.tolist())
    torch.testing.assert_close(found.scores, probability.detach())


def test_a_unit_inside_gains_nothing_where_it_does_not_see(network, x):
    found = ph.rise(network, x[:1], "2:5@2,2", masks=600, cells=6, batch=200)
    seen = network.receptive_field("2", (2, 2), (30, 26))
    assert found.values[0, int(seen.top) : int(seen.bottom), int(seen.left) : int(seen.right)].abs().max() > 0
    far = (found.values / found.error)[0, 24:, 20:]  # further than a cell's width from what it sees
    assert far.abs().max() < 4.5


def test_a_caller_in_inference_mode_gets_the_same(module, x):
    network = ph.Network(module)
    expected = ph.rise(network, x, "logits:1", masks=6)
    with torch.inference_mode():
        assert torch.equal(ph.rise(network, x + 0, "logits:1", masks=6).values, expected.values)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"masks": 1}, "masks is a whole number, at least 2, not 1"),
        ({"cells": 0}, "cells is a whole number, at least 1, not 0"),
        ({"share": 1.0}, "share is the part of the cells that is shown, between 0 and 1, not 1.0"),
        ({"fill": "grey"}, "masked parts show mean, zero, blur, noise or a tensor, not 'grey'"),
        ({"batch": True}, "a batch is a whole number of images, at least 1, not True"),
    ],
)
def test_a_wrong_option_is_one_sentence(network, x, options, said):
    with pytest.raises(ValueError, match=said):
        ph.rise(network, x, "logits:0", **options)


def test_the_caption_says_how_sure_it_is(network, x):
    found = ph.rise(network, x, "logits:0", masks=30, cells=4)
    share = (found.error.mean((1, 2)) / found.values.abs().amax((1, 2))).max()
    caption = found.picture().caption
    assert "30 masks of 4 × 4 cells, 0.5 of them shown, rest zero" in caption
    assert f"a pixel's standard error is {share:.0%} of the largest gain" in caption
    told = found.to_dict()["maps"][1]
    assert torch.tensor(told["cells"]).shape == (4, 4)
    assert told["level"] == found.level[1].item()


@pytest.mark.parametrize("batch", [1, 7, 50, 64])
def test_its_last_step_is_the_whole_and_each_step_is_that_of_its_masks(network, module, x, batch, unchanged):
    with unchanged(module):
        steps = list(ph.rise.steps(network, x[:1], ["logits:2", "logits:1"], masks=50, cells=4, seed=5, batch=batch))
    whole = ph.rise(network, x[:1], ["logits:2", "logits:1"], masks=50, cells=4, seed=5, batch=batch)
    for name in ("values", "error", "mean", "mean_error", "level", "scores"):
        assert torch.equal(getattr(steps[-1], name), getattr(whole, name)), name
    counts = [step.step for step in steps]
    assert counts == sorted(set(counts))
    assert counts[-1] == steps[-1].steps == 50
    assert [step.finished for step in steps] == [count == 50 for count in counts]
    # a step on the way: the formula of the masks up to there, written out
    step, count = steps[0], counts[0]
    masks = masks_by_hand(50, 4, 0.5, 5, (30, 26))[:count]
    answers = module(x[:1] * masks[:, None])[:, 2].detach()
    off = (answers - answers.mean())[:, None, None] * (masks - masks.mean(0)) / 0.5
    torch.testing.assert_close(step.values[0], off.sum(0) / (count - 1))
    torch.testing.assert_close(step.level[0], answers.mean())


def test_many_masks_make_about_a_hundred_steps(network, x):
    steps = list(ph.rise.steps(network, x[:1], "logits:2", masks=450, cells=2, batch=2))
    assert 75 <= len(steps) <= 100


def test_images_whose_masks_have_not_run_have_no_map_yet(network, x):
    first, *_, last = ph.rise.steps(network, x, "logits:2", masks=8, cells=3, batch=4)
    assert first.masks_run == (4, 0)
    assert (first.step, first.steps, last.step) == (4, 16, 16)
    assert first.values[0].isfinite().all()
    assert first.values[1].isnan().all()
    assert "stopped after 4 of 16 masks" in first.foot
    assert "stopped" not in last.foot
    assert min(first.picture().image().size) > 100  # a picture of what there is


def test_its_frame_is_the_map_over_the_photo(network, x):
    first, *_, last = ph.rise.steps(network, x[:1], "logits:2", masks=40, cells=3, batch=10)
    assert first.frame().shape == last.frame().shape == (30, 26, 3)
    assert first.frame().dtype.name == "uint8"
    assert (first.frame() != last.frame()).any()
    assert last.progress.startswith("standard error")


def test_steps_leave_the_callers_inference_mode_as_it_is(network, x):
    for _ in ph.rise.steps(network, x[:1], "logits:2", masks=9, cells=3, batch=3):
        assert not torch.is_inference_mode_enabled()
    with torch.inference_mode():
        for step in ph.rise.steps(network, x[:1], "logits:2", masks=9, cells=3, batch=3):
            assert torch.is_inference_mode_enabled()
            assert not step.values.is_inference()
