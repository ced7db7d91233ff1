"""What is wrong with what was found: which mistake, what relation, where to look next."""
