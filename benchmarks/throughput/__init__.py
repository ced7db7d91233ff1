"""What ``benchmarks/gpu.py`` is made of: models, clocks, rates, training to an accuracy, tables."""
