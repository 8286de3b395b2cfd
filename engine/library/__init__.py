"""The library on disk: documents, the questions asked of them, files that wait."""
