"""Small changes that turn an answer, and how robust a network is against them."""
