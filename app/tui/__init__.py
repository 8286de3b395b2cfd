"""The terminal application; `application.py` is where it begins."""
