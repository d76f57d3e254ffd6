"""The checkerboard that strides leave in images, and what removes it."""
