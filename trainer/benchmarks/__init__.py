"""Suites: documents with questions whose evidence is known; `base.py` has the type."""
