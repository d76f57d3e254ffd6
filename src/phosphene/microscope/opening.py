"""`ph.microscope(net)`: the live page for a network at hand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..network import Network

if TYPE_CHECKING:
    from .serving import Handle

EXTRA = "the microscope needs starlette, uvicorn and sse-starlette: pip install 'phosphene[microscope]'"


def microscope(
    network: Network | str | Sequence[Network | str] | None = None,
    images: str | os.PathLike[str] | None = None,
    atlas: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    port: int = 0,
    open: bool | None = None,
    **options: Any,
) -> Handle:
    """A page on this machine that shows what networks see, live; returns a handle with `.url` and `.stop()`.

    `network` is one or several, opened or by their names; the embedded one is always there. `images` is a folder,
    `atlas` one or several. The server listens to this machine only, at a free port unless `port` names one. The
    browser shows the page, or in a notebook the cell alone; `open` says otherwise. `cache` is the folder of uploads and
    answers, `limits` a `Limits` of `phosphene.microscope.limits`.

    Raises ImportError where the extra is not installed, OSError where the port is taken, FileNotFoundError where the
    folder or an atlas is not there.
    """
    try:
        import sse_starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ImportError(EXTRA) from error
    from .serving import serve

    networks = [network] if isinstance(network, (Network, str)) else list(network or ())
    atlases = [atlas] if isinstance(atlas, (str, os.PathLike)) else list(atlas or ())
    return serve(networks, images, atlases, port=port, open=open, **options)
