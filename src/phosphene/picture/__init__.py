"""Images in and out: photos, range mapping, colour, tiles, overlays, sheets, and pictures that say how they were made.

This floor knows no network and does not import torch. `read` brings any photo in; `map_range`, `colour` and `grid`
turn numbers into pixels with the range said; `chart` draws them over axes; `sheet` lays out a page; a `Picture` shows
and saves it.
"""

from .blocks import Block, ColourBar, DrawingBlock, ImageBlock, Row, Table, TextBlock
from .colour import MAPS, MISSING, as_rgb, colour, swatch
from .drawings.drawing import (
    THEMES,
    Circle,
    Drawing,
    Image,
    Line,
    Mark,
    Polygon,
    Polyline,
    Rect,
    Text,
    resolve,
    shifted,
    theme_roles,
)
from .drawings.paragraph import Typeset, stacked
from .drawings.raster import rasterise
from .drawings.svg import inline_svg, to_svg
from .drawings.typesetting import fit, text_width, wrap
from .numbers import capital, compact, counted
from .overlay import draw_boxes, overlay, resample
from .photos.folder import files, labelled, photos
from .photos.photo import Photo
from .photos.reading import read
from .photos.signature import SUFFIXES
from .photos.window import windowed
from .picture import PICTURE_SUFFIXES, Picture, plain, write_whole
from .ranges import Mapped, Range, apply_range, ends, map_range, ranges_caption, rule_name, words
from .record import read_made
from .sheet import Sheet, set_block
from .tiles import Tiles, enlarge, grid, pages
from .uris import webp, webp_uri

__all__ = [
    "MAPS",
    "MISSING",
    "PICTURE_SUFFIXES",
    "SUFFIXES",
    "THEMES",
    "Block",
    "Circle",
    "ColourBar",
    "Drawing",
    "DrawingBlock",
    "Image",
    "ImageBlock",
    "Line",
    "Mapped",
    "Mark",
    "Photo",
    "Picture",
    "Polygon",
    "Polyline",
    "Range",
    "Rect",
    "Row",
    "Sheet",
    "Table",
    "Text",
    "TextBlock",
    "Tiles",
    "Typeset",
    "apply_range",
    "as_rgb",
    "capital",
    "colour",
    "compact",
    "counted",
    "draw_boxes",
    "ends",
    "enlarge",
    "files",
    "fit",
    "grid",
    "inline_svg",
    "labelled",
    "map_range",
    "overlay",
    "pages",
    "photos",
    "plain",
    "ranges_caption",
    "rasterise",
    "read",
    "read_made",
    "resample",
    "resolve",
    "rule_name",
    "set_block",
    "shifted",
    "stacked",
    "swatch",
    "text_width",
    "theme_roles",
    "to_svg",
    "webp",
    "webp_uri",
    "windowed",
    "words",
    "wrap",
    "write_whole",
]
