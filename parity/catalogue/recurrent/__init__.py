"""Catalogue of chapter 6: recurrent networks."""

from parity.catalogue.recurrent import clipping, layers, loss, model, nodes

COMPONENTS = (
    *nodes.COMPONENTS,
    *layers.COMPONENTS,
    *loss.COMPONENTS,
    *model.COMPONENTS,
    *clipping.COMPONENTS,
)
