"""A network as before its training: the same architecture with weights drawn anew."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from ...network import Network

STARTED = (_ConvNd, _NormBase, nn.Linear, nn.LayerNorm, nn.GroupNorm, nn.Embedding)  # layers that start by themselves


def untrained(network: Network, seed: int = 0) -> Network:
    """A copy whose layers start as PyTorch starts them; weights of other parts are drawn with their mean and spread."""
    module = copy.deepcopy(network.module).eval()
    devices = [network.device] if network.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed(seed)
        for part in module.modules():
            if not list(part.parameters(recurse=False)) and not list(part.buffers(recurse=False)):
                continue
            if isinstance(part, STARTED):  # and what is derived from them, as timm's
                part.reset_parameters()
                continue
            for weight in part.parameters(recurse=False):
                if weight.is_floating_point():
                    mean, spread = weight.mean(), weight.std() if weight.numel() > 1 else weight.new_zeros(())
                    weight.copy_(mean + spread * torch.randn(weight.shape, device="cpu").to(weight))
    return Network(module, network.preprocessing, network.labels, head=network.known_head)
