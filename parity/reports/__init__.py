"""What people read, and what programs do, of a check: in the terminal, as JSON, as a page."""
