"""Appendix A, further: convolution and its gradients as a few large matrix products."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.conv.forms import Task
from scratch.conv.geometry import Geometry


def convolve(images: ndarray, filters: ndarray, geometry: Geometry) -> ndarray:
    """The filters at each stop on each image.

    Args:
        images: shape ``(batch, in, height, width)``.
        filters: shape ``(in, out, filter height, filter width)``.
        geometry: where the filters stop; they must fit.

    Returns:
        Shape ``(batch, out, stops down, stops across)``.
    """
    task = Task.of(images.shape, filters, geometry, np.result_type(images, filters))
    output = np.empty((task.batch, task.n_out, *task.stops), task.dtype)
    task.form().forward(_pad(images, geometry), output)
    return output


def convolve_input_grad(
    output_grad: ndarray, filters: ndarray, size: tuple[int, int], geometry: Geometry
) -> ndarray:
    """The gradient on the images of ``convolve``.

    Args:
        output_grad: shape ``(batch, out, stops down, stops across)``.
        filters: as for ``convolve``.
        size: height and width of the images.
        geometry: as for ``convolve``.

    Returns:
        Shape ``(batch, in, height, width)``.
    """
    shape = (len(output_grad), len(filters), *size)
    task = Task.of(shape, filters, geometry, np.result_type(output_grad, filters))
    padded = np.zeros((*shape[:2], *task.padded), task.dtype)
    task.form().input_grad(output_grad, padded)
    (above, _), (left, _) = geometry.margins
    return padded[:, :, above : above + size[0], left : left + size[1]]


def convolve_param_grad(
    images: ndarray, output_grad: ndarray, filters: ndarray, geometry: Geometry
) -> ndarray:
    """The gradient on the filters of ``convolve``, in their shape.

    Args:
        images: as for ``convolve``.
        output_grad: as for ``convolve_input_grad``.
        filters: of which only the shape counts.
        geometry: as for ``convolve``.
    """
    dtype = np.result_type(images, output_grad)
    task = Task.of(images.shape, filters, geometry, dtype)
    grad = task.form().param_grad(_pad(images, geometry), output_grad)
    return np.ascontiguousarray(grad)


def _pad(images: ndarray, geometry: Geometry) -> ndarray:
    """The images with their margins; themselves if there are none."""
    (above, below), (left, right) = geometry.margins
    if not (above or below or left or right):
        return images
    batch, channels, height, width = images.shape
    padded = np.zeros((batch, channels, *geometry.padded_size(height, width)), images.dtype)
    padded[:, :, above : above + height, left : left + width] = images
    return padded
