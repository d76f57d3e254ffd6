"""What a representation keeps of its images, and whether two networks have the same one."""

from .equivariance.equivariance import equivariance
from .invariance.invariance import invariance
from .networks.compare_networks import compare_networks
from .similarity.similarity import similarity
from .stitching.stitch import stitch

__all__ = ["compare_networks", "equivariance", "invariance", "similarity", "stitch"]
