"""The components of *Deep Learning from Scratch*, in PyTorch.

One module a topic, named as in ``scratch/``. No backward pass is written by hand here: autograd
says what is right.
"""
