"""A question as its document would put it, and the names that it has."""
