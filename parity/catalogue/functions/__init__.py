"""Catalogue of functions: of chapter 1, and those of chapter 4 that classification needs."""

from parity.catalogue.functions import classification, elementwise, matrices

COMPONENTS = (*elementwise.COMPONENTS, *matrices.COMPONENTS, *classification.COMPONENTS)
