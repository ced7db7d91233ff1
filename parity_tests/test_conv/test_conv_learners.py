"""Convolutions as learners write them: slow loops that are right pass in time, and what the
appendix prints is named.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.checking.file import check_file
from parity.verdict import Verdict

LOOPS = """
import numpy as np
from scratch.activations import Sigmoid
from scratch.conv import Flatten
from scratch.dense import Layer
from scratch.dropout import Dropout
from scratch.operations import ParamOperation


def around(images, n):
    return np.pad(images, ((0, 0), (0, 0), (n, n), (n, n)))


class Conv2DOperation(ParamOperation):
    def places(self):
        n, _, height, width = self.input_.shape
        n_in, n_out, size, _ = self.param.shape
        return np.ndindex(n, n_in, n_out, height, width, size, size)

    def _output(self):
        size = self.param.shape[2]
        images = around(self.input_, size // 2)
        n, _, height, width = self.input_.shape
        out = np.zeros((n, self.param.shape[1], height, width))
        for i, c, m, h, w, a, b in self.places():
            out[i, m, h, w] += self.param[c, m, a, b] * images[i, c, h + a, w + b]
        return out

    def _input_grad(self, output_grad):
        size = self.param.shape[2]
        grads = around(output_grad, size // 2)
        result = np.zeros_like(self.input_)
        for i, c, m, h, w, a, b in self.places():
            above, left = h + size - 1 - a, w + size - 1 - b
            result[i, c, h, w] += self.param[c, m, a, b] * grads[i, m, above, left]
        return result

    def _param_grad(self, output_grad):
        images = around(self.input_, self.param.shape[2] // 2)
        result = np.zeros_like(self.param)
        for i, c, m, h, w, a, b in self.places():
            result[c, m, a, b] += images[i, c, h + a, w + b] * output_grad[i, m, h, w]
        return result


class Conv2D(Layer):
    def __init__(self, out_channels, param_size, activation=None, flatten=False, dropout=1.0,
                 weight_init="standard"):
        super().__init__(out_channels)
        self.maps, self.size = out_channels, param_size
        self.activation = Sigmoid() if activation is None else activation
        self.flatten, self.dropout, self.weight_init = flatten, dropout, weight_init

    def _setup_layer(self, input_):
        n_in = input_.shape[1]
        scale = 1.0
        if self.weight_init == "glorot":
            scale = np.sqrt(2 / (n_in + self.maps)) / self.size
        W = scale * np.random.randn(n_in, self.maps, self.size, self.size)
        self.params = [W]
        self.operations = [Conv2DOperation(W), self.activation]
        if self.flatten:
            self.operations.append(Flatten())
        if self.dropout < 1:
            self.operations.append(Dropout(self.dropout))
"""

#: Square images, three channels, patches by position, and a filter that is not flipped.
APPENDIX = """
import numpy as np
from scratch.operations import ParamOperation


def patches(images, size):
    padded = np.pad(images, ((0, 0), (0, 0), (size // 2,) * 2, (size // 2,) * 2))
    stops = range(padded.shape[2] - size + 1)
    return np.stack([padded[:, :, h:h + size, w:w + size] for h in stops for w in stops])


class Conv2DOperation(ParamOperation):
    def _output(self):
        n, _, height, _ = self.input_.shape
        rows = patches(self.input_, self.param.shape[2]).transpose(1, 0, 2, 3, 4)
        rows = rows.reshape(n, height * height, -1)
        columns = self.param.transpose(0, 2, 3, 1).reshape(rows.shape[2], -1)
        return (rows @ columns).reshape(n, height, height, -1).transpose(0, 3, 1, 2)

    def _input_grad(self, output_grad):
        n, channels, height, _ = self.input_.shape
        rows = patches(output_grad, self.param.shape[2]).transpose(1, 0, 2, 3, 4)
        rows = rows.reshape(n * height * height, -1)
        grad = rows @ FILTERS.reshape(channels, -1).T
        return grad.reshape(n, height, height, CHANNELS).transpose(0, 3, 1, 2)

    def _param_grad(self, output_grad):
        n, channels, height, _ = self.input_.shape
        size = self.param.shape[2]
        rows = patches(self.input_, size)ORDER.reshape(n * height * height, -1)
        grads = output_grad.transpose(0, 2, 3, 1).reshape(n * height * height, -1)
        return (rows.T @ grads).reshape(channels, size, size, -1).transpose(0, 3, 1, 2)
"""


def checked(tmp_path: Path, source: str, names: list[str]) -> list[Verdict]:
    file = tmp_path / "mine.py"
    file.write_text(source, encoding="utf-8")
    return [verdict for verdict in check_file(file, names).verdicts if verdict.component in names]


def test_loops_that_are_right_pass_in_time(tmp_path: Path) -> None:
    names = ["Conv2DOperation", "Conv2D", "Conv2D.dropout", "Conv2D.weight_init"]
    assert [(v.component, v.status) for v in checked(tmp_path, LOOPS, names)] == [
        (name, "passed") for name in names
    ]


@pytest.mark.parametrize(
    "filters, channels, order, name, errata",
    [
        ("self.param", "3", "", "the appendix as printed", "E17"),
        (
            "self.param",
            "channels",
            "",
            "height for both axes, filter not flipped, patches in another order",
            "E17",
        ),
        (
            "self.param[:, :, ::-1, ::-1]",
            "channels",
            "",
            "height for both axes, patches in another order",
            "E16",
        ),
        (
            "self.param[:, :, ::-1, ::-1]",
            "channels",
            ".transpose(1, 0, 2, 3, 4)",
            "height for both axes",
            "E15",
        ),
    ],
)
def test_what_the_appendix_prints_is_named_however_much_of_it_is_mended(
    tmp_path: Path, filters: str, channels: str, order: str, name: str, errata: str
) -> None:
    source = APPENDIX.replace("FILTERS", filters).replace("CHANNELS", channels)
    [verdict] = checked(tmp_path, source.replace("ORDER", order), ["Conv2DOperation"])
    assert verdict.status == "differs"
    named = {failure.mutant for failure in verdict.failures}
    assert {(mutant.name, mutant.errata) for mutant in named if mutant} == {(name, errata)}
    assert None not in named
