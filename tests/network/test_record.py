"""Every value that a network computes is recorded under its name, and the network is left as it was."""

import collections
import threading
import typing
import warnings

import narrow
import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision.models as tv
from torch import nn
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from phosphene.network import Box, Network
from phosphene.network.running import seam as seam_file
from phosphene.network.running.evaluating import evaluating
from phosphene.network.running.outputs import main_tensor
from phosphene.network.running.seam import Run

# ---- against torchvision's feature extractor, which traces symbolically where we watch a run

TRACED = {
    "alexnet": (narrow.alexnet, 64),
    "vgg11_bn": (narrow.vgg11_bn, 64),
    "resnet18": (tv.resnet18, 64),
    "densenet": (lambda: tv.DenseNet(16, (3, 3, 3, 3), 32), 64),
    "googlenet": (lambda: tv.googlenet(init_weights=False), 64),
    "inception_v3": (lambda: tv.inception_v3(init_weights=False), 80),
    "squeezenet1_0": (tv.squeezenet1_0, 64),
    "mobilenet_v2": (tv.mobilenet_v2, 64),
    "mobilenet_v3_small": (tv.mobilenet_v3_small, 64),
    "shufflenet_v2_x0_5": (tv.shufflenet_v2_x0_5, 64),
    "mnasnet0_5": (tv.mnasnet0_5, 64),
    "efficientnet_b0": (tv.efficientnet_b0, 64),
    "regnet_y_400mf": (tv.regnet_y_400mf, 64),
    "convnext": (lambda: tv.ConvNeXt([CNBlockConfig(16, 32, 2), CNBlockConfig(32, None, 2)]), 64),
}


def quiet(make):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make().eval()


@pytest.mark.parametrize("name", TRACED)
def test_record_has_every_value_of_torchvisions_feature_extractor(name):
    make, size = TRACED[name]
    module = quiet(make)
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nodes = get_graph_node_names(module, suppress_diff_warning=True)[1][1:]  # the first is the input
        extractor = create_feature_extractor(module, nodes, suppress_diff_warning=True).eval()
    copies = {}
    with torch.no_grad():
        _Copying(extractor, copies).run(images.clone())
    weights = {n for n in copies if n.rpartition(".")[2].endswith(("layer_scale", "weight", "bias"))}  # no calls
    wanted = [n for n in nodes if n in copies and n not in weights]
    assert len(wanted) > 20
    found = Network(module).record(images, *wanted)
    for node in wanted:
        torch.testing.assert_close(found[node], copies[node], rtol=1e-6, atol=1e-6, msg=lambda m, n=node: f"{n}: {m}")


class _Copying(torch.fx.Interpreter):
    """Keeps a copy of every tensor at once: the extractor itself returns what later layers have changed in place."""

    def __init__(self, extractor, copies):
        super().__init__(extractor)
        self.copies = copies
        outputs = next(node for node in extractor.graph.nodes if node.op == "output").args[0]
        self.names = {node: name for name, node in outputs.items()}

    def run_node(self, node):
        value = super().run_node(node)
        if isinstance(value, torch.Tensor) and node in self.names:
            self.copies[self.names[node]] = value.clone()
        return value


@pytest.mark.parametrize(
    ("name", "options", "size", "layers"),
    [
        ("mobilevit_s", {}, 64, ("stem", "stages.2", "head")),
        ("hiera_tiny_224", {}, 224, ("blocks.0", "blocks.3", "head")),
        ("naflexvit_base_patch16_gap", {"depth": 2}, 224, ("embeds", "blocks.1", "head")),
    ],
)
def test_networks_that_symbolic_tracing_refuses_are_recorded(name, options, size, layers, unchanged):
    module = quiet(lambda: timm.create_model(name, pretrained=False, **options))
    images = torch.rand(1, 3, size, size)
    with unchanged(module):
        found = Network(module).record(images, *layers, "logits")
    assert set(found) == {*layers, "logits"}
    with torch.no_grad():
        torch.testing.assert_close(found["logits"], module(images))


# ---- tiny networks


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        x = self.relu(self.a(x))
        x = self.relu(self.b(x) + x)
        return self.fc(x.mean((2, 3)))


class Of(nn.Module):
    """A network that is a function of one convolution."""

    def __init__(self, function, channels=4) -> None:
        super().__init__()
        self.conv, self.function = nn.Conv2d(3, channels, 1), function

    def forward(self, x):
        return self.function(self, x)


PLAIN_CALL = nn.Module.__call__
IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def names_of(module):
    names = []
    with evaluating(module), torch.no_grad(), Run(module, lambda name, kind, value: names.append(name) or value):
        module(IMAGES)
    return names


def test_names_are_paths_with_functions_and_repeats_numbered():
    assert names_of(Small()) == ["a", "relu", "b", "add", "relu_1", "mean", "fc", "logits"]


def test_a_run_stops_after_the_last_value_asked_for():
    ran = []
    module = Small()
    module.b.register_forward_hook(lambda *_: ran.append("b"))
    module.fc.register_forward_hook(lambda *_: ran.append("fc"))
    network = Network(module)
    network.record(IMAGES[:1], "a")
    assert ran == []
    network.record(IMAGES[:1], "b", "a")
    assert ran == ["b"]


def test_a_network_that_catches_every_exception_stops_all_the_same():
    def stubborn(net, x):
        try:
            return net.conv(x)
        except Exception:
            return x

    assert Network(Of(stubborn)).record(IMAGES, "conv")["conv"].shape == (2, 4, 8, 8)


def test_values_are_as_they_were_before_a_later_relu_in_place():
    module = Small()
    found = Network(module).record(IMAGES, "a", "relu", "logits")
    with torch.no_grad():
        assert torch.equal(found["a"], module.a(IMAGES))
    assert (found["a"] < 0).any()
    assert (found["relu"] >= 0).all()


def test_the_images_themselves_are_not_changed_in_place():
    images = IMAGES - 0.5
    before = images.clone()
    Network(Of(lambda net, x: net.conv(x.relu_()))).record(images, "logits")
    assert torch.equal(images, before)


def test_gradients_flow_where_the_images_ask_and_only_there():
    network = Network(Small())
    assert not network.record(IMAGES, "relu_1")["relu_1"].requires_grad
    images = IMAGES.clone().requires_grad_()
    value = network.record(images, "relu_1", "logits")["relu_1"]
    assert torch.autograd.grad(value.sum(), images)[0].abs().sum() > 0
    assert all(p.grad is None for p in network.module.parameters())


def test_a_record_leaves_a_network_in_training_as_it_was(unchanged):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.ReLU(inplace=True)).train()
    module[1].eval()
    with unchanged(module):
        first, again = (Network(module).record(IMAGES, "logits")["logits"] for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("error", [RuntimeError, KeyError, KeyboardInterrupt])
def test_an_exception_half_way_leaves_nothing_behind(error, unchanged):
    def failing(net, x):
        net.conv(x)
        raise error("half way")

    module = Of(failing).train()
    module.conv.register_forward_hook(lambda *_: None)
    with unchanged(module), pytest.raises((ValueError, KeyError, KeyboardInterrupt)):
        Network(module).record(IMAGES, "logits")
    assert seam_file._current.get() is None
    assert nn.Module.__call__ is PLAIN_CALL


def test_a_modules_own_hook_that_changes_its_output_is_respected(unchanged):
    module = Small()
    module.a.register_forward_hook(lambda m, args, out: out * 0 + 7)
    with unchanged(module):
        found = Network(module).record(IMAGES, "a", "logits")
    assert (found["a"] == 7).all()
    with torch.no_grad():
        assert torch.equal(found["logits"], module(IMAGES))


def test_a_module_used_twice_gets_a_number():
    module = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
    module.append(module[0])
    found = Network(module).record(IMAGES, "0", "0_1")
    assert torch.equal(found["0_1"], module[0](found["0"].relu()).detach())


def test_a_wrong_name_gets_near_ones():
    with pytest.raises(LookupError, match=r"layer 'relu_2' is not in Small; near it: relu_1, relu"):
        Network(Small()).record(IMAGES, "relu_2")


def test_a_child_that_raises_and_is_caught_does_not_put_names_out_of_step():
    class Fails(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            raise ArithmeticError(self.inner(x).shape)

    class Parent(nn.Module):
        def __init__(self):
            super().__init__()
            self.child, self.conv = Fails(), nn.Conv2d(3, 2, 1)

        def forward(self, x):
            try:
                x = self.child(x)
            except ArithmeticError:
                x = x * 1
            return F.relu(self.conv(x))

    names = names_of(Parent())
    assert names[-3:] == ["conv", "relu", "logits"]


def test_results_of_several_tensors_are_named_together_and_apart():
    module = Of(lambda net, x: torch.cat(net.conv(x).chunk(2, 1)[::-1], 1))
    assert names_of(module) == ["conv", "chunk", "getitem", "getitem_1", "cat", "logits"]
    found = Network(module).record(IMAGES, "conv", "chunk", "getitem_1")
    assert [part.shape[1] for part in found["chunk"]] == [2, 2]
    assert torch.equal(found["getitem_1"], found["conv"][:, 2:])


def test_threads_with_one_module_and_two_networks_do_not_mix():
    module = Small().train()
    networks = [Network(module), Network(nn.Sequential(module, nn.Softmax(1)))]
    wanted = [["a", "relu_1", "logits"], ["0.a", "0.relu_1", "logits"]]
    alone = [network.record(IMAGES, *names) for network, names in zip(networks, wanted, strict=True)]
    wrong = []

    def work(index):
        for _ in range(30):
            found = networks[index % 2].record(IMAGES, *wanted[index % 2])
            if not all(torch.allclose(found[n], alone[index % 2][n], atol=1e-6) for n in wanted[index % 2]):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert nn.Module.__call__ is PLAIN_CALL
    assert all(part.training for part in module.modules())


def test_what_another_thread_computes_meanwhile_is_not_recorded():
    other = []

    def function(net, x):
        thread = threading.Thread(target=lambda: other.append(F.relu(net.conv(x))))
        thread.start()
        thread.join()
        return net.conv(x)

    assert names_of(Of(function)) == ["conv", "logits"]
    assert len(other) == 1


class Namesakes(nn.Module):
    """A function before a module of the same name, and a module whose name is no function's."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.body = nn.ReLU(), nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return self.body(self.relu(F.relu(x) - 0.5))


def test_a_layer_is_the_same_whether_functions_are_followed_or_modules_only():
    network = Network(Namesakes())
    together = network.record(IMAGES, "relu", "relu_1", "body", "sub")
    assert all(torch.equal(network.record(IMAGES, name)[name], value) for name, value in together.items())
    assert torch.equal(together["relu"], IMAGES.relu())
    assert torch.equal(together["relu_1"], (IMAGES.relu() - 0.5).relu())


class Twice(nn.Module):
    """A block called twice beside a module that has the name its second value would get."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.block_1 = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.block_1(self.block(self.block(x)))


def test_no_two_values_have_one_name():
    network = Network(Twice())
    assert [layer.name for layer in network.layers(8)] == ["block", "block_2", "block_1", "logits"]
    both = network.record(IMAGES, "block_1", "block_2")
    assert torch.equal(both["block_1"], network.record(IMAGES, "block_1")["block_1"])
    assert torch.equal(both["block_1"], network.module.block_1(both["block_2"]))


class Logits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Conv2d(3, 5, 1)

    def forward(self, x):
        return self.logits(x).mean((2, 3))


def test_logits_is_what_the_network_returns_also_where_a_module_has_that_name():
    network = Network(Logits())
    assert network.record(IMAGES, "logits")["logits"].shape == (2, 5)
    assert network.record(IMAGES, "logits_1")["logits_1"].shape == (2, 5, 8, 8)
    assert len(network.classify(IMAGES[:1], k=2)) == 2


def test_functions_that_return_named_results_are_values_too():
    network = Network(Of(lambda net, x: net.conv(x).max(1)[0]))
    value = network.record(IMAGES, "conv")["conv"]
    assert torch.equal(network.record(IMAGES, "max")["max"].values, value.max(1).values)
    assert torch.equal(network.record(IMAGES, "getitem")["getitem"], value.max(1).values)


class Named(typing.NamedTuple):
    out: torch.Tensor


@pytest.mark.parametrize("wrap", [lambda t: collections.OrderedDict(out=t), Named, lambda t: [t], lambda t: {"out": t}])
def test_whatever_holds_a_value_is_copied(wrap):
    class Inner(nn.Module):
        def forward(self, x):
            return wrap(x)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Inner()

        def forward(self, x):
            held = self.inner(x - 10)
            tensor = main_tensor(held)
            return tensor.relu_()

    found = Network(Outer()).record(IMAGES, "inner", "logits")
    assert type(found["inner"]) is type(wrap(IMAGES))
    assert main_tensor(found["inner"]).max() < 0


def test_a_recorded_value_is_never_the_networks_own():
    class Position(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return self.weight

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.position = Position()

        def forward(self, x):
            return x + self.position(x)

    module = Net()
    Network(module).record(IMAGES, "position")["position"].add_(1)
    assert module.position.weight.item() == 0


def test_a_run_inside_a_run_has_its_own_values():
    inner = Network(Small())

    def function(net, x):
        return net.conv(x) + inner.record(IMAGES, "logits")["logits"].mean()

    names = Network(Of(function)).survey(8).names
    assert "conv" in names
    assert not {"conv2d", "relu", "linear"} & set(names)
    found = Network(Of(function)).record(IMAGES, "conv", "logits")
    assert found["logits"].shape == found["conv"].shape


@pytest.mark.filterwarnings("ignore:Using .torch.compile")  # PyTorch's counter of operations puts hooks on all modules
def test_a_compiled_part_is_seen_as_the_part_itself():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    compiled = nn.Sequential(module, nn.Conv2d(4, 2, 1))
    plain = Network(compiled).record(IMAGES, "0.1", "logits")
    wrapped = Network(nn.Sequential(torch.compile(module), compiled[1]))
    assert [layer.name for layer in wrapped.layers(8)] == ["0.0", "0.1", "0", "1", "logits"]
    found = wrapped.record(IMAGES, "0.1", "logits")
    assert all(torch.equal(found[name], value) for name, value in plain.items())


def test_a_module_may_take_an_argument_called_module():
    class Part(nn.Module):
        def forward(self, x, module=1):
            return x * module

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = Part()

        def forward(self, x):
            return self.part(x, module=3)

    assert torch.equal(Network(Net()).record(IMAGES, "part")["part"], 3 * IMAGES)


def test_someone_else_may_wrap_the_call_of_modules_meanwhile():
    run = seam_file.Run(Small(), lambda name, kind, value: value)
    before = nn.Module.__call__
    with run:
        theirs = nn.Module.__call__
        nn.Module.__call__ = lambda module, *args, **kwargs: theirs(module, *args, **kwargs)
    nn.Module.__call__ = theirs  # they put back what they found
    try:
        assert Network(Small()).record(IMAGES, "logits")["logits"].shape[0] == 2
    finally:
        nn.Module.__call__ = before


def test_a_survey_leaves_nothing_in_a_module_that_remembers_tensors():
    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.position, self.cache, self.sizes = None, {}, []

        def forward(self, x):
            if self.position is None:
                self.position = torch.ones(x.shape[-2:], device=x.device)
                self.cache["ones"] = torch.ones(1, device=x.device)
                self.sizes.append(x.shape)
            return x * self.position * self.cache["ones"]

    module = Remembers()
    Network(module).layers(8)
    assert (module.position, module.cache, module.sizes) == (None, {}, [])
    assert torch.equal(module(IMAGES), IMAGES)


def test_tokens_before_the_batch_are_tokens():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 2, 2)
            self.block = nn.TransformerEncoderLayer(4, 2, 8)

        def forward(self, x):
            return self.block(self.conv(x).flatten(2).permute(2, 0, 1))

    network = Network(Net())
    layer = network.layer("permute", 8)
    assert layer.shape == (16, 4)
    maps = network.maps(IMAGES, "permute")
    assert torch.equal(maps, network.record(IMAGES, "conv")["conv"])
    picked = network.record(IMAGES, "permute:1@0,2")["permute:1@0,2"]
    assert torch.equal(picked, maps[:, 1, 0, 2])
    assert network.receptive_field("permute", (0, 2), 8) == Box(4, 0, 6, 2)
    assert network.maps(IMAGES, "block").shape == (2, 4, 4, 4)


def test_recording_works_in_inference_mode():
    with torch.inference_mode():
        network = Network(Small())
        call, values = network.call_of(IMAGES, "a", "logits")
        assert call.value.shape[1:] == network.layer("a", 8).shape
        assert values["logits"].shape[0] == 2


def test_the_module_of_a_layer_and_a_class_by_its_name():
    network = Network(Logits(), labels=["ant", "bee", "cat", "dog", "eel"])
    _, values = network.call_of(IMAGES, "logits_1", "logits:bee")
    assert torch.equal(values["logits:bee"], network.record(IMAGES, "logits")["logits"][:, 1])
