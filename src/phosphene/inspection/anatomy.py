"""The anatomy of a layer: what it computes from its input, and what its transpose makes of the signal coming back.

Forward, a layer is y = f(x, w). For a number z that the network goes on to compute from y, the chain rule runs through
the layer in reverse: from dz/dy it makes

    dz/dx = (dy/dx)^T dz/dy        dz/dw = (dy/dw)^T dz/dy

two linear maps of dz/dy. For a convolution the first is the transposed convolution with the same kernels, the second
the correlation of x with dz/dy. (A. Vedaldi and K. Lenc, 'MatConvNet', 2015, call them 'BP-reversed' layers.)

The network runs once, as it is. dz/dy is taken at the value as the layer left it, so that a later in-place function
changes nothing; then the layer alone runs on copies of x and w and is transposed. dz/dx is therefore what comes back
through this layer, not what other paths bring to x.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.func import functional_call

from ..instrument import Result, instrument
from ..network import OUTPUTS, Address, Layout, Network, near
from ..network.seam import evaluating
from ..network.survey import first_tensor
from ..picture import Picture


@dataclass(frozen=True, eq=False)
class Anatomy(Result):
    """A layer's values and the derivatives of z by them, each shaped as its value, batch included."""

    network: str
    layer: str
    kind: str
    target: str  # what z is, in words
    z: float
    x: Tensor = field(repr=False)
    y: Tensor = field(repr=False)
    weights: Mapping[str, Tensor] = field(repr=False)  # by the layer's own names: weight, bias; none for a pooling
    dx: Tensor | None = field(repr=False)  # None where y does not depend on x, or not smoothly
    dy: Tensor = field(repr=False)
    dw: Mapping[str, Tensor] = field(repr=False)
    layouts: tuple[Layout | None, Layout | None] = field(default=(None, None), repr=False)  # of x and y as maps

    def picture(self, channels: int | Sequence[int] = 6) -> Picture:
        """Forward above, reversed below. `channels` is how many channels of y to show, or which."""
        from .anatomy_picture import draw_anatomy

        drawing, caption, ranges = draw_anatomy(self, channels)
        return self.drawn(drawing, caption, ranges, channels=channels if isinstance(channels, int) else list(channels))

    def to_dict(self) -> dict[str, Any]:
        """Shape, smallest, largest and mean value and norm of each; the values are in the fields themselves."""
        return {
            "network": self.network,
            "layer": self.layer,
            "kind": self.kind,
            "target": self.target,
            "z": self.z,
            "x": _numbers(self.x),
            "y": _numbers(self.y),
            "weights": {name: _numbers(value) for name, value in self.weights.items()},
            "dz/dx": None if self.dx is None else _numbers(self.dx),
            "dz/dy": _numbers(self.dy),
            "dz/dw": {name: _numbers(value) for name, value in self.dw.items()},
        }


@instrument
def anatomy(network: Network, images: Any, layer: str, *, target: str | None = None) -> Anatomy:
    """The anatomy of a layer on an image: x, w and y = f(x, w), and dz/dy, dz/dx and dz/dw of a number z.

    - `layer`: a module of the network, such as a convolution, a pooling or a ReLU.
    - `target`: what z is: an address such as 'logits:goose' or 'blocks.3:5' (all that it names, summed); without it
      the score of the strongest class.

    Where the network calls the layer several times, its name names one call ('relu', 'relu_1'), and dz/dw is what this
    call contributes. Raises LookupError for a layer that is not there or no module, ValueError for more than one image
    and for a z that does not depend on the layer.
    """
    x = network.inputs(images)
    if len(x) != 1:
        raise ValueError(f"the anatomy of a layer is shown on one image, not {len(x)}; give one photo or images[:1]")
    size = (int(x.shape[-2]), int(x.shape[-1]))
    found = network.layer(layer, size)
    path, call = _module(network, found.name)
    module = network.module.get_submodule(path)
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        with _watching(module, call) as seen:
            z, name = _target(network, x, target)
        if seen.edge is None:
            raise ValueError(_unreached(name, layer, "is computed before it"))
        (dy,) = torch.autograd.grad(z, seen.edge, allow_unused=True) if z.requires_grad else (None,)
        if dy is None:
            raise ValueError(_unreached(name, layer, "does not depend on it"))
        weights = {key: value.detach().clone() for key, value in module.named_parameters()}
        with evaluating(network.module):
            dx, dw = _transposed(module, seen, weights, dy)
    before = [one for one in network.survey(size).layers if one.layout and one.shape == tuple(seen.x.shape[1:])]
    return Anatomy(
        network=network.name,
        layer=found.name,
        kind=type(module).__name__,
        target=name,
        z=float(z.detach()),
        x=seen.x,
        y=seen.y,
        weights=weights,
        dx=dx,
        dy=dy.detach(),
        dw=dw,
        layouts=(before[0].layout if before else None, found.layout),
    )


def _module(network: Network, name: str) -> tuple[str, int]:
    """The path of the module that computes a value, and which of its calls; LookupError if a function does."""
    modules = {path for path, _ in network.module.named_modules()}
    if name in OUTPUTS and name not in modules:
        return "", 0
    start, _, number = name.rpartition("_")
    if name in modules:
        return name, 0
    if number.isdigit() and start in modules:
        return start, int(number)
    above = name.rpartition(".")[0]
    inside = [path for path in modules if above and path.startswith(f"{above}.")]
    around = near(name, sorted(modules - {""})) or (f"; beside it: {', '.join(sorted(inside)[:3])}" if inside else "")
    raise LookupError(
        f"{name!r} of {network.name} is a function, and anatomy opens modules, which hold weights{around}"
    )


@dataclass(eq=False)
class _Seen:
    """One call of a module: what it was given, and what it returned, before anything later could change it."""

    args: tuple = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    edge: GradientEdge | None = None
    value: Tensor | None = None

    @property
    def x(self) -> Tensor:
        return next(part for part in (*self.args, *self.kwargs.values()) if isinstance(part, Tensor))

    @property
    def y(self) -> Tensor:
        assert self.value is not None
        return self.value


@contextmanager
def _watching(module: nn.Module, call: int) -> Iterator[_Seen]:
    """Notes call number `call` of the module in this thread, by two hooks that are gone afterwards."""
    seen, thread = _Seen(), threading.get_ident()
    started, ended = [0], [0]

    def before(_: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        if threading.get_ident() == thread:
            if started[0] == call:
                copies: dict[int, Tensor] = {}
                seen.args = tuple(_copy(part, copies) for part in args)
                seen.kwargs = {key: _copy(part, copies) for key, part in kwargs.items()}
            started[0] += 1

    def after(_: nn.Module, args: tuple, out: Any) -> None:
        if threading.get_ident() == thread:
            value = first_tensor(out)
            if ended[0] == call and value is not None:
                seen.value = value.detach().clone()
                seen.edge = get_gradient_edge(value) if value.requires_grad else None
            ended[0] += 1

    handles = [module.register_forward_pre_hook(before, with_kwargs=True), module.register_forward_hook(after)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _copy(part: Any, copies: dict[int, Tensor]) -> Any:
    """A tensor's values by themselves; what was one tensor stays one (query, key and value)."""
    if not isinstance(part, Tensor):
        return part
    return copies.setdefault(id(part), part.detach().clone())


def _target(network: Network, x: Tensor, target: str | None) -> tuple[Tensor, str]:
    """z, and what it is in words."""
    if target is not None:
        value = first_tensor(network.record(x, target)[target])
        assert value is not None
        address = Address.parse(target)
        one = value.numel() == 1
        named = address.layer in OUTPUTS and isinstance(address.channel, int) and address.channel < len(network.labels)
        label = f" ({network.labels[address.channel]})" if named and isinstance(address.channel, int) else ""
        return value.sum(), f"{target}{label}" if one else f"the sum of {target}"
    scores = first_tensor(network.record(x, "logits")["logits"])
    if scores is None or scores.ndim != 2:
        raise ValueError(f"{network.name} gives no score for each class, so say what z is: target='layer:channel'")
    best = int(scores.argmax())
    label = network.labels[best] if best < len(network.labels) else f"class {best}"
    return scores[0, best], f"logits:{best} ({label})"


def _transposed(
    module: nn.Module, seen: _Seen, weights: Mapping[str, Tensor], dy: Tensor
) -> tuple[Tensor | None, dict[str, Tensor]]:
    """dz/dx and dz/dw: the layer run alone on copies, and its vector-Jacobian products with dz/dy."""
    x = seen.x.clone().requires_grad_(seen.x.is_floating_point())
    free = {name: value.clone().requires_grad_(value.is_floating_point()) for name, value in weights.items()}
    given = x.clone()  # a layer that works in place works on this

    def put(part: Any) -> Any:
        return given if part is seen.x else part.clone() if isinstance(part, Tensor) else part

    args = tuple(put(part) for part in seen.args)
    kwargs = {name: put(part) for name, part in seen.kwargs.items()}
    out = first_tensor(functional_call(module, free, args, kwargs))
    wanted = [value for value in (x, *free.values()) if value.requires_grad]
    if out is None or not out.requires_grad:
        return None, {}
    grads = dict(zip(map(id, wanted), torch.autograd.grad(out, wanted, dy, allow_unused=True), strict=True))
    dw = {name: grad for name, value in free.items() if (grad := grads.get(id(value))) is not None}
    return grads.get(id(x)), dw


def _unreached(target: str, layer: str, why: str) -> str:
    return f"z = {target} {why}, so that no derivative by {layer} exists; choose a target that {layer} leads to"


def _numbers(value: Tensor) -> dict[str, Any]:
    numbers = value.double()
    return {
        "shape": list(value.shape),
        "smallest": float(numbers.min()),
        "largest": float(numbers.max()),
        "mean": float(numbers.mean()),
        "norm": float(numbers.norm()),
    }
