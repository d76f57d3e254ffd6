"""What a network would like to see: images made by gradient ascent, for whatever can be asked of it."""

from .adversarial import adversarial
from .caricature import caricature
from .checkerboard import checkerboard
from .class_image import class_image
from .class_recipes import class_recipes
from .diversity import diverse
from .dream import deepdream, dream
from .facets import facets
from .fool import fool
from .hog import hog
from .hog_inverse import hog_inverse
from .hog_twins import hog_twins
from .inversions import inversions
from .invert import invert
from .quantities import quantities
from .robustness import robustness
from .side_by_side import side_by_side
from .starts import starts
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
