"""All images on a map: reductions, layouts, mosaics, activation atlases."""
