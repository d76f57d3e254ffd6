"""A network as before its training: the same architecture with weights drawn anew."""

from __future__ import annotations

import copy

import torch

from ...network import Network


def untrained(network: Network, seed: int = 0) -> Network:
    """A copy whose layers start as PyTorch starts them; weights of other parts are drawn with their mean and spread."""
    module = copy.deepcopy(network.module).eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for part in module.modules():
            if not list(part.parameters(recurse=False)) and not list(part.buffers(recurse=False)):
                continue
            reset = getattr(part, "reset_parameters", None)
            if callable(reset) and type(part).__module__.startswith("torch.nn"):
                reset()
                continue
            for weight in part.parameters(recurse=False):
                if weight.is_floating_point():
                    mean, spread = weight.mean(), weight.std() if weight.numel() > 1 else weight.new_zeros(())
                    weight.copy_(mean + spread * torch.randn(weight.shape, device="cpu").to(weight))
    return Network(module, network.preprocessing, network.labels, head=network.known_head)
