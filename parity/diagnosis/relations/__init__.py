"""What relation a wrong result has to the right one, and where in an array it begins."""

from parity.diagnosis.relations.pairs import Relation, Sample
from parity.diagnosis.relations.search import relate
from parity.diagnosis.relations.starts import where_it_starts

__all__ = ["Relation", "Sample", "relate", "where_it_starts"]
