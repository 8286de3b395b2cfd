"""Files become documents: pages of text in reading order, cut into sentences."""
