"""Whether what is asked for fits into memory, before any of it is computed.

Estimates count what is certainly held at once, and nothing else, and are compared with all the memory that there is:
what runs is not refused, and what is far beyond ends in a sentence with the number that would fit.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import torch

from .addresses import OUTPUTS, Address
from .network import Network
from .running.seam import OUTPUT

CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
WORTH = 1 << 24  # bytes of images from which on the layers are asked what they hold
COPIES = 4  # of images that are optimised: the values, their gradient, and two moments or a trial


def memory(device: torch.device | None = None) -> int | None:
    """The bytes that can be held there at most, a container's limit included; None where they are not known."""
    if device is not None and device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") + _swap()
    except (AttributeError, ValueError, OSError):  # not every system tells
        return None
    return min([total, *filter(None, map(_limit, CGROUPS))])


def _swap() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("SwapTotal:")), 0)


def _limit(path: str) -> int | None:
    """The limit of a control group; None where there is none."""
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # no such file, or 'max'
        return None


def check_room(
    count: int, each: float, described: str, *, fixed: float = 0, least: int = 1, device: torch.device | None = None
) -> None:
    """ValueError where so many of something, `each` bytes, don't fit beside the `fixed` ones.

    `described` says of what, with {} for the number, such as 'batch={}: images of 224 × 224 px'.
    """
    available = memory(device)
    if available is None or fixed + count * each <= available:
        return
    most = int((available - fixed) // each)
    fits = f"at most {most:,} would fit" if most >= least else "not even the fewest would fit"
    where = "the GPU" if device is not None and device.type == "cuda" else "this machine"
    need = f"at least {human(fixed + count * each)} of memory"
    raise ValueError(f"{described.format(f'{count:,}')}; that takes {need}, and {where} has {human(available)}: {fits}")


def check_images(
    count: int, size: tuple[int, int], name: str, network: Network | None = None, reads: Collection[str] = (),
    each: int = 1,
) -> None:  # fmt: skip
    """The same of images (3, height, width) that are optimised, `each` for every one that the option `name` counts, and
    of what the network computes of them up to the last layer that is read."""
    images = count * each * 3 * size[0] * size[1] * 4
    described = f"{name}={{}}: images of {size[0]} × {size[1]} px"
    check_room(count, COPIES * images / max(count, 1), described)
    if network is not None and reads and images >= WORTH:
        each_image = each * (backward_bytes(network, size, reads) + 3 * 3 * size[0] * size[1] * 4)
        check_room(
            count, each_image, f"{described} and what {network.name} computes of them, together", device=network.device
        )


def backward_bytes(network: Network, size: tuple[int, int], reads: Collection[str]) -> int:
    """What the layers of weights up to the last of `reads` give for one image, which is held for the way back."""
    layers = (Address.parse(name).layer for name in reads)
    names = {OUTPUT if name in OUTPUTS else name for name in layers}
    total = passed = 0
    for layer in network.layers(size):
        if layer.module and layer.kind.startswith(("Conv", "Linear")):
            total += torch.Size(layer.shape).numel()
        if layer.name in names:
            passed = total
    return passed * torch.empty(0, dtype=network.dtype).element_size() // (2 if network.device.type == "cuda" else 1)


def human(count: float) -> str:
    """A number of bytes with three figures, in units of a thousand."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.0f} TB" if count >= 99.5 else f"{count:.3g} TB"
