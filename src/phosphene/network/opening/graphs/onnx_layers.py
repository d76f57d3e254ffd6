"""The operators of an ONNX graph that are ours: what onnx2torch does in a way that PyTorch gives up, and checks."""

import torch
from torch import Tensor, nn


class Slice(nn.Module):
    """ONNX's Slice: from `starts` to `ends` by `steps` along `axes`, whose counting is Python's."""

    def forward(
        self, images: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None
    ) -> Tensor:
        begin, end = starts.tolist(), ends.tolist()
        along = list(range(len(begin))) if axes is None else axes.tolist()
        by = [1] * len(begin) if steps is None else steps.tolist()
        index = [slice(None)] * images.ndim
        for start, stop, axis, step in zip(begin, end, along, by, strict=True):
            if step > 0:
                index[axis] = slice(start, stop, step)
            else:
                indices = range(*slice(start, stop, step).indices(images.shape[axis]))
                images = images.index_select(axis, torch.tensor(list(indices), device=images.device))
        return images[tuple(index)]


class OneImage(nn.Module):
    """Lets one image pass, and refuses several."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[0] != 1:
            raise ValueError(f"{self.why}, and {images.shape[0]} came together; say batch=1, or give one image")
        return images


def for_each(value: Tensor, images: Tensor) -> Tensor:
    """`value`, of one image, as often as there are images."""
    return value.expand(images.shape[0], *value.shape[1:])
