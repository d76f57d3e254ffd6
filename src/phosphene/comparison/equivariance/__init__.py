"""Does a layer follow a transformation of the image? Learned maps of its values, and what they restore."""
