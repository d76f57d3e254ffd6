"""What a module's own configuration says: its input, preprocessing and class names."""
