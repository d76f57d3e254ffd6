"""Equivariance and invariance on networks whose maps are known, and against plain loops."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.comparison.maps.going_on import scores_where
from phosphene.comparison.maps.mapping import LinearMap, neighbourhoods, unchanged
from phosphene.network.geometry.layout import Layout
from phosphene.transformations import Flip, transformation_of

SIDE = 16


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 30, seed: int = 0) -> torch.Tensor:
    coarse = torch.rand(count, 3, 5, 5, generator=seeded(seed))
    return torch.nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic").clamp(0, 1)


def network_of(*parts: nn.Module, classes: int = 0) -> ph.Network:
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(classes)] if classes else []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(*parts, *head)
        module(torch.zeros(1, 3, SIDE, SIDE))
    return ph.Network(module.eval(), ph.Preprocessing.plain(size=SIDE))


def conv(weight: torch.Tensor) -> nn.Conv2d:
    outputs, inputs, high, _ = weight.shape
    layer = nn.Conv2d(inputs, outputs, high, padding=high // 2, bias=False)
    layer.weight.data.copy_(weight)
    return layer


def random_filters(outputs: int = 6, seed: int = 1) -> torch.Tensor:
    return torch.randn(outputs, 3, 3, 3, generator=seeded(seed))


def test_the_identity_is_learned_as_the_identity():
    network = network_of(conv(random_filters()), nn.ReLU(), classes=4)
    result = ph.equivariance(network, images(), "rotate:360", layers=["0", "1"])
    for row in result.rows:
        assert max(row["uncompensated"], row["permuted"], row["learned"]) < 1e-10
        weight = result.map(row["layer"]).weight
        torch.testing.assert_close(weight, unchanged(6, 3).T.reshape(weight.shape).float(), atol=1e-4, rtol=0)
        assert row["restored_learned"] == 1
    assert ph.invariance(network, images(), "rotate:360", layers="1").rows[0]["share"] == 1


def test_symmetric_filters_follow_a_flip_by_moved_places_alone():
    weight = random_filters()
    network = network_of(conv(weight + weight.flip(3)), nn.ReLU())
    result = ph.equivariance(network, images(), Flip("horizontal"), layers=["0", "1"])
    for row in result.rows:
        assert row["permuted"] < 1e-10 < 0.1 < row["uncompensated"]
    share = ph.invariance(network, images(), Flip("horizontal"), layers=["0"]).rows[0]
    assert (share["share"], share["share_by_map"], share["firings_kept"]) == (1, 1, 1)


def test_a_network_averaged_over_the_flips_follows_them_and_no_quarter_turn():
    class Averaged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = conv(random_filters())

        def forward(self, x):
            return (self.inner(x).relu() + self.inner(x.flip(3)).relu().flip(3)) / 2

    network = network_of(Averaged(), nn.Identity())
    follows = ph.equivariance(network, images(), "flip-horizontal", layers="1").rows[0]
    assert follows["permuted"] < 1e-10
    assert ph.equivariance(network, images(), "rotate:90", layers="1").rows[0]["permuted"] > 0.05


@pytest.mark.parametrize("sparse", [1, None])
def test_a_planted_exchange_of_channels_is_found(sparse):
    weight = random_filters(3)
    network = network_of(conv(torch.cat([weight, weight.flip(3)])), nn.ReLU())
    result = ph.equivariance(network, images(), "flip-horizontal", layers="1", neighbourhood=1, sparse=sparse)
    row = result.rows[0]
    assert row["learned"] < 1e-6 < 0.1 < row["permuted"]
    expected = torch.eye(6)[[3, 4, 5, 0, 1, 2]]
    torch.testing.assert_close(result.map("1").weight[..., 0, 0], expected, atol=1e-3, rtol=0)
    assert result.layer("1").correlation.argmax(1).tolist() == [3, 4, 5, 0, 1, 2]


def test_errors_are_those_of_a_plain_loop_in_double_precision():
    network = network_of(conv(random_filters()), nn.ReLU())
    x, g = images(), transformation_of("rotate:20")
    result = ph.equivariance(network, x, g, layers="1", seed=3)
    fit_on, measured = [i for i in range(30) if i % 5 < 3], [i for i in range(30) if i % 5 == 4]

    def values(some):
        with torch.no_grad():
            return network.module(some).double()

    after, before = values(g.images(x)), g.resampling((SIDE, SIDE), (SIDE, SIDE))(values(x).float()).double()
    valid = g.resampling((SIDE, SIDE), (SIDE, SIDE)).valid
    assert int(valid.sum()) < 256  # so that all of them fit
    mean = after[fit_on][..., valid].mean((0, 2))[None, :, None]
    target = after[measured][..., valid]
    variance = (target - mean).square().sum()
    learned = result.map("1")(before.float()).double()
    for way, prediction in {"uncompensated": values(x), "permuted": before, "learned": learned}.items():
        error = (prediction[measured][..., valid] - target).square().sum() / variance
        assert result.rows[0][way] == pytest.approx(float(error), rel=1e-4)
    assert result.rows[0]["learned"] < result.rows[0]["permuted"] < result.rows[0]["uncompensated"]
    assert (result.images, result.fitting) == (6, 24)
    assert ph.equivariance(network, x, g, layers="1", sparse=2).rows[0]["strength"] is None


def test_what_is_restored_is_the_rest_of_the_network_on_mapped_values(unchanged):
    network = network_of(
        conv(random_filters()), nn.ReLU(), conv(torch.randn(5, 6, 3, 3, generator=seeded(9))), nn.ReLU(), classes=7
    )
    x = images(4)
    weight, bias = torch.randn(6, 6, 3, 3, generator=seeded(5)), torch.randn(6, generator=seeded(6))
    change = LinearMap(weight, bias)
    with unchanged(network.module), torch.no_grad():
        scores = scores_where(network, x, network.layer("1"), change)
    with torch.no_grad():
        expected = network.module[2:](change(network.module[:2](x)))
    torch.testing.assert_close(scores, expected)
    with torch.no_grad():
        torch.testing.assert_close(scores_where(network, x, network.layer("1"), lambda maps: maps), network.scores(x))


def test_gradients_reach_the_map_and_never_the_network():
    network = network_of(
        conv(random_filters()), nn.ReLU(), conv(torch.randn(5, 6, 3, 3, generator=seeded(9))), nn.ReLU(), classes=7
    )
    factor = torch.ones(1, 6, 1, 1, requires_grad=True)
    scores = scores_where(network, images(2), network.layer("1"), lambda maps: maps * factor)
    (gradient,) = torch.autograd.grad(scores.sum(), factor)
    assert gradient.abs().sum() > 0
    assert all(weight.grad is None for weight in network.module.parameters())
    moved = factor.detach().clone()
    moved[0, 2] += 1e-2
    with torch.no_grad():
        higher = scores_where(network, images(2), network.layer("1"), lambda maps: maps * moved).sum()
        lower = scores_where(network, images(2), network.layer("1"), lambda maps: maps * (2 - moved)).sum()
    assert float(higher - lower) / 2e-2 == pytest.approx(float(gradient[0, 2]), rel=1e-2)


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        (Layout(2, 3), (2, 5, 4, 3)),
        (Layout(1, 2), (2, 4, 3, 5)),
        (Layout(1, 2), (2, 4, 3)),
        (Layout(tokens=1, grid=(4, 3), prefix=2), (2, 14, 5)),
        (Layout(tokens=2, grid=(4, 3)), (2, 5, 12)),
    ],
)
def test_maps_are_placed_where_they_came_from(layout, shape):
    value = torch.randn(shape, generator=seeded())
    assert torch.equal(layout.placed(value, layout.maps(value)), value)
    doubled = layout.placed(value, 2 * layout.maps(value))
    assert torch.equal(layout.maps(doubled), 2 * layout.maps(value))
    assert torch.equal(layout.extras(doubled), layout.extras(value))


def test_the_maps_of_neighbourhoods_are_convolutions():
    maps = torch.randn(2, 3, 5, 4, generator=seeded())
    weight = torch.randn(27, 3, generator=seeded(1), dtype=torch.float64)
    linear = LinearMap.of(weight, torch.zeros(3, dtype=torch.float64), 3)
    flat = torch.einsum("npl,pq->nql", neighbourhoods(maps, 3).double(), weight).unflatten(2, (5, 4))
    torch.testing.assert_close(linear(maps).double(), flat, atol=1e-5, rtol=1e-5)
    assert torch.equal(LinearMap.of(unchanged(3, 3), torch.zeros(3), 3)(maps), maps)


def test_vectors_and_transformers_are_studied_too(unchanged):
    import timm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = timm.create_model("test_vit", num_classes=5, img_size=64).eval()
    network = ph.Network(module, ph.Preprocessing.plain(size=64))
    x = torch.nn.functional.interpolate(images(), size=(64, 64), mode="bilinear")
    with unchanged(module):
        result = ph.equivariance(network, x, "flip-vertical", layers=["blocks.0", "fc_norm", "head"], limit=20)
    assert [row["grid"] for row in result.rows] == [[4, 4], [1, 1], [1, 1]]
    assert result.rows[0]["neighbourhood"] == 3
    assert result.rows[1]["neighbourhood"] == 1
    assert all(np.isfinite(row["learned"]) for row in result.rows)


def test_stated_classes_are_what_is_right_where_all_are_known(tmp_path):
    from PIL import Image

    network = network_of(conv(random_filters()), nn.ReLU(), classes=2)
    network = ph.Network(network.module, network.preprocessing, ["left", "right"])
    for index, image in enumerate(images(20)):
        path = tmp_path / ("left" if index % 2 else "right") / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((image.permute(1, 2, 0) * 255).byte().numpy()).save(path)
    (tmp_path / "left" / "99.png").write_bytes(b"no image")
    result = ph.equivariance(network, tmp_path, "flip-horizontal", layers="1")
    assert result.labelled
    assert 0 <= result.clean.mean <= 1
    assert result.images + result.fitting == 20
    assert any("99.png" in note for note in result.notes)
    assert "right" in result.words
    other = ph.equivariance(network, tmp_path, "grey", layers="1")
    assert not other.labelled
    assert "for the changed image" in other.words


def test_a_network_without_answers_is_studied_by_its_values():
    result = ph.equivariance(network_of(conv(random_filters()), nn.ReLU()), images(), "flip-vertical", layers="1")
    assert result.clean is None
    assert any("no answers were compared" in note for note in result.notes)
    assert "restored_learned" not in result.rows[0]


def test_steps_say_what_they_are_at_and_the_picture_is_made_again(tmp_path):
    network = network_of(conv(random_filters()), nn.ReLU(), classes=3)
    words = [step.progress for step in ph.equivariance.steps(network, images(), layers=["0", "1"])]
    assert words[0].startswith("fitting: sums of ")
    assert words[1].startswith("fitting: image ")
    assert "measuring: image 12 of 12" in words  # six of them choose the layer
    assert words[-1] == "done"
    result = ph.equivariance(network, images(), layers=["0", "1"])
    json.dumps(result.to_dict(), allow_nan=False)
    assert result.save(tmp_path / "study.svg", map="1").stat().st_size > 5000
    with pytest.raises(LookupError, match="was not studied; the layers are 0, 1"):
        result.save(tmp_path / "other.svg", map="nothing")
    kept = ph.invariance(network, images(), layers=["0", "1"])
    json.dumps(kept.to_dict(), allow_nan=False)
    assert kept.save(tmp_path / "kept.svg").stat().st_size > 5000
    assert made_again(tmp_path)


def made_again(folder) -> bool:
    from PIL import Image

    photos = folder / "photos"
    photos.mkdir()
    for index, image in enumerate(images(10)):
        Image.fromarray((image.permute(1, 2, 0) * 255).byte().numpy()).save(photos / f"{index:02}.png")
    first = ph.equivariance(ph.load("torchvision:squeezenet1_1@none"), str(photos), ph.Rotate(20),
                            layers="features.3", neighbourhood=1)  # fmt: skip
    first.save(folder / "first.png")
    ph.again(folder / "first.png").save(folder / "second.png")
    return (folder / "first.png").read_bytes() == (folder / "second.png").read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by": "rotat:3"}, "near it: rotate"),
        ({"layers": "9"}, "layer '9' is not in"),
        ({"neighbourhood": 2}, "an odd number of places"),
        ({"images": images(9)}, "need 10 images at least, and there are 9"),
        ({"limit": 5}, "there are 5"),
        ({"limit": 0}, "at least 1, not 0"),
        ({"images": images(12) * float("nan")}, "NaN or infinite"),
        ({"images": torch.full((12, 3, SIDE, SIDE), 0.5), "layers": "0"}, "0: the values don't vary"),
        ({"images": "nowhere"}, "there is no 'nowhere'"),
        ({"images": images(12) * 300}, "transformations act on values from 0 to 1"),
    ],
)
def test_what_can_not_be_studied_is_refused_in_one_sentence(change, words):
    network = network_of(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU(), classes=3)
    options = {"images": images(12), "by": "flip-vertical", "layers": "1"} | change
    with pytest.raises((ValueError, LookupError, FileNotFoundError), match=words):
        ph.equivariance(network, options.pop("images"), options.pop("by"), **options)


def test_a_map_trained_by_the_answers_restores_what_a_bad_fit_lost(unchanged):
    weight = random_filters(3)
    network = network_of(conv(torch.cat([weight, weight.flip(3)])), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.ReLU(), classes=4)
    x = images(60)
    with unchanged(network.module):
        result = ph.equivariance(network, x, "flip-vertical", layers="1", neighbourhood=1, task=60)
    row = result.rows[0]
    assert row["restored_task"] >= row["restored_learned"]
    assert "trained by the answers" in str(result.table().header)
    steps = [step.progress for step in ph.equivariance.steps(network, x, "grey", layers="1", task=2)]
    assert any(step.startswith("training: 1, step 2 of 2, loss") for step in steps)
    with pytest.raises(ValueError, match="at least 0, not -1"):
        ph.equivariance(network, x, layers="1", task=-1)


def test_hog_follows_a_flip_exactly_by_exchanging_directions():
    from skimage.data import astronaut, chelsea, coffee

    photos = [ph.read(photo[top : top + 300, :300]) for photo in (astronaut(), chelsea(), coffee())
              for top in range(0, photo.shape[0] - 299, 40)]  # fmt: skip
    network = ph.load("hog")
    result = ph.equivariance(network, photos, "flip-horizontal", layers=["cells", "blocks"], neighbourhood=1, sparse=1)
    for layer, row in zip(result.layers, result.rows, strict=True):
        assert row["learned"] < 1e-9 < 0.1 < row["permuted"]
        weight = layer.map.weight[..., 0, 0]
        torch.testing.assert_close(weight @ weight, torch.eye(len(weight)), atol=1e-4, rtol=0)  # twice is none
    assert result.map("cells").weight[..., 0, 0].round().argmax(1).tolist() == list(range(8, -1, -1))
    assert result.clean is None


def test_the_local_error_is_small_where_moved_places_explain_the_change():
    blur = nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False, padding_mode="reflect")
    blur.weight.data.fill_(1 / 9)
    oriented = nn.Conv2d(3, 4, 3, padding=1, bias=False, padding_mode="reflect")
    oriented.weight.data.copy_(random_filters(4))
    network = ph.Network(nn.Sequential(blur, oriented).eval(), ph.Preprocessing.plain(size=32))
    smooth = torch.nn.functional.interpolate(images(), size=(32, 32), mode="bicubic").clamp(0, 1)

    def errors(by):
        return [row["local"] for row in ph.equivariance(network, smooth, by, layers=["0", "1"]).rows]

    assert max(errors("translate:0.1,0")) < 0.05  # a convolution follows a shift
    turned = errors("rotate:20")
    assert turned[0] < turned[1] < 0.05  # a round filter follows a turn better; near the edges a turn is a shift
    assert errors("flip-vertical") == errors("brightness:1.2") == [None, None]


def test_what_was_made_with_hog_is_made_again(tmp_path):
    from PIL import Image

    photos = tmp_path / "photos"
    photos.mkdir()
    for index, image in enumerate(images(10)):
        Image.fromarray((image.permute(1, 2, 0) * 255).byte().numpy()).save(photos / f"{index:02}.png")
    hog = ph.load("hog")
    result = ph.similarity(hog, hog, str(photos), layers=["cells", "blocks"], batch=5)
    result.save(tmp_path / "first.png")
    ph.again(tmp_path / "first.png").save(tmp_path / "second.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
