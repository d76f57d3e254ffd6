"""Kinds of images: what is optimised, and the image that it stands for."""
