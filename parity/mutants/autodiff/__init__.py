"""Mistakes in automatic differentiation."""
