"""A question as its document would put it, its names, and what kind of words it asks for."""
