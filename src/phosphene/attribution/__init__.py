"""Attribution: why a network answers as it does, and which pixels a unit answers to."""

from .attribution import Attribution
from .boxes import boxes
from .cam import cam
from .cascade import Cascade, cascade
from .class_map import ClassMap
from .grad_cam import grad_cam, grad_cam_plus_plus, guided_grad_cam, layer_cam, x_grad_cam
from .heatmap import Heatmap
from .input_x_gradient import input_x_gradient
from .integrated import Integrated, integrated_gradients
from .judgement import Judgement
from .judging import judge
from .locate import Located, locate
from .lrp import Relevance, lrp
from .objects import Objects, objects
from .occlusion import Occlusion, occlusion
from .patterns import Patterns, patterns
from .reversing import deconvnet, gradient, guided, reverse
from .rise import Rise, rise
from .score_cam import score_cam
from .selectivity import Selectivity, selectivity
from .signal import Signal
from .smoothing import Smoothed, smooth_grad, var_grad
from .why import Why, why

__all__ = [
    "Attribution",
    "Cascade",
    "ClassMap",
    "Heatmap",
    "Integrated",
    "Judgement",
    "Located",
    "Objects",
    "Occlusion",
    "Patterns",
    "Relevance",
    "Rise",
    "Selectivity",
    "Signal",
    "Smoothed",
    "Why",
    "boxes",
    "cam",
    "cascade",
    "deconvnet",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient",
    "guided",
    "guided_grad_cam",
    "input_x_gradient",
    "integrated_gradients",
    "judge",
    "layer_cam",
    "locate",
    "lrp",
    "objects",
    "occlusion",
    "patterns",
    "reverse",
    "rise",
    "score_cam",
    "selectivity",
    "smooth_grad",
    "var_grad",
    "why",
    "x_grad_cam",
]
