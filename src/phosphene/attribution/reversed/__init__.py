"""Signals that run back through a network: rectifiers, unpooling, and the patterns that units answer to."""
