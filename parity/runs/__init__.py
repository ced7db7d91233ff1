"""Training in PyTorch for real (chapter 7): devices, checkpoints, several processes, metrics.

``task`` says what is trained, ``compute`` on what, ``loop`` trains; ``state`` is what has to be
kept, ``keeping`` does so, with ``directory``, ``checkpoints`` and ``metrics``. All of it imports
torch.
"""
