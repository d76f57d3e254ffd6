"""Transfer: a network that knows one set of classes learns others, from a folder of photos."""

from .preview import augmentation
from .run import transfer, transferring

__all__ = ["augmentation", "transfer", "transferring"]
