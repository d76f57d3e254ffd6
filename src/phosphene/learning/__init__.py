"""Learned systems: how representations are learned, one file a system, one loop for all."""

from .registry import make

__all__ = ["make"]
