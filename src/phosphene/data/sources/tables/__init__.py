"""Sources that are tables: a row is an image, a column its pixels, its name or its label."""
