"""Mistakes in the parts of t-SNE."""
