"""Mistakes in the functions of chapters 1 and 4."""
