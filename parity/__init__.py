"""The engine: catalogue, comparison, diagnosis, runner, reports, command line, pytest plugin."""

__version__ = "0.1.0"
