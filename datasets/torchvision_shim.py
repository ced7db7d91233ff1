"""torchvision, also beside a torch that its C++ operators do not load with.

Everything here gets torchvision from `import_torchvision`, and nothing imports it before it is
needed.
"""

from __future__ import annotations

import importlib
from types import ModuleType

# torchvision's wheel is built against CUDA. Beside a CPU build of torch its C++ library, which
# declares the operators, does not load; torchvision lets that pass, and then stumbles over the
# two operators it describes in Python: "operator torchvision::nms does not exist". Data sets and
# transforms need none of them, so it is enough that they are declared. Called, they still fail.
MISSING_OPERATORS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
INSTALLATION = 'python -m pip install "torch>=2.11" "torchvision>=0.26"'


class TorchvisionError(ImportError):
    """torchvision cannot be imported; the message is one sentence and ends in what to install."""


def import_torchvision() -> ModuleType:
    """The module `torchvision`; one that imports as it is is left alone.

    Raises `TorchvisionError` if it is missing, or fails for another reason than its operators.
    """
    try:
        try:
            return importlib.import_module("torchvision")
        except RuntimeError as error:
            if "operator torchvision::" not in str(error):
                raise
        _declare_missing_operators()
        return importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        problem = f"{error.name} is missing"
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        problem = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    raise TorchvisionError(f"torchvision cannot be imported ({problem}): run `{INSTALLATION}`.")


def _declare_missing_operators() -> None:
    import torch

    for name, schema in MISSING_OPERATORS.items():
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", schema)
