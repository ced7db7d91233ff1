"""Which components a file defines: by name, by alias, by mapping; and whose work they are."""

from __future__ import annotations

from textwrap import dedent
from types import ModuleType

import pytest

from parity.catalogue import components
from parity.runner.names import MappingError, find_components


def found_in(source: str) -> dict[str, str]:
    """The components that a module of this source defines, and their kinds."""
    module = ModuleType("learners_file")
    exec(compile(dedent(source), "mine.py", "exec"), vars(module))
    return {name: kind for name, (_, kind) in find_components(module, components()).items()}


def value_in(source: str, name: str) -> object:
    module = ModuleType("learners_file")
    exec(compile(dedent(source), "mine.py", "exec"), vars(module))
    return find_components(module, components())[name][0]


def test_a_file_without_any_defines_none() -> None:
    assert found_in("import numpy as np\nx = 3\ndef my_square(x): return x") == {}


def test_components_are_found_by_name_in_the_order_of_the_book() -> None:
    source = "class Dense: pass\ndef relu(x): pass\ndef square(x): pass"
    assert list(found_in(source).items()) == [
        ("square", "function"),
        ("relu", "function"),
        ("Dense", "class"),
    ]


@pytest.mark.parametrize(
    "definition, kind",
    [
        ("square = lambda x: x * x", "function"),
        ("import numpy\nsquare = numpy.square", "function"),
        ("from functools import partial\nsquare = partial(pow, exp=2)", "function"),
        ("class S:\n    def __call__(self, x): return x\nsquare = S()", "function"),
        ("class square: pass", "class"),
        ("square = 4", "int"),
        ("square = 'four'", "str"),
        ("import math as square", "module"),
    ],
)
def test_what_a_name_stands_for_is_told(definition: str, kind: str) -> None:
    assert found_in(definition) == {"square": kind}


def test_a_name_that_stands_for_nothing_is_not_there() -> None:
    assert found_in("square = None") == {}


@pytest.mark.parametrize(
    "source",
    [
        "from scratch.functions import square, relu",
        "from scratch.dense import Dense, Layer",
        "import scratch.dense\nDense = scratch.dense.Dense",
        "from reference.functions import square",
        "from torch import square, relu, sigmoid",
        "from torch.optim import SGD",
        "from torch.nn import Linear, Sigmoid",
        "from torch.nn.functional import relu, sigmoid",
        "from scratch.functions import *",
        "from scratch.dense import Dense\nPARITY = {'Dense': Dense}",
        "from scratch.dense import Dense as D\nPARITY = {'Dense': 'D'}",
    ],
)
def test_what_is_imported_from_the_solutions_is_nobodys_own(source: str) -> None:
    assert found_in(source) == {}


def test_what_is_built_on_the_solutions_is() -> None:
    source = "import scratch.losses\nclass Loss(scratch.losses.Loss): pass"
    assert found_in(source) == {"Loss": "class"}


DENSE = "class Dense:\n    def __init__(self, neurons, activation=None{}): pass\n"


def test_an_addition_to_a_class_is_found_by_its_argument() -> None:
    assert found_in(DENSE.format("")) == {"Dense": "class"}
    assert found_in(DENSE.format(", *, dropout=1.0")) == dict.fromkeys(
        ["Dense", "Dense.dropout"], "class"
    )


def test_an_inherited_argument_counts() -> None:
    source = DENSE.format(", weight_init=''").replace("Dense", "Base") + "class Dense(Base): pass"
    assert set(found_in(source)) == {"Dense", "Dense.weight_init"}


def test_an_argument_of_a_helper_does_not_count() -> None:
    helper = "class Dense:\n    def _drop(self, x, dropout): pass\n"
    assert set(found_in(helper)) == {"Dense"}


@pytest.mark.parametrize(("rest", "counts"), [("", False), (", **others", True)])
def test_an_argument_counts_if_it_gets_to_the_method_that_has_it(rest: str, counts: bool) -> None:
    base = "class Base:\n    def __init__(self, neurons, dropout=1.0): pass\n"
    dense = f"class Dense(Base):\n    def __init__(self, neurons{rest}): pass\n"
    assert ("Dense.dropout" in found_in(base + dense)) == counts


def test_an_addition_may_be_shown_by_another_classs_argument() -> None:
    trainer = "class Trainer:\n    def fit(self): pass\n"
    network = "class NeuralNetwork:\n    def forward(self, x_batch, inference=False): pass\n"
    assert set(found_in(trainer)) == {"Trainer"}
    assert set(found_in(trainer + network)) == {
        "Trainer", "Trainer.inference", "NeuralNetwork", "NeuralNetwork.inference",
    }  # fmt: skip


NUMBER = "class NumberWithGrad{}:\n    def backward(self): pass\n"


@pytest.mark.parametrize("method", ["__sub__", "__truediv__", "__pow__", "exp", "zero_grad"])
def test_an_addition_may_be_shown_by_a_method(method: str) -> None:
    assert found_in(NUMBER.format("")) == {"NumberWithGrad": "class"}
    own = NUMBER.format("") + f"    def {method}(self, other=None): pass\n"
    assert set(found_in(own)) == {"NumberWithGrad", f"NumberWithGrad.{method}"}


def test_an_inherited_method_counts_but_none_of_pythons_own() -> None:
    base = "class Base:\n    def __sub__(self, other): pass\n" + NUMBER.format("(Base)")
    assert set(found_in(base)) == {"NumberWithGrad", "NumberWithGrad.__sub__"}
    assert set(found_in(NUMBER.format("(float)"))) == {"NumberWithGrad"}


def test_the_sum_shows_that_numbers_may_stand_on_its_left() -> None:
    """What the book leaves out (E19) is looked at all the same."""
    own = NUMBER.format("") + "    def __add__(self, other): pass\n"
    assert set(found_in(own)) == {"NumberWithGrad", "NumberWithGrad.__radd__"}


def test_no_argument_or_attribute_is_a_method() -> None:
    taken = "class NumberWithGrad:\n    exp = 2\n    def __init__(self, num, zero_grad=1): pass\n"
    assert set(found_in(taken)) == {"NumberWithGrad"}


def test_a_class_that_is_an_instance_takes_nothing() -> None:
    assert "Dense.dropout" not in found_in("Dense = 5")


def test_an_addition_cannot_be_mapped() -> None:
    with pytest.raises(MappingError, match=r"'Dense\.dropout', which is no component"):
        found_in(DENSE.format(", dropout=1.0") + "PARITY = {'Dense.dropout': Dense}")


LINEAR_GRADIENTS = "def loss_gradients(forward_info, weights): return {'W': 0, 'B': 0}\n"
NETWORK_GRADIENTS = "def loss_gradients(forward_info, weights): return {'W1': 0, 'B1': 0}\n"


def test_loss_gradients_belong_to_the_model_whose_weights_they_name() -> None:
    assert found_in(LINEAR_GRADIENTS) == {"loss_gradients_linear_regression": "function"}
    assert found_in(NETWORK_GRADIENTS) == {"loss_gradients_neural_network": "function"}


def test_predict_belongs_to_the_model_whose_weights_it_names() -> None:
    linear = "def predict(X, weights): return X @ weights['W'] + weights['B']"
    network = "def predict(X, weights): return X @ weights['W1'] + weights['B1']"
    assert found_in(linear) == {"predict_linear_regression": "function"}
    assert found_in(network) == {"predict_neural_network": "function"}


def test_forward_loss_is_the_networks() -> None:
    network = "def forward_loss(X, y, weights): return X @ weights['W1']"
    assert found_in(network) == {"forward_neural_network": "function"}
    assert found_in("def forward_loss(X, y, weights): return X @ weights['W']") == {}


@pytest.mark.parametrize(
    "body",
    [
        "for key in ('W1', 'B1'): pass",
        "return {key: 0 for key in ['W1', 'B1']}",
        "return [weights[k] for k in ('W1',)]",
        "if 'x' in {'W1', 'B1'}: return 0",
        "def inner(): return weights['W1']\n    return inner()",
        "return (lambda: weights['W1'])()",
    ],
)
def test_weights_may_be_named_anywhere_in_the_code(body: str) -> None:
    assert found_in(f"def predict(X, weights):\n    {body}") == {
        "predict_neural_network": "function"
    }


@pytest.mark.parametrize("value", ["4", "None", "int", "abs", "'W'"])
def test_an_alias_without_code_of_its_own_is_nothing(value: str) -> None:
    assert found_in(f"predict = {value}") == {}


def test_the_components_own_name_goes_before_an_alias() -> None:
    source = LINEAR_GRADIENTS + "def loss_gradients_linear_regression(i, w): return 'own'"
    assert value_in(source, "loss_gradients_linear_regression")(None, None) == "own"  # type: ignore[operator]


def test_a_mapping_names_what_is_called_otherwise() -> None:
    source = "def quadrat(x): pass\nclass Dicht: pass\n"
    mapping = "PARITY = {'square': 'quadrat', 'Dense': 'Dicht'}"
    assert found_in(source + mapping) == {"square": "function", "Dense": "class"}


def test_a_mapping_may_hold_the_things_themselves() -> None:
    assert found_in("PARITY = {'square': lambda x: x}") == {"square": "function"}
    assert found_in("class D: pass\nPARITY = {'Dense': D}") == {"Dense": "class"}


def test_a_mapping_goes_before_the_name() -> None:
    source = "def square(x): return 1\ndef mine(x): return 2\nPARITY = {'square': 'mine'}"
    assert value_in(source, "square")(0) == 2  # type: ignore[operator]


def test_what_the_mapping_leaves_out_is_still_found_by_name() -> None:
    source = "def relu(x): pass\ndef mine(x): pass\nPARITY = {'square': 'mine'}"
    assert found_in(source) == {"square": "function", "relu": "function"}


def test_a_mapping_to_something_of_the_wrong_kind_is_told_as_such() -> None:
    assert found_in("PARITY = {'square': 4}") == {"square": "int"}


@pytest.mark.parametrize(
    "mapping, words",
    [
        ("['square']", "must be a dictionary from component names to your own names, not list"),
        ("'square'", "must be a dictionary from component names to your own names, not str"),
        ("None", "must be a dictionary from component names to your own names, not NoneType"),
        ("{'sqare': 'square'}", "names 'sqare', which is no component"),
        ("{3: 'square'}", "names 3, which is no component"),
        ("{'square': 'mine'}", "maps square to 'mine', which the file does not define"),
        ("{'square': None}", "maps square to None"),
    ],
)
def test_a_wrong_mapping_is_refused_in_words(mapping: str, words: str) -> None:
    with pytest.raises(MappingError) as raised:
        found_in(f"PARITY = {mapping}")
    assert str(raised.value) == f"PARITY {words}"


def test_an_empty_mapping_changes_nothing() -> None:
    assert found_in("def square(x): pass\nPARITY = {}") == {"square": "function"}


BATCHES = "def generate_batches(self, X, y, size=32): return [(X, y, size)]"


@pytest.mark.parametrize(
    "source",
    [
        f"class Trainer:\n    {BATCHES}",
        "class Trainer:\n    @staticmethod\n    def generate_batches(X, y, size=32): "
        "return [(X, y, size)]",
        f"class Base:\n    {BATCHES}\nclass Trainer(Base): pass",
        f"class Trainer:\n    def __init__(self, net): raise ValueError\n    {BATCHES}",
        f"class Mine:\n    {BATCHES}\nPARITY = {{'Trainer': 'Mine'}}",
        f"class Mine:\n    {BATCHES}\nPARITY = {{'generate_batches': 'Mine.generate_batches'}}",
    ],
)
def test_generate_batches_may_be_a_method_as_in_the_book(source: str) -> None:
    assert found_in(source)["generate_batches"] == "function"
    assert value_in(source, "generate_batches")(1, 2, 3) == [(1, 2, 3)]  # type: ignore[operator]


def test_a_function_goes_before_the_method() -> None:
    source = f"class Trainer:\n    {BATCHES}\ndef generate_batches(X, y, size): return 'own'"
    assert value_in(source, "generate_batches")(1, 2, 3) == "own"  # type: ignore[operator]


@pytest.mark.parametrize(
    "source",
    [
        "class Trainer: pass",
        "class Trainer: generate_batches = None",
        "def Trainer(): pass",
        f"class Other:\n    {BATCHES}",
        f"class Trainer(int):\n    {BATCHES}",
    ],
)
def test_without_a_method_to_call_there_is_none(source: str) -> None:
    assert "generate_batches" not in found_in(source)


@pytest.mark.parametrize("own", ["Trainer.batches", "Nobody.generate_batches", "Trainer."])
def test_a_mapping_to_a_method_that_is_not_there_is_refused(own: str) -> None:
    with pytest.raises(MappingError) as raised:
        found_in(f"class Trainer: pass\nPARITY = {{'generate_batches': {own!r}}}")
    words = f"PARITY maps generate_batches to {own!r}, which the file does not define"
    assert str(raised.value) == words


def test_keys_may_be_in_small_letters_as_the_book_prints_them_once() -> None:
    source = "def predict(X, weights): return X @ weights['w1'] @ weights['w2']"
    assert found_in(source) == {"predict_neural_network": "function"}
