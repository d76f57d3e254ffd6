"""What codes are good for: clusters, and classes learned from few labels."""
