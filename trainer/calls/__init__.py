"""Calls of a language model, kept in a file: none is made twice."""
