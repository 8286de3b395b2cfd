"""Training the retriever: data, windows, steps, runs, and what their ingredients are worth."""
