"""Chapter 7: t-SNE, which draws points of many dimensions as points of two.

The book refers to van der Maaten and Hinton, "Visualizing Data using t-SNE" (2008), and shows what
comes of it. ``affinities`` says which points are near each other among many dimensions,
``divergence`` how far a drawing is from that, with its gradient, and ``embedding`` finds a drawing.
Every pair of points is looked at: 1,000 points are a matter of seconds, 10,000 need gigabytes.
"""

from scratch.tsne.affinities import (
    conditional_probabilities,
    joint_probabilities,
    squared_distances,
)
from scratch.tsne.divergence import kl_divergence, kl_gradient, low_dimensional_affinities
from scratch.tsne.embedding import TSNE

__all__ = [
    "squared_distances",
    "conditional_probabilities",
    "joint_probabilities",
    "low_dimensional_affinities",
    "kl_divergence",
    "kl_gradient",
    "TSNE",
]
