"""How good generated examples are: by a classifier of real ones, and by distances."""
