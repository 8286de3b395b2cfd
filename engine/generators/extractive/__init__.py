"""Answers without a language model: quotations, opened with the words or figures asked for."""
