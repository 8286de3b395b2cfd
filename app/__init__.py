"""What a person touches: the command line (`cli.py`) and the terminal application."""
