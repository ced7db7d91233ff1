"""Chapter 6: automatic differentiation, of numbers (``numbers``) and of arrays (``ndarrays``).

Both are nodes of a ``graph``. The book has the numbers, and says that PyTorch's tensors are the
same with arrays (chapter 7, "Class PyTorch Tensor").
"""

from scratch.autodiff.graph import Node
from scratch.autodiff.ndarrays import ArrayWithGrad
from scratch.autodiff.numbers import Numberable, NumberWithGrad, ensure_number

__all__ = ["Node", "Numberable", "NumberWithGrad", "ensure_number", "ArrayWithGrad"]
