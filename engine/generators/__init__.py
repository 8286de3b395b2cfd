"""Evidence in, an answer out; `base.py` has the type."""
