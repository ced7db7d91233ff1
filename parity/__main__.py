"""``python -m parity`` is the same as ``parity``."""

from parity.cli import main

main()
