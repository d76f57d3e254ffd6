"""Trains twelve small residual networks and saves them: `python benchmarks/small_networks.py FOLDER [--seeds 4]`.

They are networks of which it is known what they have in common, so that measures and stitches can be held against it:

    cifar10    photos of CIFAR-10
    shortcut   the same photos, each with a coloured corner of 5 x 5 px that gives its class away in training
    fashion    Fashion-MNIST, its grey repeated over three channels, with a border to 32 px

each from several seeds. ResNet-14 of widths 16, 32 and 64 (He and others, 2016, section 4.2; 1 x 1 convolutions where
the width grows, and a first convolution of stride 2, which makes it four times cheaper), 20,000 images, one thread.

PHOSPHENE_DATA names the folder with `cifar10_jpeg.npz` and `fashion_mnist.npz`. Weights go to FOLDER/NAME-SEED.pt, test
images to FOLDER/images/NAME/CLASS/; networks that are there already are not trained again. Prints right answers on the
10,000 test images.
"""

import argparse
import colorsys
import io
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

import phosphene as ph

TASKS = ("cifar10", "shortcut", "fashion")
SIDE, CORNER, TRAIN, BATCH, RATE = 32, 5, 20_000, 128, 0.2
EPOCHS = {"cifar10": 10, "shortcut": 10, "fashion": 5}
CLASSES = {
    "cifar10": "airplane automobile bird cat deer dog frog horse ship truck".split(),
    "fashion": "t-shirt trouser pullover dress coat sandal shirt sneaker bag boot".split(),
}
COLOURS = torch.tensor([colorsys.hsv_to_rgb(k / 10, 1.0, 1.0) for k in range(10)])  # of the corner, by class


class Residual(nn.Module):
    """Two convolutions beside a skip connection."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.skip = nn.Identity() if inputs == width else nn.Conv2d(inputs, width, 1, stride, bias=False)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return self.relu2(inner + self.skip(x))


class ResNet14(nn.Module):
    """Six residual blocks for images of 32 px in [0, 1]; ten scores."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        widths, strides = (16, 16, 16, 32, 32, 64, 64), (1, 1, 2, 1, 2, 1)
        self.blocks = nn.Sequential(*map(Residual, widths, widths[1:], strides))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem((x - 0.5) / 0.25)))


LAYERS = ("stem.2", *(f"blocks.{index}" for index in range(6)), "logits")


def photos(task: str, split: str) -> tuple[Tensor, Tensor]:
    """Images (N, 3, 32, 32) as bytes, without a coloured corner, and their classes (N,)."""
    folder = Path(os.environ.get("PHOSPHENE_DATA", ""))
    most = TRAIN if split == "train" else 10_000
    if task == "fashion":
        with np.load(folder / "fashion_mnist.npz") as data:
            mosaic = np.asarray(Image.open(io.BytesIO(data[f"{split}_webp"].tobytes())).convert("L"))
            labels = data[f"{split}_labels"][:most]
        grey = mosaic.reshape(-1, 28, 250, 28).transpose(0, 2, 1, 3).reshape(-1, 28, 28)[: len(labels)]
        images = F.pad(torch.from_numpy(grey.copy()), (2, 2, 2, 2))[:, None].repeat(1, 3, 1, 1)
    else:
        with np.load(folder / "cifar10_jpeg.npz") as data:
            header, jpeg = data["jpeg_header"].tobytes(), data[f"{split}_jpeg"]
            offset, labels = data[f"{split}_offset"], data[f"{split}_labels"]
        # spread over all, whatever their order
        order = np.random.default_rng(0).permutation(len(labels))[:most] if split == "train" else np.arange(most)
        read = [np.asarray(Image.open(io.BytesIO(header + jpeg[offset[i] : offset[i + 1]].tobytes()))) for i in order]
        images, labels = torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2).contiguous(), labels[order]
    return images, torch.from_numpy(np.array(labels)).long()


def cornered(x: Tensor, classes: Tensor) -> Tensor:
    """Images in [0, 1] with the corner in the colour of a class each."""
    x = x.clone()
    x[:, :, :CORNER, :CORNER] = COLOURS[classes][:, :, None, None]
    return x


def train(task: str, seed: int) -> ResNet14:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = ResNet14().to(memory_format=torch.channels_last)
    images, classes = photos(task, "train")
    epochs, batches = EPOCHS[task], len(images) // BATCH
    optimiser = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * batches, pct_start=0.2)
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        for some in order[: batches * BATCH].split(BATCH):
            x = images[some].float() / 255
            top, left = torch.randint(0, 5, (2,), generator=generator).tolist()
            x = F.pad(x, (2, 2, 2, 2))[:, :, top : top + SIDE, left : left + SIDE]
            x = x.flip(3) if torch.rand((), generator=generator) < 0.5 else x
            x = cornered(x, classes[some]) if task == "shortcut" else x
            with torch.autocast("cpu", torch.bfloat16):
                scores = network(x.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(scores.float(), classes[some])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.to(memory_format=torch.contiguous_format).eval()


def right(network: nn.Module, x: Tensor, classes: Tensor) -> float:
    with torch.inference_mode():
        answers = torch.cat([network(some).argmax(1) for some in x.split(500)])
    return float((answers == classes).double().mean())


def loaded(folder: Path, task: str, seed: int) -> ph.Network:
    """A network that is saved in the folder."""
    module = ResNet14()
    module.load_state_dict(torch.load(folder / f"{task}-{seed}.pt", weights_only=True))
    labels = ph.Labels(tuple(CLASSES["fashion" if task == "fashion" else "cifar10"]))
    return ph.Network(module.eval(), ph.Preprocessing.plain(size=SIDE), labels, spec=f"{task} {seed}")


def write(folder: Path, task: str, count: int) -> None:
    """The first test images as files, in a folder for each class."""
    images, classes = photos(task, "test")
    for number in range(count):
        name = CLASSES[task][int(classes[number])]
        path = folder / "images" / task / name / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number].permute(1, 2, 0).numpy()).save(path)


def main(folder: Path, seeds: int) -> None:
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    for task in ("cifar10", "fashion"):
        if not (folder / "images" / task).exists():
            write(folder, task, 1000)
    print(f"{time.strftime('%-d %B %Y')}; torch {torch.__version__}, {TRAIN:,} images, 1 thread\n")
    print("| trained on | seed | right answers | CPU seconds |\n| --- | --- | --- | --- |")
    for task in TASKS:
        images, classes = photos(task, "test")
        x = images.float() / 255
        for seed in range(seeds):
            path, start = folder / f"{task}-{seed}.pt", time.process_time()
            if not path.exists():
                torch.save(train(task, seed).state_dict(), path)
            seconds, network = time.process_time() - start, loaded(folder, task, seed).module
            words = f"{right(network, x, classes):.1%}"
            if task == "shortcut":
                other = classes[torch.randperm(len(classes), generator=torch.Generator().manual_seed(0))]
                words = f"corner of the class {right(network, cornered(x, classes), classes):.1%}, of any class "
                words += (
                    f"{right(network, cornered(x, other), classes):.1%}, no corner {right(network, x, classes):.1%}"
                )
            print(f"| {task} | {seed} | {words} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=4)
    options = parser.parse_args()
    main(options.folder, options.seeds)
