"""Networks that run oddly: checkpointed, with learned tokens, made for inference, of other channels or dimensions."""

import pytest
import torch
import torch.nn.functional as F
import torch.utils.checkpoint as checkpointing
from torch import nn

import phosphene as ph
from phosphene.network import Network, Preprocessing
from phosphene.network.running.operations import Operations

X = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


class Checkpointed(nn.Module):
    """The same network, with or without checkpoints."""

    def __init__(self, kind):
        super().__init__()
        self.first, self.second, self.fc, self.kind = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3), nn.Linear(6, 3), kind

    def part(self, maps):
        return F.relu(self.second(F.relu(maps)))

    def forward(self, x):
        maps = self.first(x)
        if self.kind == "plain":
            return self.fc(self.part(maps).mean((2, 3)))
        reentrant = self.kind == "re-entrant"
        return self.fc(checkpointing.checkpoint(self.part, maps, use_reentrant=reentrant).mean((2, 3)))


def twins(kind):
    torch.manual_seed(0)
    plain, other = Checkpointed("plain").eval(), Checkpointed(kind).eval()
    other.load_state_dict(plain.state_dict())
    return Network(plain, Preprocessing.plain(32)), Network(other, Preprocessing.plain(32))


@pytest.mark.parametrize("kind", ["re-entrant", "not re-entrant"])
@pytest.mark.parametrize("instrument", ["gradient", "deconvnet", "guided", "lrp", "grad_cam", "integrated_gradients"])
def test_a_checkpointed_network_answers_as_the_plain_one(kind, instrument, unchanged):
    plain, other = twins(kind)
    ask = getattr(ph, instrument)
    with unchanged(other.module):
        found = ask(other, X, "logits:1")
    assert torch.equal(found.values, ask(plain, X, "logits:1").values)


@pytest.mark.parametrize("kind", ["re-entrant", "not re-entrant"])
def test_a_checkpointed_network_has_the_names_of_the_plain_one(kind):
    plain, other = twins(kind)
    assert [layer.name for layer in other.layers()] == [layer.name for layer in plain.layers()]


@pytest.mark.parametrize("kind", ["re-entrant", "not re-entrant"])
def test_checkpoints_outside_of_runs_stay_as_they_are(kind):
    _, other = twins(kind)
    before = dict(vars(checkpointing))
    ph.gradient(other, X, "logits:1")
    assert dict(vars(checkpointing)) == before
    calls = []
    other.module.second.register_forward_hook(lambda *_: calls.append(1))
    x = X.clone().requires_grad_()
    other.module(x).sum().backward()
    assert len(calls) == 2  # once on the way forward, and again on the way back


class Pooling(nn.Module):
    """Attention pooling by a learned query, which a module is given before anything of the image."""

    def __init__(self, query):
        super().__init__()
        self.patches, self.token, self.query = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(1, 1, 8)), query
        self.norm, self.fc = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        query = self.norm(self.query(self.token, len(x)))
        return self.fc(((query @ tokens.transpose(1, 2)).softmax(-1) @ tokens)[:, 0])


@pytest.mark.parametrize(
    "query",
    [
        lambda token, n: token.expand(n, -1, -1),
        lambda token, n: token[:, :1].repeat(n, 1, 1),
        lambda token, n: token.view(1, 1, 8),
    ],
)
def test_a_network_with_a_learned_query_can_be_asked(query):
    torch.manual_seed(0)
    network = Network(Pooling(query).eval(), Preprocessing.plain(32))
    assert "norm" not in [layer.name for layer in network.layers()]  # it does not depend on the image
    x = X.clone().requires_grad_()
    (right,) = torch.autograd.grad(network.module(x)[0, 1], x)
    assert torch.allclose(ph.gradient(network, X, "logits:1").values, right)


def test_operations_are_those_of_pytorchs_own_counter():
    from torch.utils.flop_counter import FlopCounterMode

    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 900, 5))
    theirs, ours = FlopCounterMode(display=False), Operations()
    with theirs:
        module(X)
    with ours:
        module(X)
        query = torch.rand(1, 2, 8, 4)
        F.scaled_dot_product_attention(query, query, query)
    assert ours.total == theirs.get_total_flops() + 2 * 2 * 2 * 8 * 8 * 4


def test_a_network_made_in_inference_mode_says_so_where_a_gradient_is_asked_for():
    with torch.inference_mode():
        network = Network(
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 900, 3)), Preprocessing.plain(32)
        )
    assert network.classify(X)
    for ask in (ph.gradient, ph.lrp, ph.integrated_gradients):
        with pytest.raises(ValueError, match=r"its weights were made inside torch.inference_mode\(\)"):
            ask(network, X, "logits:1")


def classifier(channels):
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


@pytest.mark.parametrize("channels", [2, 4, 6])
@pytest.mark.parametrize("preprocessing", [None, Preprocessing.plain(32)])
def test_a_tensor_of_the_networks_own_channels_is_taken_whatever_photos_have(channels, preprocessing):
    network = Network(classifier(channels).eval(), preprocessing)
    x = torch.rand(1, channels, 32, 32)
    assert network.channels == channels
    assert torch.equal(network.scores(x), network.module(x))
    with pytest.raises(ValueError, match=f"takes inputs of {channels} channels and a photo has 3, so no photo"):
        network.classify(ph.read(torch.zeros(8, 8, 3, dtype=torch.uint8).numpy()))
    with pytest.raises(ValueError, match="no image made for it"):
        ph.class_image(network, 1, steps=1, size=32)


class Backwards(nn.Module):
    """Registers its head before its body, so that the first convolution of its list is not what the image meets."""

    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Conv2d(7, 2, 1), nn.Conv2d(3, 7, 3)

    def forward(self, x):
        return self.head(self.body(x)).mean((2, 3))


@pytest.mark.parametrize("preprocessing", [None, Preprocessing.plain(32)])
def test_channels_are_those_that_the_network_runs_on(preprocessing):
    network = Network(Backwards().eval(), preprocessing)
    assert network.channels == 3
    assert torch.equal(network.scores(X), network.module(X))


@pytest.mark.parametrize(
    ("module", "x", "takes"),
    [
        (nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU()), torch.rand(1, 1, 64), r"takes sequences \(N, C, length\)"),
        (nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU()), torch.rand(1, 3, 32, 32), "takes volumes"),
    ],
)
def test_networks_of_other_dimensions_say_what_they_take(module, x, takes):
    network = Network(module)
    for ask in (network.layers, lambda: network.record(x, "0"), lambda: ph.gradient(network, X, "0:1")):
        with pytest.raises(ValueError, match=takes):
            ask()


def test_a_network_of_two_inputs_says_that_it_gets_one():
    class Two(nn.Module):
        def forward(self, image, mask):
            return image * mask

    with pytest.raises(ValueError, match=r"takes 2 inputs \(image, mask\), and Phosphene gives it one image"):
        Network(Two(), Preprocessing.plain(8)).layers()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_images_for_a_network_of_half_precision_are_computed_in_single(dtype):
    torch.manual_seed(0)
    network = Network(classifier(3).eval().to(dtype), Preprocessing.plain(32))
    found = ph.class_image(network, 1, steps=12, size=32)
    assert found.images.dtype == torch.float32
    assert found.history[-1] > found.history[0]
    scores = network.module(network.normalise(found.images).to(dtype))
    assert float(found.scores) == pytest.approx(scores[0, 1].item(), abs=1e-6)


def test_a_tensor_that_is_no_images_is_not_made_into_another():
    network = Network(classifier(3).eval(), Preprocessing.plain(32))
    for ask in (lambda x: ph.adversarial(network, x, method="fgsm"), lambda x: ph.invert(network, x, "1", steps=1)):
        with pytest.raises(ValueError, match=r"the image of this tensor goes from −3.00 to 3.00, beyond \[0, 1\]"):
            ask(torch.tensor([-3.0, 3.0]).repeat(1, 3, 32, 16))
