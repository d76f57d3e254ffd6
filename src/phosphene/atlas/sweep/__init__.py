"""One pass over a data set: what is measured of every layer while its value stands."""
