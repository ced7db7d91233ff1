"""Training in PyTorch for real (chapter 7): devices, checkpoints, several processes, metrics.

``task`` says what is trained, ``compute`` on what, ``loop`` trains; ``directory``, ``checkpoints``
and ``metrics`` keep it. All of it imports torch.
"""
