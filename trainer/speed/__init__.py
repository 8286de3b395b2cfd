"""The speed benchmark: rates, peers, memory, profile and plot."""
