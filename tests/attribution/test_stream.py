"""The layer that is read where none is named: all influence passes it, and no part of an attention is taken."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import phosphene as ph
from phosphene.attribution.cam.ways import edge_of, ways
from phosphene.attribution.reversed.starting import deepest

F64 = torch.float64


class Block(nn.Module):
    """A transformer's block with projections of its own for queries, keys and values."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.before, self.after = nn.LayerNorm(d), nn.LayerNorm(d)
        self.q, self.k, self.v, self.out = (nn.Linear(d, d) for _ in range(4))
        self.mlp = nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))

    def forward(self, x):
        y = self.before(x)
        x = x + self.out(F.scaled_dot_product_attention(self.q(y), self.k(y), self.v(y)))
        return x + self.mlp(self.after(x))


class Transformer(nn.Module):
    """Patches of 8 × 8 px, `extra` tokens before them, two blocks and a norm; `read` makes the answer of the tokens."""

    def __init__(self, read, extra: int = 1, d: int = 12) -> None:
        super().__init__()
        self.patches, self.extra = nn.Conv2d(3, d, 8, 8), nn.Parameter(torch.randn(1, extra, d))
        self.blocks, self.norm = nn.Sequential(Block(d), Block(d)), nn.LayerNorm(d)
        self.head, self.both, self.read = nn.Linear(d, 4), nn.Linear(2 * d, 4), read

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = self.blocks(torch.cat([self.extra.expand(len(x), -1, -1), x], 1))
        return self.read(self, x)


class PostNorm(nn.Module):
    def __init__(self, d: int = 12) -> None:
        super().__init__()
        self.patches, self.cls = nn.Conv2d(3, d, 8, 8), nn.Parameter(torch.randn(1, 1, d))
        self.blocks = nn.Sequential(*(nn.TransformerEncoderLayer(d, 2, 2 * d, 0.0, batch_first=True) for _ in "ab"))
        self.head = nn.Linear(d, 4)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.blocks(torch.cat([self.cls.expand(len(x), -1, -1), x], 1))[:, 0])


TRANSFORMERS = {  # name -> (network, the right layer, the layer that all of the image passes)
    "class token": (lambda: Transformer(lambda m, x: m.head(m.norm(x)[:, 0])), "blocks.1.before", "blocks.0"),
    "class token first": (lambda: Transformer(lambda m, x: m.head(m.norm(x[:, 0]))), "blocks.1.before", "blocks.0"),
    "mean": (lambda: Transformer(lambda m, x: m.head(m.norm(x).mean(1))), "norm", "norm"),
    "mean of patches": (lambda: Transformer(lambda m, x: m.head(m.norm(x)[:, 1:].mean(1))), "norm", "norm"),
    "registers": (lambda: Transformer(lambda m, x: m.head(m.norm(x)[:, 5:].mean(1)), extra=5), "norm", "norm"),
    "both": (lambda: Transformer(lambda m, x: m.both(torch.cat([m.norm(x)[:, 0], m.norm(x)[:, 1:].mean(1)], 1))),
             "norm_1", "blocks.1"),
    "both of one": (lambda: Transformer(lambda m, x: (
        lambda y: m.both(torch.cat([y[:, 0], y[:, 1:].mean(1)], 1)))(m.norm(x))), "norm", "norm"),
    "tokens": (lambda: Transformer(lambda m, x: {"last_hidden_state": x, "pooled": m.norm(x)[:, 0]}),
               "blocks.1.before", "blocks.0"),
    "norm last": (PostNorm, "blocks.0", "blocks.0"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_transformer_is_read_on_its_stream(name, unchanged):
    torch.manual_seed(0)
    make, right, _ = TRANSFORMERS[name]
    module = make().to(F64).eval()
    x = torch.rand(2, 3, 32, 32, dtype=F64)
    with unchanged(module):
        found = ph.grad_cam(ph.Network(module, ph.Preprocessing.plain(32)), x, "logits:1")
    assert found.layer == right
    assert found.raw.shape == (2, 4, 4)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_nothing_of_the_image_passes_beside_the_stream(name):
    torch.manual_seed(0)
    make, _, stream = TRANSFORMERS[name]
    module = make().to(F64).eval().requires_grad_(False)
    x = torch.rand(1, 3, 32, 32, dtype=F64, requires_grad=True)
    handle = module.get_submodule(stream).register_forward_hook(lambda module, given, out: out.detach())
    out = module(x)
    handle.remove()
    value = out["last_hidden_state"] if isinstance(out, dict) else out
    assert not value.requires_grad


class Segmenting(nn.Module):
    """A body at half size, a head, and what the network gives: `answer` of the features and the head's maps."""

    def __init__(self, answer) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.Tanh(), nn.Conv2d(6, 8, 3, 1, 1), nn.Tanh())
        self.head = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.Tanh(), nn.Conv2d(8, 4, 1))
        self.point, self.up, self.late = nn.Conv2d(8, 4, 1), nn.ConvTranspose2d(8, 8, 2, 2), nn.Conv2d(11, 4, 3, 1, 1)
        self.answer = answer

    def forward(self, x):
        return self.answer(self, x, self.body(x))


def enlarged(maps, mode="bilinear"):
    return F.interpolate(maps, scale_factor=2.0, mode=mode)


SEGMENTING = {
    "plain": (lambda m, x, f: m.head(f), "body"),
    "enlarged": (lambda m, x, f: enlarged(m.head(f)), "body"),
    "bicubic": (lambda m, x, f: enlarged(m.head(f), "bicubic"), "body"),
    "dictionary": (lambda m, x, f: {"out": enlarged(m.head(f)), "aux": enlarged(m.point(f))}, "body"),
    "points only": (lambda m, x, f: enlarged(m.point(f)), "body.1"),
    "probabilities inside": (lambda m, x, f: enlarged(m.head(f)).softmax(1), "body"),
    "joined": (lambda m, x, f: m.late(torch.cat([x, m.up(f)], 1)), "cat"),
    "cropped": (lambda m, x, f: m.head(f)[:, :, 1:, 1:], "body"),
}


@pytest.mark.parametrize("name", SEGMENTING)
def test_a_map_of_classes_is_not_its_own_explanation(name, unchanged):
    torch.manual_seed(0)
    answer, right = SEGMENTING[name]
    module = Segmenting(answer).to(F64).eval()
    x = torch.rand(1, 3, 32, 32, dtype=F64)
    network = ph.Network(module, ph.Preprocessing.plain(32))
    with unchanged(module):
        found = ph.grad_cam(network, x, "logits:2")
    assert found.layer == right
    assert int((ph.layer_cam(network, x, "logits:2").raw > 0).sum()) > 2
    out = module(x)
    scores = (out["out"] if isinstance(out, dict) else out)[:, 2].detach()
    assert found.raw.shape != scores.shape or not torch.allclose(found.raw / found.raw.max(), scores.relu())


def test_a_probability_at_a_place_is_read_where_the_score_is():
    torch.manual_seed(0)
    network = ph.Network(Segmenting(SEGMENTING["enlarged"][0]).eval(), ph.Preprocessing.plain(32))
    assert ph.grad_cam(network, torch.rand(1, 3, 32, 32), "probabilities:2").layer == "body"


def test_two_networks_side_by_side_have_no_layer_that_carries_all():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()) for _ in "ab")
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            return self.head(torch.cat([self.one(x).mean((2, 3)), self.two(x).mean((2, 3))], 1))

    network, x = ph.Network(Two().eval(), ph.Preprocessing.plain(16)), torch.rand(1, 3, 16, 16)
    with pytest.raises(
        LookupError, match=r"no layer of Two .* has all in it that logits hangs on; name one, or several"
    ):
        ph.grad_cam(network, x, "logits:1")
    assert ph.grad_cam(network, x, "logits:1", layer="one,two").layer == "one, two"


def test_a_head_that_reads_one_place_is_read_before_it():
    torch.manual_seed(0)

    body = [nn.Conv2d(3, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 5, 1)]
    network = ph.Network(nn.Sequential(*body, nn.AdaptiveMaxPool2d(1), nn.Flatten()).eval())
    assert ph.grad_cam(network, torch.rand(1, 3, 16, 16), "logits:1").layer == "1"


def test_signals_start_at_a_convolution_or_on_the_stream_of_tokens():
    torch.manual_seed(0)
    x, plain = torch.rand(1, 3, 32, 32), ph.Preprocessing.plain(32)
    classifier = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 3, 1), nn.Flatten())
    assert deepest(ph.Network(classifier.eval(), plain), x) == "0"
    assert deepest(ph.Network(Transformer(lambda m, x: m.head(m.norm(x)[:, 0])).eval(), plain), x) == "blocks.1.before"


def test_cuts_are_what_every_way_passes():
    x = torch.rand(4, requires_grad=True)
    one = x * 2
    left, right = one.sin(), one.cos()
    joined = left + right
    top = joined.exp()
    edge = {name: edge_of(value) for name, value in locals().items() if isinstance(value, torch.Tensor)}
    found = ways(edge["top"], edge["x"]).cuts()
    assert found == {edge["one"], edge["joined"], edge["top"]}
    through = [(node, at) for node, at in _users(edge["top"][0], edge["one"]) if node is edge["left"][0]]
    assert edge["left"] in ways(edge["top"], edge["one"], through).cuts()
    assert not ways(edge["left"], edge["right"]).cuts()


def _users(node, value):
    for at, before in enumerate(node.next_functions):
        if before == value:
            yield node, at
        elif before[0] is not None:
            yield from _users(before[0], value)
