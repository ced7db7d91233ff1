"""Training the book's models on both sides, from the same weights and batches."""
