"""The check-up: what is wrong with a network, its preprocessing, its labels and its weights."""
