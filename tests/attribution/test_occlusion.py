"""Occlusion equals running every covered image, on networks of every kind, and recomputes only what changed."""

import narrow
import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision.models as tv
from edited import edited
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

import phosphene as ph
from phosphene.network.partial import editing, plan
from phosphene.network.partial.changed import Changed
from phosphene.network.partial.plan import Plan
from phosphene.transformations import blurred


@pytest.fixture(autouse=True)
def followed(monkeypatch):
    """Changes are followed whether or not it pays."""
    monkeypatch.setattr(plan, "CALL", 0.0)
    monkeypatch.setattr(plan, "BYTES", float("inf"))


def covered_one_by_one(module, x, window, tops, lefts, cover, pick):
    """The drops (rows, columns) by running every covered image alone."""
    with torch.no_grad():
        clean = pick(module(x))
        drops = torch.zeros(len(tops), len(lefts), dtype=x.dtype)
        for row, top in enumerate(tops):
            for column, left in enumerate(lefts):
                image = x.clone()
                place = (..., slice(top, top + window[0]), slice(left, left + window[1]))
                image[place] = cover[place]
                drops[row, column] = clean - pick(module(image))
    return drops


NETWORKS = {
    "alexnet": (narrow.alexnet, 96),
    "vgg11": (narrow.vgg11, 64),
    "vgg11_bn": (narrow.vgg11_bn, 64),
    "resnet18": (tv.resnet18, 64),
    "resnext": (lambda: tv.ResNet(Bottleneck, [1, 1, 1, 1], groups=8, width_per_group=4), 64),
    "densenet": (lambda: tv.DenseNet(16, (3, 3, 3, 3), 32), 64),
    "googlenet": (lambda: tv.googlenet(init_weights=False, aux_logits=False), 64),
    "squeezenet1_1": (tv.squeezenet1_1, 64),
    "mobilenet_v2": (tv.mobilenet_v2, 64),
    "mobilenet_v3_small": (tv.mobilenet_v3_small, 64),
    "shufflenet_v2_x0_5": (tv.shufflenet_v2_x0_5, 64),
    "tf_efficientnet_lite0": (lambda: timm.create_model("tf_efficientnet_lite0"), 64),
    "convnext_atto": (lambda: timm.create_model("convnext_atto"), 64),
    "swin": (lambda: tv.SwinTransformer([4, 4], 24, [1, 1], [2, 4], [4, 4]), 64),
    "vit": (lambda: timm.create_model("vit_tiny_patch16_224", img_size=64, depth=2), 64),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_to_running_every_covered_image(name, unchanged):
    torch.manual_seed(0)
    make, size = NETWORKS[name]
    module = make().double().eval()
    x = torch.randn(1, 3, size, size, dtype=torch.float64)
    with unchanged(module):
        found = ph.occlusion(ph.Network(module), x, "logits:5", window=(20, 12), stride=(15, 20), fill="zero", batch=7)
    expected = covered_one_by_one(module, x, (20, 12), found.tops, found.lefts, torch.zeros_like(x), lambda y: y[0, 5])
    torch.testing.assert_close(found.drops[0], expected, rtol=0, atol=1e-9 * float(found.scores.abs().max() + 1))
    assert found.tops[-1] == size - 20


@pytest.mark.parametrize("name", ["vgg11", "resnet18", "mobilenet_v2", "tf_efficientnet_lite0", "convnext_atto"])
def test_part_of_the_operations_is_saved(name):
    torch.manual_seed(0)
    make, _ = NETWORKS[name]
    found = ph.occlusion(ph.Network(make()), torch.randn(1, 3, 128, 128), "logits:5", window=16, stride=28)
    assert 0.1 < found.saved < 0.9


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return ph.Network(tv.ResNet(BasicBlock, [1, 1, 1, 1]).double().eval())


@pytest.mark.parametrize("fill", ["mean", "zero", "blur", "noise", "image", "colour"])
def test_every_fill_covers_with_what_it_says(resnet, fill):
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    other = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).double()
    mean, spread = x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True)
    given, cover = {
        "mean": ("mean", mean.expand_as(x)),
        "zero": ("zero", torch.zeros_like(x)),
        "noise": ("noise", mean + spread * noise),
        "blur": ("blur", blurred(x, 4)),
        "image": (other, other),
        "colour": (torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2, 3]).double().view(1, 3, 1, 1).expand_as(x)),
    }[fill]
    found = ph.occlusion(resnet, x, "probabilities:3", window=24, stride=20, fill=given)
    expected = covered_one_by_one(
        resnet.module, x, (24, 24), found.tops, found.lefts, cover, lambda y: y.softmax(1)[0, 3]
    )
    torch.testing.assert_close(found.drops[0], expected, rtol=0, atol=1e-12)


def test_several_classes_take_one_pass_and_several_images_one_each(resnet):
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    classes = ph.occlusion(resnet, x[:1], ["logits:1", "logits:2"], window=32, stride=32)
    images = ph.occlusion(resnet, x, ["logits:2", "logits:7"], window=32, stride=32)
    assert torch.equal(classes.drops[1], images.drops[0])
    alone = ph.occlusion(resnet, x[1:], "logits:7", window=32, stride=32)
    assert torch.equal(images.drops[1], alone.drops[0])


def test_a_unit_inside_only_drops_where_it_sees(resnet):
    x = torch.randn(1, 3, 128, 128, dtype=torch.float64)
    found = ph.occlusion(resnet, x, "layer1:3@16,16", window=8, stride=8)
    seen = resnet.receptive_field("layer1", (16, 16), 128)
    for row, top in enumerate(found.tops):
        for column, left in enumerate(found.lefts):
            apart = top + 8 <= seen.top or top >= seen.bottom or left + 8 <= seen.left or left >= seen.right
            assert not apart or abs(found.drops[0, row, column]) < 1e-12
    assert found.drops.abs().max() > 0
    channel = ph.occlusion(resnet, x, "layer1:3", window=32, stride=48)
    value = lambda image: resnet.record(image, "layer1")["layer1"][0, 3].max()  # noqa: E731
    expected = covered_one_by_one(value, x, (32, 32), channel.tops, channel.lefts,
                                  x.mean((2, 3), keepdim=True).expand_as(x), lambda y: y)  # fmt: skip
    torch.testing.assert_close(channel.drops[0], expected, rtol=0, atol=1e-12)


def test_the_map_is_the_mean_drop_over_the_windows_on_each_pixel(resnet):
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    found = ph.occlusion(resnet, x, "logits:1", window=24, stride=16)
    total, count = torch.zeros(64, 64, dtype=torch.float64), torch.zeros(64, 64)
    for row, top in enumerate(found.tops):
        for column, left in enumerate(found.lefts):
            total[top : top + 24, left : left + 24] += found.drops[0, row, column]
            count[top : top + 24, left : left + 24] += 1
    assert count.min() > 0
    torch.testing.assert_close(found.values[0], total / count)
    apart = ph.occlusion(resnet, x, "logits:1", window=8, stride=32).values[0]
    assert torch.isnan(apart[20, 20])
    assert torch.isfinite(apart[3, 3])


def test_a_window_of_any_shape_covers_its_own_pixels_alone(resnet):
    x, disc = torch.randn(1, 3, 64, 64, dtype=torch.float64), torch.hypot(*torch.meshgrid(
        torch.arange(21) - 10.0, torch.arange(15) - 7.0, indexing="ij")) <= 7  # fmt: skip
    found = ph.occlusion(resnet, x, "logits:3", window=disc, stride=17, fill="zero")
    total, count = torch.zeros(64, 64, dtype=torch.float64), torch.zeros(64, 64)
    with torch.no_grad():
        for row, top in enumerate(found.tops):
            for column, left in enumerate(found.lefts):
                hidden = torch.zeros(64, 64, dtype=torch.bool)
                hidden[top : top + 21, left : left + 15] = disc
                drop = resnet.module(x)[0, 3] - resnet.module(x.masked_fill(hidden, 0))[0, 3]
                assert abs(drop - found.drops[0, row, column]) < 1e-12
                total[hidden] += drop
                count[hidden] += 1
    torch.testing.assert_close(found.values[0], torch.where(count > 0, total / count, torch.nan), equal_nan=True)
    assert f"window of {int(disc.sum())} pixels within 21 × 15 px" in found.picture().caption


class Odd(nn.Module):
    """What hardly anyone does between two convolutions."""

    def __init__(self, between) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 3, padding="same")
        self.between = between

    def forward(self, x):
        return self.second(self.between(self.first(x))).amax((2, 3))


def in_place_on_a_view(x):
    x[:, :4].mul_(x[:, 4:])
    return x


def written(x):
    x = x.clone()
    x[..., :3] = 0
    return x


def in_place_on_a_part(x):
    part, _ = x.chunk(2, 1)
    part.relu_()
    return x


ODD = {
    "in place on a view": in_place_on_a_view,
    "in place on a part": in_place_on_a_part,
    "written into": written,
    "in place": lambda x: x.relu_().add_(1).mul_(x),
    "1 - x": lambda x: 1 - x,
    "1 / x": lambda x: 1 / (x.abs() + 1),
    "squeeze and excite": lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)),
    "a map of constants": lambda x: x + torch.linspace(0, 1, x.shape[-1], dtype=x.dtype),
    "roll": lambda x: torch.roll(x, 5, 3),
    "softmax over rows": lambda x: x.softmax(2),
    "channels last": lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (8,)).permute(0, 3, 1, 2),
    "odd pooling": lambda x: F.max_pool2d(x, 3, 2, 1, 1, True),
    "average pooling": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "uncounted padding": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "cat of two sizes of change": lambda x: torch.cat([x[:, :4], F.avg_pool2d(x, 5, 1, 2)[:, 4:]], 1),
    "dilated": lambda x: F.conv2d(x, torch.ones(8, 1, 3, 2, dtype=x.dtype), None, 1, (2, 1), (2, 3), 8),
    "upsampled": lambda x: F.interpolate(x, scale_factor=2),
    "chunks": lambda x: torch.cat(x.chunk(2, 1)[::-1], 1),
    "padded": lambda x: F.pad(x, (1, 3, 2, 0)),
    "batch norm by hand": lambda x: (x - torch.ones(1, 8, 1, 1, dtype=x.dtype)) / 2.0,
}


@pytest.mark.parametrize("what", ODD)
def test_whatever_a_network_does_the_answer_is_exact(what):
    torch.manual_seed(0)
    module = Odd(ODD[what]).double()
    x = torch.randn(1, 3, 33, 40, dtype=torch.float64)
    network = ph.Network(module, ph.Preprocessing.plain(32))
    found = ph.occlusion(network, x, "logits:2", window=7, stride=5, fill="zero", batch=9)
    expected = covered_one_by_one(module, x, (7, 7), found.tops, found.lefts, torch.zeros_like(x), lambda y: y[0, 2])
    torch.testing.assert_close(found.drops[0], expected, rtol=0, atol=1e-10)


def test_patches_may_be_anything_anywhere(resnet):
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    patches = torch.randn(4, 3, 9, 5, dtype=torch.float64)
    top, left = [0, 55, 20, 31], [59, 0, 31, 2]
    found = edited(resnet, x, patches, top, left, "logits")
    for index in range(4):
        image = x.clone()
        image[..., top[index] : top[index] + 9, left[index] : left[index] + 5] = patches[index]
        torch.testing.assert_close(found.values[index], resnet.module(image)[0], rtol=0, atol=1e-12)


def test_a_changed_tensor_is_the_maps_it_stands_for():
    clean, patch = torch.rand(1, 2, 6, 7), torch.rand(3, 2, 2, 3)
    changed = Changed(clean, patch, [0, 4, 2], [4, 0, 2], (2, 3), Plan())
    full = clean.repeat(3, 1, 1, 1)
    for index, (top, left) in enumerate([(0, 4), (4, 0), (2, 2)]):
        full[index, :, top : top + 2, left : left + 3] = patch[index]
    assert torch.equal(changed.full(), full)
    seen = changed.window([-1, 3, 1], [5, -2, 1], 4, 4, outside=9.0)
    padded = F.pad(full, (2, 2, 2, 2), value=9.0)
    for index, (top, left) in enumerate([(-1, 5), (3, -2), (1, 1)]):
        assert torch.equal(seen[index], padded[index, :, top + 2 : top + 6, left + 2 : left + 6])


def test_steps_cover_more_and_more_places_and_end_at_the_same_bits(resnet, unchanged):
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    options = {"window": 16, "stride": 8, "batch": 10}
    for image, target in ((x[:1], ["logits:3", "logits:5"]), (x, "logits:3")):
        whole = ph.occlusion(resnet, image, target, **options)
        with unchanged(resnet.module):
            steps = list(ph.occlusion.steps(resnet, image, target, **options))
        assert len(steps) > 3
        assert [each.step for each in steps] == sorted({each.step for each in steps})
        assert {each.steps for each in steps} == {49 * len(image)}
        for each in steps:
            assert torch.equal(each.covered, ~each.drops.isnan())
            assert torch.equal(each.drops[each.covered], whole.drops[each.covered])
            assert torch.equal(each.scores, whole.scores)
            assert each.finished == (each is steps[-1])
            assert ("step" in each.made) != each.finished  # made again, a finished one takes as many as there are
        assert torch.equal(steps[-1].drops, whole.drops)
        assert torch.equal(steps[-1].values, whole.values)
        assert steps[-1].saved == whole.saved
        assert whole.made == steps[-1].made


def test_a_step_on_the_way_is_clear_where_nothing_is_covered_yet(resnet):
    x = torch.rand(1, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    first, *_, whole = ph.occlusion.steps(resnet, x, "logits:3", window=16, stride=16, batch=4)
    assert 0 < first.step < 16
    values = first.values[0]
    for row, top in enumerate(first.tops):
        for column, left in enumerate(first.lefts):
            there = values[top : top + 16, left : left + 16]
            known = bool(first.covered[0, row, column])
            assert (there == whole.drops[0, row, column]).all() if known else there.isnan().all()
            shown = first.frame()[top : top + 16, left : left + 16]
            if not known:
                assert (shown == first.photos[0][0].pixels[top : top + 16, left : left + 16]).all()
    assert first.frame().shape == whole.frame().shape == (64, 64, 3)
    assert f"stopped after {first.step} of 16 places" in first.picture().caption
    assert "stopped" not in whole.picture().caption
    assert first.progress.startswith("largest drop ")


def test_steps_begin_again_where_the_last_of_them_does_not_agree_with_a_plain_run(resnet, monkeypatch):
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    options = {"window": 16, "stride": 8, "fill": "zero", "batch": 10}
    expected = ph.occlusion(resnet, x, "logits:3", **options)
    checks = iter([True, False])
    monkeypatch.setattr(editing, "_alike", lambda *_: next(checks))
    steps = list(ph.occlusion.steps(resnet, x, "logits:3", **options))
    counts = [each.step for each in steps]
    again = next(at for at in range(1, len(counts)) if counts[at] < counts[at - 1])
    assert again > 1
    assert counts[again:] == [10, 20, 30, 40, 49]  # in plain batches, from the first place
    for each in steps[again:]:
        assert int((~each.drops.isnan()).sum()) == each.step
    assert steps[-1].saved == 0
    torch.testing.assert_close(steps[-1].drops, expected.drops, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"window": 80}, "a window of 80 × 80 px does not fit into the input of 64 × 64 px"),
        ({"window": 0}, "a window is a number of pixels or \\(height, width\\), at least 1, not 0"),
        ({"window": 8.5}, "a window is a number of pixels or \\(height, width\\), at least 1, not 8.5"),
        ({"window": (8, 8.5)}, "a window is a number of pixels"),
        ({"batch": 0}, "batch is a whole number, at least 1, not 0"),
        ({"stride": (4, 0)}, "a stride is a number of pixels"),
        ({"window": torch.ones(3, 3)}, "a window's shape is a bool tensor \\(height, width\\) with some True"),
        ({"fill": "grey"}, "filled with mean, zero, blur, noise or a tensor, not 'grey'"),
        ({"fill": torch.zeros(1, 3, 9, 9)}, "does not cover an image"),
    ],
)
def test_what_does_not_fit_is_one_sentence(resnet, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        ph.occlusion(resnet, torch.rand(1, 3, 64, 64), "logits:0", **options)


def test_the_picture_says_window_fill_and_saving():
    network = ph.load()
    photo = ph.read("src/phosphene/photos/cat.jpg")
    found = ph.occlusion(network, photo, "logits:Egyptian cat", window=96, stride=64)
    picture = found.picture()
    assert "window 96 × 96 px, every 64 × 64 px, filled with mean" in picture.caption
    assert "symmetric about zero" in picture.caption
    assert found.to_dict()["targets"] == ["logits:285 (Egyptian cat)"]
