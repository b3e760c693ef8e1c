"""Fits of quality: perplexity and accuracy after compression, loss laws, batch size, from published rows alone."""
