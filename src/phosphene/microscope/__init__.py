"""The live microscope: a page on this machine that shows what networks see.

It stands on the description of instruments (`instrument/`) alone; the command line starts it and knows nothing else
of it.
"""

from .opening import microscope

__all__ = ["microscope"]
