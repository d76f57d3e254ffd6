"""How alike two representations are, as a number for each pair of layers."""
