"""What a representation keeps of its images, and whether two networks have the same one."""

from .equivariance.equivariance import equivariance
from .invariance.invariance import invariance
from .similarity.similarity import similarity
from .stitching.stitch import stitch

__all__ = ["equivariance", "invariance", "similarity", "stitch"]
