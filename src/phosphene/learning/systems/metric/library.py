"""pytorch-metric-learning, whose losses and miners the systems of classes learn with; opening one does not need it."""

from __future__ import annotations

from typing import Any


def library(part: str) -> Any:
    """A module of it, such as 'losses'. LookupError where it is not installed."""
    from importlib import import_module

    try:
        return import_module(f"pytorch_metric_learning.{part}")
    except ImportError as error:
        raise LookupError(
            "this system learns with pytorch-metric-learning, which is not installed; pip install 'phosphene[metric]'"
        ) from error
