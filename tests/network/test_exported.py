"""A program of torch.export opens as the network it was exported from, and nothing that its file names is run."""

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.export import Dim

import phosphene as ph
from phosphene.network.opening.loading import runs_code


class Twin(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, 2, 1)
        self.norm = nn.BatchNorm2d(6)
        self.block = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 1, 1))
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        return self.fc((self.block(x) + x).mean((2, 3)))


class Picky(nn.Module):
    """Slices, indices, and an output of several parts."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("order", torch.tensor([2, 0, 1]))

    def forward(self, x):
        return {"out": x[:, self.order][:, :, 1:5:2].mean((2, 3)), "aux": x.amax((2, 3))}


def exported(module: nn.Module, path: Path, images: torch.Tensor, shapes=None) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(module, (images,), dynamic_shapes=shapes), path)
    return path


def images(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> tuple[Path, nn.Module]:
    torch.manual_seed(0)
    module = Twin().eval()
    return exported(module, tmp_path_factory.mktemp("pt2") / "twin.pt2", images(), ({0: Dim.DYNAMIC},)), module


@pytest.fixture(scope="module")
def pair(file):
    opened = ph.load(file[0])
    return opened, ph.Network(file[1], opened.preprocessing)


def test_its_layers_are_those_of_the_module(pair):
    opened, eager = (
        [(layer.name, layer.kind, layer.shape, layer.field, layer.parameters) for layer in network.layers()]
        for network in pair
    )
    assert opened == eager
    assert pair[0].preprocessing == ph.Preprocessing.plain(32)
    assert len(pair[0].labels) == 4


@pytest.mark.parametrize(
    "answer",
    [
        lambda net, x: net.record(x, "block.1")["block.1"],
        lambda net, x: ph.gradient(net, x, "logits:1").values,
        lambda net, x: ph.guided(net, x, "logits:1").values,
        lambda net, x: ph.grad_cam(net, x, "logits:1", layer="add").values,
        lambda net, x: ph.occlusion(net, x, "logits:1", window=8, stride=8).drops,
        lambda net, x: ph.lrp(net, x, "logits:1", rule="composite").values,
    ],
    ids=["layer", "gradient", "guided", "grad_cam", "occlusion", "composite"],
)
def test_every_instrument_gives_what_it_gives_on_the_module(pair, answer, unchanged):
    opened, eager = pair
    with unchanged(opened.module):
        assert torch.equal(answer(opened, images()), answer(eager, images()))


def test_filters_and_the_check_up_work(pair):
    assert ph.filters(pair[0], "stem").picture()
    assert ph.check(pair[0]).findings


def test_slices_indices_and_dicts_come_back(tmp_path):
    module = Picky()
    network = ph.load(exported(module, tmp_path / "picky.pt2", images(), ({0: Dim.DYNAMIC},)))
    recorded = network.record(images(), "logits")["logits"]
    expected = module(images())
    for value, right in zip(
        recorded.values() if isinstance(recorded, dict) else [recorded], expected.values(), strict=False
    ):
        assert torch.equal(value, right)


def test_a_program_for_one_image_takes_one(tmp_path):
    class Fixed(nn.Module):
        def forward(self, x):
            return x.mean((2, 3)).view(1, 3) @ torch.ones(3, 2)

    network = ph.load(exported(Fixed(), tmp_path / "one.pt2", images(1)))
    assert "the file is written for one image at a time" in network.notes
    assert network.record(images(1), "logits")["logits"].shape == (1, 2)


def test_an_exported_module_itself_is_a_network(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.export.load(file[0]).module()  # whose eval() and train() raise
        network = ph.Network(module, ph.Preprocessing.plain(32))
        answers = network.record(images(), "logits")["logits"]
    with torch.no_grad():
        torch.testing.assert_close(answers, file[1](images()))


# nothing in a file is run


def rewritten(
    file: Path, to: Path, change: Callable[[str, bytes], bytes], added: dict[str, bytes] | None = None
) -> Path:
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(to, "w", zipfile.ZIP_STORED) as target:
        for name in source.namelist():
            target.writestr(name, change(name, source.read(name)))
        for name, content in (added or {}).items():
            target.writestr(name, content)
    return to


def refused(path: Path) -> str:
    with pytest.raises(ValueError) as error:
        ph.load(path)
    return str(error.value)


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("torch.ops.aten.relu.default", "torch.os.system", "calls 'torch.os.system', which is none of PyTorch's own"),
        ("torch.ops.aten.relu.default", "torch.ops.aten.from_file.default", "calls 'torch.ops.aten.from_file.default'"),
        ("torch.ops.aten.relu.default", "#torch.export:thing", "calls '#torch.export:thing'"),
        ("Symbol('s", "__import__('s", "computes a size by an expression that is not known"),
        ("Symbol('s", "Symbol.mro('s", "computes a size by an expression that is not known"),
        ('\\"builtins.tuple\\"', '\\"os.path\\"', "takes or gives a os.path"),
    ],
)
def test_a_program_that_names_other_code_is_refused(file, tmp_path, before, after, words):
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return content
        assert before in content.decode()
        return content.decode().replace(before, after).encode()

    assert words in refused(rewritten(file[0], tmp_path / "evil.pt2", change))


def test_a_pickle_in_a_program_is_not_run(file, tmp_path):
    evil = io.BytesIO()
    torch.save((Evil(tmp_path / "ran"),), evil)

    def inputs(name: str, content: bytes) -> bytes:
        return evil.getvalue() if name.endswith("sample_inputs/model.pt") else content

    def weights(name: str, content: bytes) -> bytes:
        if name.endswith("weights/weight_0"):
            return evil.getvalue()
        if name.endswith("model_weights_config.json"):
            config = json.loads(content)
            next(iter(config["config"].values()))["use_pickle"] = True
            return json.dumps(config).encode()
        return content

    def constants(name: str, content: bytes) -> bytes:
        if not name.endswith("model_constants_config.json"):
            return content
        entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
        return json.dumps({"config": {"thing": entry}}).encode()

    for number, change in enumerate((inputs, weights)):
        assert "holds pickled objects in" in refused(rewritten(file[0], tmp_path / f"{number}.pt2", change))
    assert "an object of a class of its own, 'thing'" in refused(rewritten(file[0], tmp_path / "3.pt2", constants))
    assert not (tmp_path / "ran").exists()


def test_other_files_are_refused_in_a_sentence(file, tmp_path):
    (tmp_path / "junk.pt2").write_bytes(b"no archive")
    assert "is not an archive of torch.export" in refused(tmp_path / "junk.pt2")
    compiled = {"twin/data/aotinductor/model/model.so": b""}
    assert "holds compiled code" in refused(
        rewritten(file[0], tmp_path / "aot.pt2", lambda name, content: content, compiled)
    )
    with pytest.raises(FileNotFoundError, match=r"gone\.pt2 is not a file"):
        ph.load(tmp_path / "gone.pt2")
    training = exported(Twin().train(), tmp_path / "training.pt2", images(), ({0: Dim.DYNAMIC},))
    assert "was exported in training mode; call module.eval() before" in refused(training)
    assert runs_code(str(file[0])) is None
