"""Financial statements: their lines, what readers call them, and their figures by the year."""
