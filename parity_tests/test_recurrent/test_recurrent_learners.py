"""Recurrent layers as learners write them who follow the book: what is right passes, under the
names of the book's companion code as well, and a mistake is named where it was made.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.checking.file import check_file, find
from parity.verdict import Verdict

#: Layers of nodes that are written elsewhere; all numbers are of float64, drawn from no seed.
LAYERS = """
import numpy as np
from scratch.losses import Loss
from scratch.recurrent import GRUNode, LSTMNode, RNNNode


class Sequences:
    def __init__(self, hidden_size, output_size, weight_scale=None):
        self.hidden_size, self.output_size = hidden_size, output_size
        self.weight_scale = weight_scale
        self.start_H = np.zeros((1, hidden_size))
        self.first = True

    def _init_params(self, x_seq_in):
        _, length, self.features = x_seq_in.shape
        if not self.weight_scale:
            self.weight_scale = 2 / (self.features + self.output_size)
        shapes = self._shapes()
        shapes["W_v"], shapes["B_v"] = (self.hidden_size, self.output_size), (1, self.output_size)
        self.params = {}
        for name in sorted(shapes):
            value = np.random.normal(scale=self.weight_scale, size=shapes[name])
            self.params[name] = {"value": value, "deriv": np.zeros_like(value)}
        self.cells = [self.Node() for _ in range(length)]

    def _clear_gradients(self):
        for param in self.params.values():
            param["deriv"] = np.zeros_like(param["deriv"])

    def forward(self, x_seq_in):
        if self.first:
            self._init_params(x_seq_in)
            self.first = False
        batch, length, _ = x_seq_in.shape
        H = np.repeat(self.start_H, batch, axis=0)
        out = np.zeros((batch, length, self.output_size))
        for t in range(length):
            out[:, t, :], H = self.cells[t].forward(x_seq_in[:, t, :], H, self.params)
        self.start_H = H.mean(axis=0, keepdims=True)
        return out

    def backward(self, x_seq_out_grad):
        batch, length, _ = x_seq_out_grad.shape
        H_grad = np.zeros((batch, self.hidden_size))
        result = np.zeros((batch, length, self.features))
        for t in reversed(range(length)):
            x_grad, H_grad = self.cells[t].backward(x_seq_out_grad[:, t, :], H_grad, self.params)
            result[:, t, :] = x_grad
        return result


class RNNLayer(Sequences):
    Node = RNNNode

    def _shapes(self):
        both = self.features + self.hidden_size
        return {"W_f": (both, self.hidden_size), "B_f": (1, self.hidden_size)}


class GRULayer(Sequences):
    Node = GRUNode

    def _shapes(self):
        shapes = {}
        for gate in "ruh":
            shapes["W_x" + gate] = (self.features, self.hidden_size)
            shapes["W_h" + gate] = (self.hidden_size, self.hidden_size)
            shapes["B_" + gate] = (1, self.hidden_size)
        return shapes


class LSTMLayer(Sequences):
    Node = LSTMNode

    def __init__(self, hidden_size, output_size, weight_scale=0.01):
        super().__init__(hidden_size, output_size, weight_scale)
        self.start_C = np.zeros((1, hidden_size))

    def _shapes(self):
        shapes = {}
        for gate in "fico":
            shapes["W_" + gate] = (self.features + self.hidden_size, self.hidden_size)
            shapes["B_" + gate] = (1, self.hidden_size)
        return shapes

    def forward(self, x_seq_in):
        if self.first:
            self._init_params(x_seq_in)
            self.first = False
        batch, length, _ = x_seq_in.shape
        H, C = (np.repeat(start, batch, axis=0) for start in (self.start_H, self.start_C))
        out = np.zeros((batch, length, self.output_size))
        for t in range(length):
            out[:, t, :], H, C = self.cells[t].forward(x_seq_in[:, t, :], H, C, self.params)
        self.start_H = H.mean(axis=0, keepdims=True)
        self.start_C = C.mean(axis=0, keepdims=True)
        return out

    def backward(self, x_seq_out_grad):
        batch, length, _ = x_seq_out_grad.shape
        H_grad, C_grad = np.zeros((2, batch, self.hidden_size))
        result = np.zeros((batch, length, self.features))
        for t in reversed(range(length)):
            result[:, t, :], H_grad, C_grad = self.cells[t].backward(
                x_seq_out_grad[:, t, :], H_grad, C_grad, self.params
            )
        return result


class SequenceSoftmaxCrossEntropy(Loss):
    def _output(self):
        steps = self.prediction.shape[0] * self.prediction.shape[1]
        shifted = self.prediction - self.prediction.max(axis=2, keepdims=True)
        p = np.exp(shifted) / np.exp(shifted).sum(axis=2, keepdims=True)
        self.p, self.steps = np.clip(p, 1e-9, 1 - 1e-9), steps
        return -np.sum(self.target * np.log(self.p)) / steps

    def _input_grad(self):
        return (self.p - self.target) / self.steps


class RNNModel:
    def __init__(self, layers, sequence_length, vocab_size, loss):
        self.layers, self.loss = layers, loss
        for layer in self.layers:
            layer.sequence_length = sequence_length

    def forward(self, x_batch):
        for layer in self.layers:
            x_batch = layer.forward(x_batch)
        return x_batch

    def backward(self, loss_grad):
        for layer in reversed(self.layers):
            loss_grad = layer.backward(loss_grad)

    def single_step(self, x_batch, y_batch):
        loss = self.loss.forward(self.forward(x_batch), y_batch)
        for layer in self.layers:
            layer._clear_gradients()
        self.backward(self.loss.backward())
        return loss


def clip_by_value(grads, limit=2.0):
    for grad in grads:
        np.clip(grad, -limit, limit, grad)


def clip_by_norm(grads, max_norm):
    grads = list(grads)
    norm = np.sqrt(sum((grad**2).sum() for grad in grads))
    factor = max_norm / (norm + 1e-6)
    if factor < 1:
        for grad in grads:
            grad *= factor
    return norm
"""

NAMES = [
    "RNNLayer",
    "GRULayer",
    "LSTMLayer",
    "SequenceSoftmaxCrossEntropy",
    "RNNModel",
    "clip_by_value",
    "clip_by_norm",
]


def written(tmp_path: Path, source: str) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(source, encoding="utf-8")
    return file


def verdict_on(tmp_path: Path, source: str, name: str) -> Verdict:
    [verdict] = check_file(written(tmp_path, source), [name]).verdicts
    return verdict


def with_mistake(right: str, wrong: str, count: int = -1) -> str:
    assert right in LAYERS
    return LAYERS.replace(right, wrong, count)


def test_what_follows_the_book_and_its_companion_code_passes(tmp_path: Path) -> None:
    verdicts = check_file(written(tmp_path, LAYERS), NAMES).verdicts
    assert {verdict.component: verdict.status for verdict in verdicts} == dict.fromkeys(
        NAMES, "passed"
    )


def test_so_do_the_other_names_and_layers_without_a_scale(tmp_path: Path) -> None:
    source = (
        LAYERS.replace("_clear_gradients", "clear_gradients")
        .replace("single_step", "train_batch")
        .replace("layers, sequence_length, vocab_size, loss", "layers, loss")
        .replace("layer.sequence_length = sequence_length", "pass")
        .replace("hidden_size, output_size, weight_scale=None", "hidden_size, output_size")
        .replace("hidden_size, output_size, weight_scale=0.01", "hidden_size, output_size")
        .replace("hidden_size, output_size, weight_scale)", "hidden_size, output_size)")
        .replace("self.weight_scale = weight_scale", "self.weight_scale = None")
    )
    verdicts = check_file(written(tmp_path, source), NAMES[:5]).verdicts
    assert [verdict.component for verdict in verdicts if not verdict.passed] == []


def test_what_the_project_adds_is_looked_at_where_a_file_has_it_only(tmp_path: Path) -> None:
    assert set(find(written(tmp_path, LAYERS))) == set(NAMES)
    source = with_mistake("hidden_size, output_size, weight_scale=None", "*sizes, carry_state=True")
    assert "RNNLayer.carry_state" in find(written(tmp_path, source))


@pytest.mark.parametrize("like", ["value", "deriv"])
def test_a_step_may_put_new_zeros_in_place_of_the_gradients(like: str, tmp_path: Path) -> None:
    source = with_mistake(
        "            layer._clear_gradients()",
        f"""            for param in layer.params.values():
                param["deriv"] = np.zeros_like(param["{like}"])""",
    )
    model = source[source.index("class RNNModel") : source.index("def clip_by_value")]
    for file in (source, f"import numpy as np\n{model}"):  # its own layers, and ours
        assert verdict_on(tmp_path, file, "RNNModel").passed


IN_COMMON = """
class {kind}({kind}):
    params = {{}}

    def _init_params(self, x_seq_in):
        super()._init_params(x_seq_in)
        own = self.params
        del self.params
        self.params.update(own)
"""


NODES_IN_COMMON = """
class {kind}({kind}):
    cells = []

    def _init_params(self, x_seq_in):
        super()._init_params(x_seq_in)
        own = self.cells
        del self.cells
        self.cells.extend(own)
"""


@pytest.mark.parametrize("kind", ["RNNLayer", "GRULayer", "LSTMLayer"])
@pytest.mark.parametrize("what, more", [("parameters", IN_COMMON), ("nodes", NODES_IN_COMMON)])
def test_what_layers_have_in_common_is_named(
    what: str, more: str, kind: str, tmp_path: Path
) -> None:
    verdict = verdict_on(tmp_path, LAYERS + more.format(kind=kind), kind)
    mutants = {failure.mutant for failure in verdict.failures}
    assert {mutant and mutant.name for mutant in mutants} == {f"{what} shared among layers"}


def test_a_model_of_layers_with_parameters_in_common_fails(tmp_path: Path) -> None:
    verdict = verdict_on(tmp_path, LAYERS + IN_COMMON.format(kind="RNNLayer"), "RNNModel")
    cases = {failure.case.name for failure in verdict.failures}
    assert cases == {"two layers of one kind, all parts from the file"}


def test_a_start_state_in_common_fails(tmp_path: Path) -> None:
    source = with_mistake(
        "self.start_H = H.mean(axis=0, keepdims=True)",
        "type(self).start_H = property(lambda self: type(self).common, put); "
        "type(self).common = H.mean(axis=0, keepdims=True)",
    )
    source += "\n\ndef put(self, state):\n    type(self).common = state\n"
    verdict = verdict_on(tmp_path, source, "RNNLayer")
    assert {failure.case.name for failure in verdict.failures} == {
        "another layer of the kind beside it"
    }


@pytest.mark.parametrize("kind", ["RNNLayer", "GRULayer", "LSTMLayer"])
def test_a_later_batch_may_be_shorter(kind: str, tmp_path: Path) -> None:
    source = with_mistake(
        "batch, length, _ = x_seq_out_grad.shape",
        "batch, length = len(x_seq_out_grad), len(self.cells)",
    )
    verdict = verdict_on(tmp_path, source, kind)
    assert verdict.failures == []
    assert {error.case for error in verdict.errors} == {"fewer time steps in the next batch"}


@pytest.mark.parametrize(
    "name, right, wrong, result, mutant",
    [
        (
            "RNNLayer",
            "H = np.repeat(self.start_H",
            "H = np.repeat(0 * self.start_H",
            "output of the next batch",
            "start state ignored",
        ),
        (
            "GRULayer",
            "H.mean(axis=0, keepdims=True)",
            "H[:1]",
            "start_H",
            "first row's state carried",
        ),
        (
            "RNNLayer",
            "[self.Node() for _ in range(length)]",
            "[self.Node()] * length",
            "input_grad",
            "one node for all steps",
        ),
        (
            "GRULayer",
            "x_grad, H_grad = self",
            "x_grad, _ = self",
            "input_grad",
            "state gradient dropped",
        ),
        (
            "LSTMLayer",
            "result[:, t, :], H_grad, C_grad =",
            "result[:, t, :], H_grad, _ =",
            "input_grad",
            "cell's gradient dropped",
        ),
        (
            "LSTMLayer",
            "self.start_C = C.mean",
            "self.start_C = H.mean",
            "start_C",
            "hidden state carried as cell's",
        ),
        (
            "RNNModel",
            "layer._clear_gradients()",
            "pass",
            "deriv[RNNLayer 1, W_f] of the next batch",
            "gradients not cleared",
        ),
        (
            "SequenceSoftmaxCrossEntropy",
            "(axis=2, keepdims",
            "(axis=1, keepdims",
            "loss",
            "softmax over time",
        ),
    ],
)
def test_a_mistake_is_named(
    name: str, right: str, wrong: str, result: str, mutant: str, tmp_path: Path
) -> None:
    verdict = verdict_on(tmp_path, with_mistake(right, wrong), name)
    assert verdict.status == "differs"
    named = {failure.result: failure.mutant for failure in verdict.failures}
    assert {each.name for each in named.values() if each} == {mutant}
    assert named[result] is not None


def test_the_loss_as_the_book_prints_it_is_named(tmp_path: Path) -> None:
    """Not divided by anything, with the other half of the entropy, which its gradient lacks."""
    source = with_mistake(
        "-np.sum(self.target * np.log(self.p)) / steps",
        "-np.sum(self.target * np.log(self.p) + (1 - self.target) * np.log(1 - self.p))",
    ).replace("(self.p - self.target) / self.steps", "self.p - self.target")
    verdict = verdict_on(tmp_path, source, "SequenceSoftmaxCrossEntropy")
    first = verdict.failures[0].mutant
    assert first is not None
    assert (first.name, first.errata) == ("as printed, not divided", "E9")


def test_a_node_that_is_wrong_is_told_of_once(tmp_path: Path) -> None:
    """The layer made of it says that it rests on it."""
    node = """
from scratch import recurrent


class RNNNode(recurrent.RNNNode):
    def backward(self, X_out_grad, H_out_grad, params):
        return super().backward(X_out_grad, 0 * H_out_grad, params)
"""
    source = LAYERS.replace("GRUNode, LSTMNode, RNNNode", "GRUNode, LSTMNode") + node
    layer = source[source.index("class RNNLayer") : source.index("class GRULayer")]
    file = written(tmp_path, source.replace(layer, "") + layer)
    verdicts = check_file(file, ["RNNNode", "RNNLayer", "GRULayer"]).verdicts
    assert {verdict.component: verdict.rests_on for verdict in verdicts} == {
        "RNNNode": [],
        "RNNLayer": ["RNNNode"],
        "GRULayer": [],
    }
    assert [verdict.component for verdict in verdicts if verdict.passed] == ["GRULayer"]


def test_weights_that_are_all_alike_are_refused(tmp_path: Path) -> None:
    source = with_mistake("np.random.normal(scale=self.weight_scale, size=", "np.ones(")
    verdict = verdict_on(tmp_path, source, "GRULayer")
    assert {failure.result for failure in verdict.failures} == {"W_xr"}
    assert "draw it at random" in verdict.failures[0].difference.message


@pytest.mark.parametrize("shown", ["list(self.own.values())", "{'W': self.own['W_f']}", "None"])
def test_parameters_of_another_form_are_told_of(shown: str, tmp_path: Path) -> None:
    source = f"""{LAYERS}
class RNNLayer(RNNLayer):
    def forward(self, x_seq_in):
        if not self.first:
            self.params = self.own
        out = super().forward(x_seq_in)
        self.own, self.params = self.params, None
        self.params = {shown}
        return out
"""
    verdict = verdict_on(tmp_path, source, "RNNLayer")
    assert {failure.result for failure in verdict.failures} == {"params"}
    for failure in verdict.failures:
        assert "must be a dictionary of W_f, B_f, W_v, B_v" in failure.difference.message


def test_a_layer_that_cannot_be_cleared_is_told_so(tmp_path: Path) -> None:
    verdict = verdict_on(tmp_path, with_mistake("_clear_gradients", "forget"), "RNNLayer")
    assert {failure.result for failure in verdict.failures} == {"clearing sets every deriv to 0"}
