"""Stitches: what must be recovered is, what shows nothing does not, and a stitched network is a network."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.comparison.regression.by_task import trained
from phosphene.comparison.stitching.places import Places, places_of
from phosphene.comparison.stitching.stitched import Stitched, sharing
from phosphene.comparison.stitching.untrained import untrained
from phosphene.network.blocks import distinct_blocks

SIDE = 16


def images(count: int = 40, seed: int = 0) -> torch.Tensor:
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic").clamp(0, 1)


def network_of(seed: int = 0, channels: int = 8, classes: int = 5, stride: int = 1) -> ph.Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, stride=stride), nn.ReLU()),
            nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU()),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, classes),
        )  # fmt: skip
    return ph.Network(module.eval(), ph.Preprocessing.plain(size=SIDE))


def shuffled(network: ph.Network, order: torch.Tensor) -> ph.Network:
    """The same function, with the first layer's channels in another order."""
    module = sharing(network.module)
    for part in (module[0][0], module[1][0]):
        part.weight, part.bias = nn.Parameter(part.weight.clone()), nn.Parameter(part.bias.clone())
    with torch.no_grad():
        module[0][0].weight.copy_(module[0][0].weight[order])
        module[0][0].bias.copy_(module[0][0].bias[order])
        module[1][0].weight.copy_(module[1][0].weight[:, order])
    return ph.Network(module, network.preprocessing)


def test_shuffled_channels_are_put_back_exactly():
    a = network_of()
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))
    b = shuffled(a, order)
    torch.testing.assert_close(a.scores(images(3)), b.scores(images(3)))
    result = ph.stitch(a, b, "0", "0", images(), task=0)
    assert result.learned < 1e-6
    assert result.naive > 0.1
    best = result.best
    assert best.agreement["regression"].mean == 1
    assert best.shuffled.mean < 1e-6
    weight = best.layer[0].reshape(8, 8)
    expected = torch.eye(8)[order]
    alive = a.record(images(), "0")["0"].flatten(2).std((0, 2))[order] > 1e-3
    torch.testing.assert_close(weight[alive], expected[alive], atol=1e-2, rtol=0)


def test_a_network_stitched_to_itself_is_itself(unchanged):
    a = network_of()
    x = images()
    with unchanged(a.module):
        result = ph.stitch(a, a, "1", "1", x, task=0)
        network = result.network
        torch.testing.assert_close(network.scores(x[:4]), a.scores(x[:4]), atol=1e-3, rtol=1e-3)
    assert result.learned < 1e-6
    assert result.best.agreement["regression"].mean == 1


def test_a_stitched_network_is_one_that_instruments_open(unchanged):
    a, b = network_of(), network_of(1, channels=4, stride=2)
    result = ph.stitch(a, b, "0", "0", images(), task=2)
    network = result.network
    x = images(2)
    with unchanged(network.module):
        names = [layer.name for layer in network.layers()]
        assert {"bottom.0", "adapter", "top.1"} <= set(names)
        assert "bottom.1" not in names  # the bottom ends where the layer's value stands
        maps = network.record(x, "bottom.0", "adapter", "top.0.0")
        assert maps["adapter"].shape == (2, 4, 8, 8)
        gradient = ph.gradient(network, x, "logits:1")
        assert torch.isfinite(gradient.values).all()
        assert float(gradient.values.abs().sum()) > 0
        assert ph.occlusion(network, x[:1], "logits:1", window=8, stride=8).drops.shape[-2:] == (2, 2)
    weight, bias = result.best.layer
    with torch.no_grad():
        value = result.best.places(a.module[0](x))
        mapped = torch.einsum("oc,nchw->nohw", weight.reshape(4, 8), value) + bias.view(1, -1, 1, 1)
        torch.testing.assert_close(network.scores(x), b.module[1:](mapped))


def test_answers_and_errors_are_those_of_a_plain_loop():
    a, b, x = network_of(), network_of(1), images()
    result = ph.stitch(a, b, "0", "0", x, task=0, seed=7)
    measured = [i for i in range(40) if i % 5 == 4]
    stitch = result.best
    with torch.no_grad():
        target, source = b.module[0](x[measured]), a.module[0](x[measured])
        weight = stitch.layer[0].reshape(8, 8)
        mapped = torch.einsum("oc,nchw->nohw", weight, source) + stitch.layer[1].view(1, -1, 1, 1)
        mean = b.module[0](x[[i for i in range(40) if i % 5 < 3]]).mean((0, 2, 3)).view(1, -1, 1, 1)
        error = (mapped - target).double().square().sum() / (target - mean).double().square().sum()
        naive = (source - target).double().square().sum() / (target - mean).double().square().sum()
        answers = b.module[1:](mapped).argmax(1) == b.module(x[measured]).argmax(1)
    assert result.learned == pytest.approx(float(error), rel=1e-2)  # the mean is over sampled places
    assert result.naive == pytest.approx(float(naive), rel=1e-2)
    assert stitch.agreement["regression"].mean == pytest.approx(float(answers.float().mean()))


def test_training_by_the_task_lowers_the_loss():
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    target = torch.nn.functional.one_hot((x[:, 0] > 0).long(), 2).float()
    start = torch.randn(2, 4, generator=torch.Generator().manual_seed(1)), torch.zeros(2)
    batches = [(x[at : at + 16], target[at : at + 16]) for at in range(0, 64, 16)]
    losses = [
        loss
        for _, loss, _ in trained(start, lambda z, layer: z @ layer[0].T + layer[1], lambda: batches, 200, rate=1e-2)
    ]
    assert len(losses) == 200
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    with pytest.raises(ValueError, match="no images to train"):
        next(trained(start, lambda z, layer: z, list, 3))


def test_pairs_are_chosen_over_the_depth_and_the_sheet_is_set(tmp_path):
    a, b = network_of(), network_of(1, channels=4)
    steps = list(ph.stitch.steps(a, b, "0", "1", images(), task=1))
    assert steps[0].progress.startswith("fitting: sums of ")
    assert steps[1].progress.startswith("fitting: image")
    assert any(step.progress.startswith("training: 0 → 1, step 1 of 1, loss") for step in steps)
    result = steps[-1]
    json.dumps(result.to_dict(), allow_nan=False)
    assert [(row["layer_a"], row["layer_b"]) for row in result.rows] == [("0", "1")]
    assert result.save(tmp_path / "stitch.svg").stat().st_size > 5000
    assert not result.labelled
    assert "as on its own, at 0 → 1" in result.words


def test_a_bottom_need_not_be_a_classifier_and_a_top_must():
    a, b, x = network_of(), network_of(1), images()
    features = ph.Network(a.module[:2], a.preprocessing)
    whole, part = (ph.stitch(bottom, b, "0", "0", x, task=0) for bottom in (a, features))
    assert part.learned == whole.learned
    assert part.right_a is None
    with pytest.raises(ValueError, match=r"top's scores of classes, and .* is no classifier"):
        ph.stitch(a, features, "0", "0", x, task=0)


def test_each_networks_answers_are_held_against_its_own_order_of_classes(tmp_path):
    from torchvision.utils import save_image

    names = [f"class {letter}" for letter in "abcde"]
    module = network_of().module
    b = ph.Network(module, ph.Preprocessing.plain(size=SIDE), ph.Labels(names))
    turned = sharing(module)
    turned[4].weight, turned[4].bias = (nn.Parameter(weight.flip(0)) for weight in (module[4].weight, module[4].bias))
    a = ph.Network(turned, b.preprocessing, ph.Labels(names[::-1]))
    for number, image in enumerate(images(20)):
        (folder := tmp_path / names[number % 5]).mkdir(exist_ok=True)
        save_image(image, folder / f"{number}.png")
    result = ph.stitch(a, b, "0", "0", tmp_path, task=0)
    assert result.labelled
    assert result.right_a == result.right_b  # the same function, with its classes in another order
    other = ph.Network(turned, b.preprocessing, ph.Labels(["another class", *names[:4]]))
    assert ph.stitch(other, b, "0", "0", tmp_path, task=0).right_a is None


def padded(before: int, after: int, stride: int) -> ph.Network:
    """The network with a first convolution that is padded like this along both axes."""
    module = sharing(network_of().module)
    first = nn.Conv2d(3, 8, 3, stride=stride)
    first.weight, first.bias = module[0][0].weight, module[0][0].bias
    module[0] = nn.Sequential(nn.ZeroPad2d((before, after, before, after)), first, nn.ReLU())
    return ph.Network(module.eval(), ph.Preprocessing.plain(size=SIDE))


def test_places_that_padding_moves_are_matched_by_where_they_look(monkeypatch):
    a, b, x = padded(0, 2, 1), padded(2, 0, 1), images()  # the same values, two places apart
    places = places_of(a, b, a.layer("0"), b.layer("0"), photos=False)
    inner = slice(2, None)
    with torch.no_grad():
        torch.testing.assert_close(places(a.module[0](x))[:, :, inner, inner], b.module[0](x)[:, :, inner, inner])
    fine, coarse = padded(1, 1, 1), padded(1, 1, 2)  # every second place of the first
    at = places_of(fine, coarse, fine.layer("0"), coarse.layer("0"), photos=False).rows
    assert at.argmax(1).tolist() == list(range(0, SIDE, 2))
    torch.testing.assert_close(at[1, :5], torch.tensor([0, 0.25, 0.5, 0.25, 0], dtype=torch.float64))
    matched = ph.stitch(a, b, "0", "0", x, task=0).learned
    alone = Places(torch.eye(SIDE).double(), torch.eye(SIDE).double())
    monkeypatch.setattr("phosphene.comparison.stitching.pairs.places_of", lambda *args, **options: alone)
    assert matched < 0.5 * ph.stitch(a, b, "0", "0", x, task=0).learned  # what is left lies at the edges


def test_a_wider_view_of_the_same_photo_is_read_where_it_is_the_same():
    base = network_of()
    near = ph.Network(base.module, ph.Preprocessing(SIDE, resize=2 * SIDE))  # the middle half of a photo
    whole = ph.Network(base.module, ph.Preprocessing(SIDE, resize=SIDE))
    layer = base.layer("0")
    rows = places_of(whole, near, layer, layer, photos=True).rows
    index = rows @ torch.arange(SIDE, dtype=torch.float64)
    torch.testing.assert_close(index, torch.linspace(4.25, 11.75, SIDE, dtype=torch.float64) - 0.5, atol=0.3, rtol=0)
    assert torch.equal(places_of(whole, near, layer, layer, photos=False).rows, torch.eye(SIDE, dtype=torch.float64))


def test_an_untrained_network_has_other_weights_and_the_same_shapes(unchanged):
    a = network_of()
    with unchanged(a.module):
        blank = untrained(a, 5)
    first = dict(a.module.named_parameters())
    for name, weight in blank.module.named_parameters():
        assert weight.shape == first[name].shape
        assert not torch.equal(weight, first[name])
    again = untrained(a, 5)
    assert all(torch.equal(p, q) for p, q in zip(blank.module.parameters(), again.module.parameters(), strict=True))


def test_weights_are_shared_with_the_originals():
    a = network_of()
    layer = a.layer("0")
    module = Stitched(a, a, layer, layer, places_of(a, a, layer, layer, photos=False), torch.eye(8), torch.zeros(8))
    own = {id(weight) for weight in a.module.parameters()}
    assert {id(weight) for weight in module.bottom.parameters()} == own
    assert not a.module[0]._forward_hooks


class Skipping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.inner = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        x = self.first(x)
        return self.head((x + self.inner(x)).mean((2, 3)))


@pytest.mark.parametrize(
    ("layers", "change", "words"),
    [
        (("inner", "inner"), {}, "go past inner, as by a skip connection"),
        (("add", "first"), {}, "is a function's value"),
        (("first", "nowhere"), {}, "layer 'nowhere' is not in"),
        (("first", "first"), {"images": images(8)}, "needs 10 images at least, and there are 8"),
        (("first", "first"), {"task": -1}, "at least 0, not -1"),
    ],
)
def test_what_can_not_be_stitched_is_refused_in_one_sentence(layers, change, words):
    network = ph.Network(Skipping().eval(), ph.Preprocessing.plain(size=SIDE))
    options = {"images": images(12), "task": 0} | change
    with pytest.raises((ValueError, LookupError), match=words):
        ph.stitch(network, network, *layers, options.pop("images"), **options)


def test_layers_whose_class_token_goes_past_the_stitch_are_refused():
    import timm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = timm.create_model("test_vit", num_classes=5, img_size=64).eval()
    network = ph.Network(module, ph.Preprocessing.plain(size=64))
    x = torch.rand(12, 3, 64, 64)
    with pytest.raises(ValueError, match="in a class token"):
        ph.stitch(network, network, "blocks.1", "blocks.1", x, task=0)
    studied = ph.equivariance(network, x, "flip-vertical", layers="blocks.1", limit=12)
    assert studied.clean is None
    assert any("go past the map" in note for note in studied.notes)


def test_derived_layers_are_drawn_anew_with_their_statistics():
    class Derived(nn.BatchNorm2d):
        pass

    norm = Derived(4)
    norm.running_mean.fill_(3.0)
    network = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 1), norm).eval(), ph.Preprocessing.plain(size=8))
    assert float(untrained(network).module[1].running_mean.abs().max()) == 0


def test_a_top_whose_images_change_each_other_is_stitched_one_by_one():
    module = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.BatchNorm2d(4, track_running_stats=False),
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5),
    )  # fmt: skip
    network = ph.Network(module.eval(), ph.Preprocessing.plain(size=SIDE))
    result = ph.stitch(network, network, "0", "0", images(20), task=0)
    assert result.best.agreement["regression"].mean == 1


def opened_as(kind: str, network: ph.Network, path: Path) -> ph.Network:
    """The network from a file: an exported program, or ONNX as torch.onnx.export writes it."""
    module = network.module
    if kind == "exported":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.save(torch.export.export(module, (images(1),)), path / "network.pt2")
        return ph.load(path / "network.pt2")
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnx2torch", reason="onnx2torch is not installed")
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    steps = [
        ("Conv", "x 0.0.weight 0.0.bias", "a", "/0/0.0/Conv", same), ("Relu", "a", "b", "/0/0.1/Relu", {}),
        ("Conv", "b 1.0.weight 1.0.bias", "c", "/1/1.0/Conv", same), ("Relu", "c", "d", "/1/1.1/Relu", {}),
        ("GlobalAveragePool", "d", "e", "/2/GlobalAveragePool", {}), ("Flatten", "e", "f", "/3/Flatten", {}),
        ("Gemm", "f 4.weight 4.bias", "scores", "/4/Gemm", {"transB": 1}),
    ]  # fmt: skip
    nodes = [onnx.helper.make_node(op, of.split(), [to], name=name, **rest) for op, of, to, name, rest in steps]
    real = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes, "graph", [onnx.helper.make_tensor_value_info("x", real, [1, 3, SIDE, SIDE])],
        [onnx.helper.make_tensor_value_info("scores", real, [1, 5])],
        [onnx.numpy_helper.from_array(value.numpy(), name) for name, value in module.state_dict().items()],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path / "network.onnx")
    return ph.load(path / "network.onnx")


@pytest.mark.parametrize(("kind", "layer"), [("exported", "0"), ("onnx", "0.1")])
def test_a_network_from_a_file_is_stitched_as_the_module_is(kind, layer, tmp_path):
    a, b, x = network_of(), network_of(1, channels=4), images()
    opened = opened_as(kind, a, tmp_path)
    if kind == "exported":
        assert distinct_blocks(opened) == distinct_blocks(a)
    for plain, file in (((a, b, "0", "0"), (opened, b, layer, "0")), ((b, a, "0", "0"), (b, opened, "0", layer))):
        expected, result = ph.stitch(*plain, x, task=2), ph.stitch(*file, x, task=2)
        assert result.learned == pytest.approx(expected.learned, rel=1e-4)
        assert result.best.agreement == expected.best.agreement
        network = result.network
        torch.testing.assert_close(network.scores(x[:3]), expected.network.scores(x[:3]), rtol=1e-3, atol=1e-4)
        assert "adapter" in [each.name for each in network.layers()]
        of_file, of_module = (ph.gradient(each, x[:1], "logits:1").values for each in (network, expected.network))
        torch.testing.assert_close(of_file, of_module, rtol=1e-2, atol=1e-5)
