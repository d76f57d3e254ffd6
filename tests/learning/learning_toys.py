"""Tiny systems of every kind that the one loop has to train: games, pairs, sound, sets of points, boxes."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy, smooth_l1_loss, softplus

from phosphene.learning import System
from phosphene.learning.sets.examples import Batch
from phosphene.learning.training.recipe import Recipe


class Ring:
    """Points on a ring of eight Gaussians."""

    shape = (2,)

    def __len__(self):
        return 8192

    def batch(self, places):
        angle = places % 8 * (torch.pi / 4)
        return Batch(2 * torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(len(places), 2))


class ThreePlayers(System):
    """An encoder, a generator and a critic that look at pairs of a point and its code (as in a VAE-GAN or a BiGAN)."""

    name = title = "three-players"
    recipe = Recipe(steps=40, batch=32, rate=2e-3, average=0.9, clip=5.0)

    def build(self, shape):
        def net(inputs, outputs):
            return nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, outputs))

        self.encoder, self.generator, self.critic = net(2, 2), net(2, 2), net(4, 1)
        self.moves = []

    def players(self):
        names = ("encoder", "generator", "critic")
        return {name: getattr(self, name).parameters() for name in names}

    def steps(self, batch):
        code = torch.randn(len(batch.x), 2)
        self.moves.append("critic")
        real, made = self._judged(batch.x, code)
        yield "critic", softplus(-real).mean() + softplus(made).mean()
        self.moves.append("generator")
        yield "generator", softplus(-self._judged(batch.x, code)[1]).mean()
        self.moves.append("encoder")
        yield "encoder", softplus(self._judged(batch.x, code)[0]).mean()

    def _judged(self, x, code):
        real = torch.cat([x, self.encoder(x)], 1)
        made = torch.cat([self.generator(code), code], 1)
        return self.critic(real), self.critic(made)

    def evaluate(self, examples):
        return {"points": float(len(examples))}


class Often(ThreePlayers):
    """The critic moves three times for each move of the generator."""

    def steps(self, batch):
        for _ in range(3):
            real, made = self._judged(batch.x, torch.randn(len(batch.x), 2))
            yield "critic", softplus(-real).mean() + softplus(made).mean()
        yield "generator", softplus(-self._judged(batch.x, torch.randn(len(batch.x), 2))[1]).mean()


class PairsOf:
    """Pairs of examples, and whether they are of different classes."""

    def __init__(self, examples):
        self.examples, self.shape = examples, examples.shape

    def __len__(self):
        return len(self.examples)

    def batch(self, places):
        others = torch.randint(len(self.examples), (len(places),))
        a, b = self.examples.batch(places), self.examples.batch(others)
        return a.x, b.x, a.labels != b.labels


class Alike(System):
    name = title = "alike"
    recipe = Recipe(steps=60, batch=32, rate=3e-3)

    def build(self, shape):
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], 2))

    def learns_from(self, examples):
        return PairsOf(examples)

    def steps(self, batch):
        a, b, different = batch
        distance = (self.body(a) - self.body(b)).norm(dim=1)
        yield "network", torch.where(different, (1 - distance).clamp_min(0), distance).square().mean()

    def evaluate(self, examples):
        return {}


class Tones:
    """Sounds (1, samples) of one of three pitches, as dictionaries."""

    shape = (1, 400)

    def __len__(self):
        return 600

    def batch(self, places):
        pitch = places % 3
        time = torch.arange(400) / 8000
        phase = 6.3 * torch.rand(len(places), 1)
        wave = torch.sin(2 * torch.pi * (200.0 + 150 * pitch[:, None]) * time + phase)
        return {"wave": wave[:, None], "pitch": pitch}


class Listens(System):
    name = title = "listens"
    recipe = Recipe(steps=80, batch=32, rate=1e-2)

    def build(self, shape):
        self.body = nn.Sequential(
            nn.Conv1d(1, 8, 32, 8), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 3)
        )

    def steps(self, batch):
        yield "network", cross_entropy(self.body(batch["wave"]), batch["pitch"])

    @torch.no_grad()
    def evaluate(self, examples):
        batch = examples.batch(torch.arange(90))
        return {"accuracy": float((self.body(batch["wave"]).argmax(1) == batch["pitch"]).float().mean())}


class Clouds:
    """Sets of points of different sizes, as lists: of a sphere or of a cube."""

    shape = (3,)

    def __len__(self):
        return 400

    def batch(self, places):
        sets = []
        for place in places.tolist():
            points = torch.randn(20 + place % 13, 3)
            sets.append(points / points.norm(dim=1, keepdim=True) if place % 2 else points.clamp(-1, 1))
        return sets, places % 2


class Gathers(System):
    name = title = "gathers"
    recipe = Recipe(steps=60, batch=16, rate=1e-2)

    def build(self, shape):
        self.point = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 16))
        self.whole = nn.Linear(16, 2)

    def steps(self, batch):
        sets, classes = batch
        yield "network", cross_entropy(self._scores(sets), classes)

    def _scores(self, sets):
        return self.whole(torch.stack([self.point(points).amax(0) for points in sets]))

    @torch.no_grad()
    def evaluate(self, examples):
        sets, classes = examples.batch(torch.arange(60))
        return {"accuracy": float((self._scores(sets).argmax(1) == classes).float().mean())}


@dataclass
class Scene:
    """An image with its boxes, as a detector is given them."""

    image: torch.Tensor
    boxes: torch.Tensor


class Scenes:
    shape = (1, 16, 16)

    def __len__(self):
        return 300

    def batch(self, places):
        made = []
        for place in places.tolist():
            image, left, top = torch.zeros(1, 16, 16), place % 9, place // 9 % 9
            image[:, top : top + 6, left : left + 6] = 1
            made.append(Scene(image, torch.tensor([[left, top, left + 6.0, top + 6.0]])))
        return made


class Frames(System):
    name = title = "frames"
    recipe = Recipe(steps=120, batch=32, rate=3e-3)

    def build(self, shape):
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 4))

    def steps(self, batch):
        boxes = torch.cat([scene.boxes for scene in batch])
        yield "network", smooth_l1_loss(self.body(torch.stack([scene.image for scene in batch])), boxes)

    @torch.no_grad()
    def evaluate(self, examples):
        batch = examples.batch(torch.arange(50))
        boxes = torch.cat([scene.boxes for scene in batch])
        predicted = self.body(torch.stack([scene.image for scene in batch]))
        return {"error": float((predicted - boxes).abs().mean())}
