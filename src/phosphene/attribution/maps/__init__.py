"""What all attributions share: targets, maps and signals, and how they are laid over photos."""
