"""Catalogue of chapters 3 and 4: the training loop and its helpers.

Their results depend on a random order, so what is compared is what must hold in any order.
"""

from parity.catalogue.training import batches, trainer

COMPONENTS = (*batches.COMPONENTS, *trainer.COMPONENTS)
