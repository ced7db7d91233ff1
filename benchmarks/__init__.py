"""How fast the two sides are, measured side by side; no test asserts any of it."""
