"""Mistakes in the functions of chapter 1."""
