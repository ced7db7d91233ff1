"""Catalogue of chapter 6: automatic differentiation."""

from parity.catalogue.autodiff import arrays, numbers

COMPONENTS = (*numbers.COMPONENTS, *arrays.COMPONENTS)
