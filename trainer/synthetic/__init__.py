"""Questions written by a language model for documents that have none."""
