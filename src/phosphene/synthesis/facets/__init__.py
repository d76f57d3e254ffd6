"""The many things that one unit answers to: facets, diverse images, starts."""
