"""The runner: somebody else's code in a child process, with limits, answering in plain arrays."""
