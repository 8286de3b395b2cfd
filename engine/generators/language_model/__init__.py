"""Answers written by a language model, in this process or behind a server, and checked."""
