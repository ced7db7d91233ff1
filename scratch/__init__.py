"""The components of *Deep Learning from Scratch*, in NumPy alone.

One module a topic, named as in ``reference/``, its PyTorch twin:
``functions`` (chapter 1), ``regression`` (chapter 2), ``operations``, ``activations``, ``dense``,
``losses``, ``network``, ``optimizers``, ``training`` and ``models`` (chapter 3).
"""
