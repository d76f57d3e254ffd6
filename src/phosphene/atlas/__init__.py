"""A whole data set through a network, once: patches of every unit, statistics, features, kept in LanceDB."""

from .atlas import Atlas

__all__ = ["Atlas"]
