"""`docqa bench`: what it says and prints, and how quick the terminal application is."""
