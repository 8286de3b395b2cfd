"""Everything offline: data, training, benchmarks; `README.md` here has what was tried."""
