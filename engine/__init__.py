"""The way from a question to its answer; `pipeline.py` is where to begin."""
