"""Mistakes in the recurrent networks of chapter 6."""
