"""Networks that the learned systems share."""
