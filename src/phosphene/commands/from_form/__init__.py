"""How the form of an instrument becomes a command."""
