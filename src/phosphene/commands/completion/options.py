"""What the shell offers after TAB: networks and layers. It must never fail, print, or download anything."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from .remembered import recall, remember

EMBEDDED_NAME = "efficientnet_lite0"  # said here too, as its own home imports torch
STEMS = (EMBEDDED_NAME, "torchvision:", "timm:", "hf-hub:")


@contextmanager
def _silently() -> Iterator[None]:
    silence = io.StringIO()
    with contextlib.suppress(Exception), contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        yield


def complete_network(incomplete: str) -> list[str]:
    """Where networks come from; behind 'torchvision:' or 'timm:' their names."""
    specs: list[str] = []
    kind, colon, _ = incomplete.partition(":")
    if colon and kind in ("torchvision", "timm"):
        with _silently():
            from ...network.opening.sources import names

            specs = [listed.spec for listed in names(kind)]
    return [name for name in (specs or STEMS) if name.startswith(incomplete)]


def complete_layer(ctx: typer.Context, incomplete: str) -> list[str]:
    """The layers of the embedded network, or of one whose weights are on this machine; remembered once asked for."""
    params: dict[str, Any] = ctx.params
    spec = params.get("network") or EMBEDDED_NAME
    layer_names: list[str] | None = None
    with _silently():
        layer_names = recall(spec)
        if layer_names is None and _is_here(spec):
            from ...network import load

            layer_names = [layer.name for layer in load(spec).layers()]
            remember(spec, layer_names)
    return [name for name in layer_names or () if name.startswith(incomplete)]


def _is_here(spec: str) -> bool:
    """Whether it names a network, not a file or somebody's code, that opens without a download."""
    if spec == EMBEDDED_NAME:
        return True
    from ...network.opening.sources import names

    return any(listed.spec == spec and listed.here for listed in names(spec.partition(":")[0]))
