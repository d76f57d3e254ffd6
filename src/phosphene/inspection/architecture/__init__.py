"""The network drawn, and the anatomy of one of its layers."""
