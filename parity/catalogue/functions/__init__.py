"""Catalogue of chapter 1."""

from parity.catalogue.functions import elementwise, matrices

COMPONENTS = (*elementwise.COMPONENTS, *matrices.COMPONENTS)
