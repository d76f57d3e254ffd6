"""A network opened from an ONNX file is the network it was written from: its values, names, maps and relevance."""

import importlib.util
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.network.opening.loading import runs_code

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnx2torch", reason="onnx2torch is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RAPIDOCR = importlib.util.find_spec("rapidocr")
real = pytest.mark.skipif(RAPIDOCR is None, reason="the package rapidocr is not installed")


class Twin(nn.Module):
    """What the files of these tests are written from."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, 2, 1)
        self.block = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU())
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = self.stem(x).relu()
        return self.fc((self.block(x) + x).mean((2, 3)))


@pytest.fixture(scope="module")
def twin():
    torch.manual_seed(0)
    return Twin().eval()


def node(kind: str, given: str, made: str, name: str = "", **attributes):
    return helper.make_node(kind, given.split(), [made], name=name, **attributes)


def written(
    path: Path, nodes: list, values: dict, shape: list, *, kind: int = TensorProto.FLOAT, opset: int = 17, **meta
):
    """A file of ONNX whose input is `image` and whose output is `scores`."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(model, meta)
    onnx.save(model, path)
    return path


def of_twin(twin: Twin) -> tuple[list, dict]:
    """The twin's nodes as torch.onnx.export writes them, and its weights."""
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        node("Conv", "image stem.weight stem.bias", "a", "/stem/Conv", strides=[2, 2], **same),
        node("Relu", "a", "b", "/Relu"),
        node("Conv", "b block.0.weight block.0.bias", "c", "/block/block.0/Conv", **same),
        node("Relu", "c", "d", "/block/block.1/Relu"),
        node("Add", "d b", "e", "/Add"),
        node("ReduceMean", "e", "f", "/ReduceMean", axes=[2, 3], keepdims=0),
        node("Gemm", "f fc.weight fc.bias", "scores", "/fc/Gemm", transB=1),
    ]
    return nodes, {name: value.detach().numpy() for name, value in twin.state_dict().items()}


@pytest.fixture(scope="module")
def pair(twin, tmp_path_factory):
    """The network from its file, and from its module."""
    path = written(tmp_path_factory.mktemp("onnx") / "twin.onnx", *of_twin(twin), ["N", 3, 32, 32])
    opened = ph.load(path)
    return opened, ph.Network(twin, opened.preprocessing)


def images(count: int = 2, size: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_its_layers_have_the_names_shapes_and_receptive_fields_of_the_modules(pair):
    opened, eager = ({layer.name: layer for layer in network.layers()} for network in pair)
    assert list(opened) == ["stem", "relu", "block.0", "block.1", "add", "reducemean", "fc", "logits"]
    for name in opened.keys() - {"reducemean"}:
        assert (opened[name].shape, opened[name].field) == (eager[name].shape, eager[name].field), name
    assert {opened[name].kind for name in ("stem", "block.1", "fc")} == {"Conv2d", "ReLU", "Linear"}


@pytest.mark.parametrize(
    "answer",
    [
        lambda net, x: net.record(x, "logits")["logits"],
        lambda net, x: net.record(x, "block.1")["block.1"],
        lambda net, x: ph.gradient(net, x, "logits:1").values,
        lambda net, x: ph.guided(net, x, "logits:1").values,
        lambda net, x: ph.grad_cam(net, x, "logits:1", layer="add").values,
        lambda net, x: ph.cam(net, x, "logits:1").raw,
        lambda net, x: ph.occlusion(net, x, "logits:1", window=8, stride=8).drops,
        lambda net, x: ph.lrp(net, x, "logits:1", rule="epsilon").values,
        lambda net, x: ph.lrp(net, x, "logits:1", rule="composite").values,
    ],
    ids=["logits", "layer", "gradient", "guided", "grad_cam", "cam", "occlusion", "epsilon", "composite"],
)
def test_every_instrument_gives_what_it_gives_on_the_module(pair, answer, unchanged):
    opened, eager = pair
    with unchanged(opened.module):
        torch.testing.assert_close(answer(opened, images()), answer(eager, images()), rtol=1e-4, atol=1e-6)


def test_filters_activations_and_the_check_up_work(pair):
    opened, _ = pair
    assert ph.filters(opened, "stem").picture()
    assert ph.activations(opened, images(1), "block.1").picture()
    assert ph.check(opened).findings


def test_what_is_known_and_assumed_of_the_input_is_said(tmp_path, twin):
    nodes, values = of_twin(twin)
    network = ph.load(
        written(tmp_path / "named.onnx", nodes, values, ["N", 3, "H", "W"], names="{0: 'a', 1: 'b', 2: 'c', 3: 'd'}")
    )
    assert tuple(network.labels) == ("a", "b", "c", "d")
    assert network.preprocessing == ph.Preprocessing.plain(224)
    assert "preprocessing not known, so: " in network.notes[1]
    assert "class names of the file's metadata" in network.notes
    assert network.record(images(1, 40), "logits")["logits"].shape == (1, 4)
    assert runs_code(str(tmp_path / "named.onnx")) is None
    assert runs_code("gone.onnx") is None


def test_a_graph_for_one_image_takes_several(tmp_path, twin):
    nodes, values = of_twin(twin)
    nodes[-2:] = [
        node("GlobalAveragePool", "e", "f0"),
        node("Reshape", "f0 flat", "f"),
        node("MatMul", "f matrix", "g", "/fc/MatMul"),
        node("Add", "fc.bias g", "scores", "/fc/Add"),
    ]
    values |= {"flat": np.array([1, 6]), "matrix": values["fc.weight"].T.copy()}
    del values["fc.weight"]
    network = ph.load(written(tmp_path / "one.onnx", nodes, values, [1, 3, 32, 32]))
    with torch.no_grad():
        torch.testing.assert_close(network.record(images(3), "logits")["logits"], twin(images(3)))
    assert network.layer("fc").kind == "Linear"
    assert not any("one image at a time" in note for note in network.notes)


def test_a_class_token_is_given_to_every_image(tmp_path):
    token = np.arange(3, dtype=np.float32).reshape(1, 3, 1)
    nodes = [
        node("Reshape", "image grid", "a"),
        node("Concat", "token a", "b", axis=2),
        node("ReduceMax", "b", "scores", axes=[2], keepdims=0),
    ]
    path = written(tmp_path / "token.onnx", nodes, {"grid": np.array([1, 3, 16]), "token": token}, [1, 3, 4, 4])
    x = images(2, 4)
    expected = torch.cat([torch.from_numpy(token).expand(2, 3, 1), x.flatten(2)], 2).amax(2)
    assert torch.equal(ph.load(path).record(x, "logits")["logits"], expected)


def test_a_graph_that_mixes_its_images_takes_one_at_a_time(tmp_path):
    nodes = [node("Transpose", "image", "a", perm=[1, 0, 2, 3]), node("Reshape", "a flat", "scores")]
    network = ph.load(written(tmp_path / "mixing.onnx", nodes, {"flat": np.array([1, 12])}, [1, 3, 2, 2]))
    assert "the file is written for one image at a time" in network.notes
    assert network.record(images(1, 2), "logits")["logits"].shape == (1, 12)
    with pytest.raises(ValueError, match="is written for one image at a time, and 2 came together"):
        network.record(images(2, 2), "logits")


@pytest.mark.parametrize(
    ("mode", "stride", "pads"), [("SAME_UPPER", 1, (0, 1)), ("SAME_LOWER", 1, (1, 0)), ("SAME_UPPER", 2, (0, 0))]
)
def test_padding_that_keeps_the_size_is_written_out(tmp_path, mode, stride, pads):
    weight = torch.rand(2, 3, 2, 2)
    nodes = [node("Conv", "image w", "scores", auto_pad=mode, kernel_shape=[2, 2], strides=[stride, stride])]
    network = ph.load(written(tmp_path / "same.onnx", nodes, {"w": weight.numpy()}, ["N", 3, 6, 6]))
    expected = nn.functional.conv2d(nn.functional.pad(images(1, 6), pads * 2), weight, stride=stride)
    torch.testing.assert_close(network.record(images(1, 6), "logits")["logits"], expected)
    if stride > 1:
        with pytest.raises(ValueError, match=r"Conv pads by its input's size .* which is not fixed"):
            ph.load(written(tmp_path / "any.onnx", nodes, {"w": weight.numpy()}, ["N", 3, "H", "W"]))


def test_operators_of_newer_versions_are_those_of_older_ones_where_they_mean_the_same(tmp_path):
    nodes = [
        node("Gelu", "image", "a", "/act/Gelu"),
        node("ReduceMean", "a axes", "b", keepdims=1),
        node("Reshape", "b flat", "c", allowzero=1),
        node("Identity", "w", "w1"),
        node("MatMul", "c w1", "scores", "/fc/MatMul"),
    ]
    weight = torch.rand(3, 2)
    values = {"axes": np.array([2, 3]), "flat": np.array([-1, 3]), "w": weight.numpy()}
    network = ph.load(written(tmp_path / "new.onnx", nodes, values, ["N", 3, 5, 5], opset=20))
    x = images(2, 5)
    torch.testing.assert_close(network.record(x, "logits")["logits"], nn.functional.gelu(x).mean((2, 3)) @ weight)
    assert network.layer("act").kind == "GELU"


def test_channels_may_come_last(tmp_path):
    nodes = [node("ReduceMean", "image", "scores", axes=[1, 2], keepdims=0)]
    network = ph.load(written(tmp_path / "last.onnx", nodes, {}, ["N", 8, 8, 3]))
    assert network.preprocessing.size == (8, 8)
    torch.testing.assert_close(network.record(images(2, 8), "logits")["logits"], images(2, 8).mean((2, 3)))
    assert "'image' is (N, H, W, C)" in " ".join(network.notes)


def test_what_can_not_be_opened_is_said_in_a_sentence(tmp_path, twin, monkeypatch):
    def refusal(*arguments, **options) -> str:
        with pytest.raises(ValueError) as error:
            ph.load(written(tmp_path / "x.onnx", *arguments, **options))
        return str(error.value)

    det = [node("Det", "image", "a"), node("Hardmax", "a", "scores")]
    assert "operators that onnx2torch does not have: Det (opset 17), Hardmax (opset 17)" in refusal(
        det, {}, [1, 3, 4, 4]
    )
    cast = [node("Cast", "image", "scores", to=1)]
    assert "takes uint8 values" in refusal(cast, {}, [1, 3, 4, 4], kind=TensorProto.UINT8)
    relu = [node("Relu", "image", "scores")]
    assert "an input of 3 dimensions" in refusal(relu, {}, [3, 4, 4])
    (tmp_path / "bad.onnx").write_bytes(b"no graph")
    with pytest.raises(ValueError, match="is not a sound ONNX file"):
        ph.load(tmp_path / "bad.onnx")
    with pytest.raises(FileNotFoundError, match=r"gone\.onnx is not a file"):
        ph.load(tmp_path / "gone.onnx")
    with pytest.raises(ValueError, match="architecture= has no meaning"):
        ph.load(tmp_path / "bad.onnx", architecture="timm:resnet10t")
    monkeypatch.setitem(sys.modules, "onnx2torch", None)
    with pytest.raises(LookupError, match=r"onnx2torch is not installed; pip install 'phosphene\[onnx\]'"):
        ph.load(tmp_path / "x.onnx")


@real
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("ch_ppocr_mobile_v2.0_cls_mobile", (2,)),
        ("PP-OCRv6_det_small", (1, 64, 64)),
        ("PP-OCRv6_rec_small", (8, 18710)),
    ],
)
def test_networks_of_a_reader_of_text_open_and_answer_as_they_should(name, shape):
    path = Path(RAPIDOCR.submodule_search_locations[0]) / "models" / f"{name}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = ph.load(path)
    height = network.preprocessing.size[0] if "rec" in name else 64
    x = torch.rand(2, 3, height, 64, generator=torch.Generator().manual_seed(0))
    answers = network.record(x, "logits")["logits"]
    assert answers.shape[1:] == shape
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    expected = runtime.InferenceSession(path).run(None, {"x": x.numpy()})[0]
    torch.testing.assert_close(answers, torch.from_numpy(expected), rtol=1e-3, atol=1e-4)
    if len(shape) == 1:
        assert ph.gradient(network, x, "logits:1").values.abs().max() > 0


def test_operators_of_onnx_are_layers_that_are_not_looked_into():
    from phosphene.network.opening.graphs.onnx_layers import OneImage, Slice
    from phosphene.network.running.call_names import is_leaf

    assert is_leaf(Slice())
    assert is_leaf(OneImage("the file takes one image"))
