"""Learned systems: how representations are learned, one file a system, one loop for all."""

from .codes.clusters import clusters
from .codes.few_labels import few_labels, few_labels_steps
from .learned import learned
from .losses.contrastive import contrastive_loss
from .opened import open
from .questions.examples_needed import examples_needed
from .questions.likelihood_estimates import likelihood_estimates
from .questions.scores import scores
from .registry import SYSTEMS, make
from .sets.own import data_set
from .system import Config, System
from .to_folder import fit, fitting

__all__ = [
    "SYSTEMS",
    "Config",
    "System",
    "clusters",
    "contrastive_loss",
    "data_set",
    "examples_needed",
    "few_labels",
    "few_labels_steps",
    "fit",
    "fitting",
    "learned",
    "likelihood_estimates",
    "make",
    "open",
    "scores",
]
