"""The seam, and what runs a network through it: recording, stopping, rules, evaluation mode."""
