"""Layer-wise relevance propagation: how every function of a network hands on the relevance of what it computed."""

from .account import Account
from .composites import COMPOSITES, Composite, composite
from .functions import propagation

__all__ = ["COMPOSITES", "Account", "Composite", "composite", "propagation"]
