"""What the axes of an array mean, by what a component is given."""

from __future__ import annotations

from parity.diagnosis.relations.pairs import Sample

#: Results and inputs that hold a parameter or its gradient begin with one of these.
_PARAMETERS = ("param", "deriv", "grads", "weights", "W", "B", "P_", "bias")

#: What tells that the axis after the batch is time, and how many axes it has.
_RECURRENT = {"x_seq_in": 3, "x_batch": 3, "prediction": 3, "indices": 2}

_IMAGES = ("inp", "obs", "input_obs")


def is_parameter(name: str) -> bool:
    """Whether a result or input of that name is a parameter, or its gradient."""
    return name.startswith(_PARAMETERS)


def is_sequence(sample: Sample, ndim: int) -> bool:
    """Whether an array of the case with so many axes, and no parameter, has time as axis 1."""
    return ndim == 3 and any(
        array.ndim == _RECURRENT.get(name) for name, array in sample.inputs.items()
    )


def spatial_axes(sample: Sample, ndim: int) -> int:
    """How many axes at the end of an array of the case are those of an image; 0 if it has none."""
    if ndim == 4:
        return 2
    filters = [sample.inputs[name] for name in ("param", "W") if name in sample.inputs]
    if not filters or not any(name in sample.inputs for name in _IMAGES):
        return 0
    spatial = min(2, filters[0].ndim)
    return spatial if ndim >= spatial else 0


def axis_names(sample: Sample, name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """One word for each axis of a result or an input: "batch", "time", "height"; "axis 1" where
    that is all there is to say.
    """
    ndim = len(shape)
    unknown = tuple(f"axis {i}" for i in range(ndim))
    if is_parameter(name):
        filters = ("in-channel", "out-channel", "filter height", "filter width")
        return filters if ndim == 4 else unknown
    if is_sequence(sample, ndim):
        return ("batch", "time", "feature")
    if spatial := spatial_axes(sample, ndim):
        before = ("channel",) if ndim == 3 and _IMAGES[0] not in sample.inputs else ("batch",)
        ends = ("height", "width") if spatial == 2 else ("length",)
        return (*before, "channel")[: ndim - spatial] + ends
    if ndim < 2 or shape[0] != _batch(sample):
        return unknown
    return ("batch", "feature") if ndim == 2 else ("batch", *unknown[1:])


def axis_words(names: tuple[str, ...], axis: int) -> str:
    """An axis in a sentence: "the time axis", "axis 1"."""
    return names[axis] if names[axis].startswith("axis") else f"the {names[axis]} axis"


def _batch(sample: Sample) -> int | None:
    """How many rows the data of a case have; None for single images and for parameters alone."""
    for name, array in sample.inputs.items():
        if array.ndim >= 2 and not is_parameter(name):
            return None if name in _IMAGES and array.ndim < 4 else array.shape[0]
    return None
