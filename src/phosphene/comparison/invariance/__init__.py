"""Which channels a transformation of the image leaves alone."""
