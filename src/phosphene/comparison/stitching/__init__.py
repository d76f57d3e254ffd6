"""Do two networks have the same representation? The bottom of one under the top of the other."""
