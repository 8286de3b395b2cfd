"""The Mamba-2 model and its heads, and how they run; `README.md` here has what was tried."""
