"""Checking a learner's file: what it has, run in child processes, and the verdicts on it."""
