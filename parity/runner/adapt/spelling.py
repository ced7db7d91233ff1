"""Names that say the same, in the spellings in common use: of arguments, parameters, gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Other spellings of arguments; all in small letters and without underscores.
ARGUMENTS: Mapping[str, frozenset[str]] = {
    name: _words(others)
    for name, others in {
        "neurons": "units nneurons numneurons nunits outfeatures outputsize nout noutputs outdim "
        "outputdim outputs fanout numoutputs",
        "activation": "act activationfunction activationfn actfn nonlinearity",
        "out_channels": "outchannels outputchannels nfilters numfilters filters maps",
        "param_size": "kernelsize filtersize filsize ksize",
        "pool_size": "poolsize kernelsize size",
        "lr": "learningrate eta stepsize",
        "momentum": "beta mu",
        "loss": "lossfunction lossfn criterion",
        "layers": "layerlist",
    }.items()
}

#: How many inputs a layer has: what the book's finds out at the first forward pass.
INPUT_SIZE = _words(
    "nin ninputs infeatures inputsize inputs inputdim indim fanin numinputs nfeatures inchannels "
    "inputchannels channels"
)

INFERENCE = _words("inference isinference infer predicting")
TRAINING = _words("train training istrain istraining trainflg trainmode")

INPUT = _words("x input inp inputs xin xbatch")
PREDICTION = _words("prediction predictions pred preds ypred yhat output outputs logits p scores")
TARGET = _words("target targets ytrue y label labels actual actuals t truth")
UPSTREAM = _words("dout grad outputgrad gradoutput upstream gradout d dy dloss")

NETWORK = _words("net network model")
PARAMS = _words("params parameters weights")
GRADS = _words("grads gradients paramgrads paramgradients")

#: The two parameters of a layer, the weights first.
KINDS = (
    _words("w weight weights kernel kernels filter filters"),
    _words("b bias biases"),
)

_GRADIENT = ("d{}", "grad{}", "{}grad", "{}gradient", "grads{}", "gradient{}", "dld{}", "delta{}")


def gradients_of(names: frozenset[str]) -> frozenset[str]:
    """What a gradient on something of one of these names is called."""
    return frozenset(pattern.format(name) for pattern in _GRADIENT for name in names)


KIND_GRADS = tuple(gradients_of(names) for names in KINDS)
PARAM_GRAD = gradients_of(frozenset(["param"]))
INPUT_GRAD = gradients_of(INPUT)


def plain(name: str) -> str:
    """A name in small letters and without underscores."""
    return name.lower().replace("_", "")


def taken(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """The arguments that something callable takes; None where Python does not know."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def required(function: Callable[..., Any]) -> list[str] | None:
    """The names of those without a default."""
    arguments = taken(function)
    return None if arguments is None else [p.name for p in arguments if is_required(p)]


def is_required(argument: inspect.Parameter) -> bool:
    """Whether a call must give it."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return argument.default is inspect.Parameter.empty and argument.kind not in kinds


def binds(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether something can be called like that; True where Python does not know."""
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def spelled(own: Callable[..., Any], name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Keywords as a learner's class spells them.

    ``seed`` is left out where the class does not take it: the book's layers get it later, too.

    Raises:
        TypeError: there is no argument, or more than one, that can be meant; says so.
    """
    arguments = taken(own)
    if arguments is None or binds(own, (), kwargs):
        return kwargs
    names = [p.name for p in arguments if p.kind is not inspect.Parameter.VAR_KEYWORD]
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in arguments)
    result = {}
    for key, value in kwargs.items():
        others = [n for n in names if plain(n) in ARGUMENTS.get(key, ()) and n not in kwargs]
        each = [n for n in names if plain(n) in ("beta1", "beta2")]
        if key in names or takes_all:
            result[key] = value
        elif len(others) == 1:
            result[others[0]] = value
        elif key == "betas" and len(each) == 2:
            result.update(zip(sorted(each, key=plain), value, strict=True))
        elif key != "seed":
            raise TypeError(
                f"{name} takes {', '.join(names) or 'nothing'}, and no {key}; expected "
                f"{name}({', '.join(f'{k}=' for k in kwargs)})"
            )
    return result
