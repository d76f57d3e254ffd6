"""What a network would like to see: images made by gradient ascent, for whatever can be asked of it."""

from .adversarial.adversarial import adversarial
from .adversarial.robustness import robustness
from .checkerboard.checkerboard import checkerboard
from .class_image import class_image
from .class_recipes import class_recipes
from .dream import deepdream, dream
from .facets.diversity import diverse
from .facets.facets import facets
from .facets.starts import starts
from .fooling.fool import fool
from .hog.hog import hog
from .hog.inverse import hog_inverse
from .hog.twins import hog_twins
from .inversion.caricature import caricature
from .inversion.each_layer import inversions
from .inversion.invert import invert
from .quantities import quantities
from .side_by_side.side_by_side import side_by_side
from .style import style
from .synthesize import synthesize
from .unit_image import unit_image

__all__ = [
    "adversarial",
    "caricature",
    "checkerboard",
    "class_image",
    "class_recipes",
    "deepdream",
    "diverse",
    "dream",
    "facets",
    "fool",
    "hog",
    "hog_inverse",
    "hog_twins",
    "inversions",
    "invert",
    "quantities",
    "robustness",
    "side_by_side",
    "starts",
    "style",
    "synthesize",
    "unit_image",
]
