"""Attribution: why a network answers as it does, and which pixels a unit answers to."""

from .cam.cam import cam
from .cam.class_map import ClassMap
from .cam.grad_cam import grad_cam, grad_cam_plus_plus, guided_grad_cam, layer_cam, x_grad_cam
from .cam.score_cam import score_cam
from .gradients.input_x_gradient import input_x_gradient
from .gradients.integrated import Integrated, integrated_gradients
from .gradients.smoothing import Smoothed, smooth_grad, var_grad
from .location.boxes import boxes
from .location.locate import Located, locate
from .location.objects import Objects, objects
from .maps.attribution import Attribution
from .maps.heatmap import Heatmap
from .maps.signal import Signal
from .perturbation.occlusion import Occlusion, occlusion
from .perturbation.rise import Rise, rise
from .relevance.lrp import Relevance, lrp
from .reversed.patterns import Patterns, patterns
from .reversed.reversing import deconvnet, gradient, guided, reverse
from .reversed.selectivity import Selectivity, selectivity
from .trials.cascade import Cascade, cascade
from .trials.judge import judge
from .trials.judgement import Judgement
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
