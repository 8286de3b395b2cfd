"""Tables of a page: where they begin and end, and what stands over and beside their cells."""
