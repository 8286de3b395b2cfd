"""Figures of runs as one page, with tables and plots."""
