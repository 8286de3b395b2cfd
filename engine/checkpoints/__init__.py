"""Checkpoints: fetched, checked, converted, installed."""
