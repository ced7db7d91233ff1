"""Catalogue of chapter 6: automatic differentiation."""

from parity.catalogue.autodiff import arrays, beyond, numbers

COMPONENTS = (*numbers.COMPONENTS, *beyond.COMPONENTS, *arrays.COMPONENTS)
