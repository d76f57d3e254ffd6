"""Images that a network is sure of and that show nothing."""
