"""What a unit answers to, colour or form: its response to changed versions of its own images."""
