"""Tensors that know which of their rows changed: windows of attention, followed however a network cuts them out."""

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision.models as tv
from edited import edited
from torch import nn

import phosphene as ph
from phosphene.network.partial import editing, plan
from phosphene.network.partial.changed import Changed, Followed
from phosphene.network.partial.foreseen import spared_at_most
from phosphene.network.partial.plan import Plan
from phosphene.network.partial.rows import Moved, Rows, as_rows, moving


@pytest.fixture
def followed(monkeypatch):
    """Changes are followed whether or not it pays."""
    monkeypatch.setattr(plan, "CALL", 0.0)
    monkeypatch.setattr(plan, "BYTES", float("inf"))


def swin(v2: bool = False) -> nn.Module:
    kind = {"block": tv.swin_transformer.SwinTransformerBlockV2, "downsample_layer": tv.swin_transformer.PatchMergingV2}
    return tv.SwinTransformer([4, 4], 16, [2, 2], [2, 4], [4, 4], **(kind if v2 else {}))


NETWORKS = {
    "torchvision's": (swin, 68),  # 17 patches a side: windows of 4 need padding
    "torchvision's v2": (lambda: swin(v2=True), 64),
    "timm's": (
        lambda: timm.create_model(
            "swin_tiny_patch4_window7_224", img_size=64, window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4)
        ),
        64,
    ),
    "timm's v2": (
        lambda: timm.create_model(
            "swinv2_tiny_window8_256", img_size=64, window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4)
        ),
        64,
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_windows_of_attention_that_did_not_change_are_not_computed_again(name, followed, unchanged):
    torch.manual_seed(0)
    make, size = NETWORKS[name]
    module = make().double().eval()
    x = torch.randn(1, 3, size, size, dtype=torch.float64)
    top, left = zip(*[(t, s) for t in range(0, size - 7, 14) for s in range(0, size - 7, 14)], strict=True)
    patches = torch.randn(len(top), 3, 8, 8, dtype=torch.float64)
    with unchanged(module):
        found = edited(ph.Network(module), x, patches, top, left, "logits")
    every = x.repeat(len(top), 1, 1, 1)
    for index, (t, s) in enumerate(zip(top, left, strict=True)):
        every[index, :, t : t + 8, s : s + 8] = patches[index]
    with torch.no_grad():
        torch.testing.assert_close(found.values, module(every), rtol=0, atol=1e-12)
    assert found.saved > 0.15


class Gated(nn.Module):
    """Squeeze and excitation behind a dropout, whose value in evaluation mode is the tensor that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.gate, self.drop = nn.Conv2d(8, 8, 1), nn.Dropout(0.5)

    def forward(self, x):
        x = self.first(x).relu()
        x = self.drop(x) * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()
        return self.second(x + self.drop(x)).relu().mean((2, 3))


@pytest.mark.parametrize(("make", "size"), [(Gated, 32), *NETWORKS.values()])
def test_batches_of_any_sizes_do_not_change_each_others_clean_values(make, size):
    torch.manual_seed(0)
    module = make().double().eval()
    network, clean = ph.Network(module), torch.randn(1, 3, size, size, dtype=torch.float64)
    top, left = zip(
        *[(t, s) for t in range(0, size - 7, size // 4) for s in range(0, size - 7, size // 4)], strict=True
    )
    patches = torch.randn(len(top), 3, 8, 8, dtype=torch.float64)
    one = Plan()
    for some in ([0], [5], [1, 2, 3], [len(top) - 1], list(range(len(top))), [6], [4, 10]):
        every = clean.repeat(len(some), 1, 1, 1)
        for row, at in enumerate(some):
            every[row, :, top[at] : top[at] + 8, left[at] : left[at] + 8] = patches[at]
        with torch.no_grad():
            values = editing._partly(network, clean, patches, top, left, "logits", one, some)
            torch.testing.assert_close(values, module(every), rtol=0, atol=1e-12)


# ---- the algebra of rows, against plain tensors


def changed(seed: int = 0) -> tuple[Changed, torch.Tensor]:
    """Three maps (12 x 8 places of 4 channels) that changed in 3 x 2 places, and the same as a plain tensor."""
    torch.manual_seed(seed)
    clean, patch = torch.randn(1, 12, 8, 4), torch.randn(3, 3, 2, 4)
    top, left = [0, 4, 9], [0, 6, 3]
    plain = clean.repeat(3, 1, 1, 1)
    for index, (t, s) in enumerate(zip(top, left, strict=True)):
        plain[index, t : t + 3, s : s + 2] = patch[index]
    return Changed(clean, patch, top, left, (1, 2), Plan()), plain


def cut(x, size):
    n, height, width, channels = x.shape
    x = x.view(n, height // size, size, width // size, size, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, size * size, channels)


def laid_back(x, size, height, width):
    x = x.view(-1, height // size, width // size, size, size, x.shape[-1])
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, height, width, x.shape[-1])


def strided(x):
    n, height, width, channels = x.shape
    return x.view(n, 2, height // 2, 2, width // 2, channels).permute(0, 2, 4, 1, 3, 5).reshape(-1, 4, channels)


WEIGHT = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
MOVES = {
    "windows": lambda x: cut(x, 4),
    "windows of a rolled map": lambda x: cut(torch.roll(x, (-2, -3), (1, 2)), 4),
    "windows of a padded map": lambda x: cut(F.pad(x, (0, 0, 0, 1, 0, 3)), 3),
    "a grid": strided,
    "there and back": lambda x: torch.roll(laid_back(cut(torch.roll(x, -2, 1), 2), 2, 12, 8), 2, 1)[:, :11, :7],
    "four in one": lambda x: torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[..., 0::2, 1::2, :]], -1),
    "flat": lambda x: x.flatten(1, 2),
}


@pytest.mark.parametrize("name", MOVES)
def test_moves_are_followed_and_what_comes_after_runs_on_rows(name):
    x, plain = changed()
    found, expected = MOVES[name](x), MOVES[name](plain)
    assert isinstance(found, Moved)
    assert found.shape == expected.shape
    weight = torch.randn(5, expected.shape[-1])
    after = F.gelu(F.linear(found, weight) * 2 + 1)
    assert isinstance(after, Rows)
    assert len(after.which) < 0.9 * after.count * after.each
    torch.testing.assert_close(after.full(), F.gelu(F.linear(expected, weight) * 2 + 1))
    torch.testing.assert_close(found.full(), expected)


def attention(x, mask):
    """Written as Swin does: rows move to the second dimension and back, and are shown by sample for the mask."""
    windows = cut(x, 4)
    many, size, channels = windows.shape
    q, k, v = F.linear(windows, torch.cat([WEIGHT[:4]] * 3)).reshape(many, size, 3, 2, 2).permute(2, 0, 3, 1, 4)
    scores = F.normalize(q, dim=-1) @ k.transpose(-2, -1)
    scores = (scores.view(-1, 6, 2, size, size) + mask[None, :, None]).view(-1, 2, size, size).softmax(-1)
    out = (scores @ v).transpose(1, 2).reshape(many, size, channels)
    return x + laid_back(F.layer_norm(out, (4,)), 4, 12, 8)


def test_attention_in_windows_runs_on_the_windows_that_changed():
    x, plain = changed()
    mask = torch.randn(6, 16, 16)
    found = attention(x, mask)
    assert isinstance(found, Rows)
    assert found.lead == (3, 12, 8)
    torch.testing.assert_close(found.full(), attention(plain, mask))
    assert x.plan.spared > 0
    q = as_rows(cut(changed()[0], 4))
    assert q is not None
    torch.testing.assert_close(
        F.scaled_dot_product_attention(q, q, q).full(), F.scaled_dot_product_attention(*[cut(plain, 4)] * 3)
    )


def test_what_mixes_rows_sees_all_of_them():
    x, plain = changed()
    for mixed in (
        lambda x: x.flatten(1, 2).mean(1),
        lambda x: cut(x, 4).cumsum(0),
        lambda x: F.linear(x.view(3, 12, 32), torch.ones(2, 32)),  # rows of whole lines are rows, too
        lambda x: cut(x, 4).softmax(0),
        lambda x: x.view(3, -1)[:, 3:7] + 1,  # less than whole places
    ):
        value = mixed(x)
        value = value.full() if isinstance(value, Followed) else value
        torch.testing.assert_close(value, mixed(plain))


def test_maps_that_changed_mostly_are_not_followed():
    clean = torch.randn(1, 4, 4, 2)
    assert moving(Changed(clean, torch.randn(2, 4, 4, 2), [0, 0], [0, 0], (1, 2), Plan())) is None


# ---- whether following pays


def forwards(monkeypatch):
    """How many images each run took, and whether their changes were followed."""
    runs = []

    def counted(plain):
        def run(network, images, *layer):
            runs.append((images.shape[0], isinstance(images, Followed)))
            return plain(network, images, *layer)

        return run

    for name in ("_value", "_answer"):
        monkeypatch.setattr(editing, name, counted(getattr(editing, name)))
    return runs


def test_where_everything_changes_at_once_all_is_run_as_in_a_plain_loop(monkeypatch):
    torch.manual_seed(0)
    runs = forwards(monkeypatch)
    network = ph.Network(timm.create_model("vit_tiny_patch16_224", img_size=64).eval())
    found = ph.occlusion(network, torch.randn(1, 3, 64, 64), "logits:3", window=16, stride=8)
    assert found.saved == 0
    assert runs == [(16, False)] * 3 + [(1, False)]


def test_where_the_first_batch_cost_more_than_it_spared_the_rest_is_run_whole(followed, monkeypatch):
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3)]
    network = ph.Network(nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten()).double().eval())
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    expected = ph.occlusion(network, x, "logits:3", window=8, stride=7)
    runs = forwards(monkeypatch)
    monkeypatch.setattr(plan, "CALL", 1.0)
    found = ph.occlusion(network, x, "logits:3", window=8, stride=7)
    assert [partly for _, partly in runs].count(True) == 1
    assert sum(count for count, _ in runs) == found.drops.numel() + 1  # the one that is compared
    assert 0 < found.saved < expected.saved / 2
    torch.testing.assert_close(found.drops, expected.drops, rtol=0, atol=1e-9)


def test_what_edits_can_spare_at_most_is_counted_from_receptive_fields():
    survey = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1), nn.Flatten())).survey(16)
    first, second = survey.layers[0].operations, survey.layers[1].operations
    share = spared_at_most(survey, "1", (4, 4), [6], [6])
    assert share == pytest.approx(((1 - 36 / 256) * first + (1 - 36 / 256) * second) / (first + second))
    assert spared_at_most(survey, "0", (4, 4), [0, 6], [0, 6]) == pytest.approx(1 - (25 + 36) / 512)
    assert spared_at_most(survey, "0", (16, 16), [0], [0]) == 0
