"""A question and a document in, a score for every sentence out; `retriever.py` has the type."""
