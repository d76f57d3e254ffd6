"""Weights that are not on this machine: found out in seconds, and said in one sentence.

huggingface_hub asks an unreachable server five times before it gives up (23 s a file, measured), and torch.hub waits
without limit. So a source asks here first whether the server answers at all.
"""

import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import torch

_PATIENCE_S = 6.0


def reachable(url: str) -> bool:
    """Whether the server of `url` answers within a few seconds; any answer counts, also a refusal."""
    address = urlparse(url)
    request = urllib.request.Request(f"{address.scheme}://{address.netloc}/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):
        return False


def hub_file(url: str) -> Path:
    """Where torch.hub keeps what it has downloaded from `url`."""
    return Path(torch.hub.get_dir()) / "checkpoints" / os.path.basename(urlparse(url).path)


def missing(weights: str, cache_path: Path | str, why: str, spec: str) -> LookupError:
    """The error for weights that are neither here nor to be had; `spec` is the architecture's."""
    return LookupError(
        f"the weights {weights} are not on this machine and could not be downloaded ({why}); they would be kept at "
        f"{cache_path}. '{spec}@none' opens the network with random weights, and a local file opens with "
        f"load('FILE', architecture='{spec}')"
    )
