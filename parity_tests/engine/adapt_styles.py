"""Components in styles that are not the book's, each with a mistake to make in it."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent


@dataclass(frozen=True)
class Style:
    """A right implementation, and how to make it wrong.

    Attributes:
        component: its name.
        source: the learner's file.
        right: a part of it.
        wrong: what to put in its place.
        mistake: the name of the mutant that this is.
    """

    component: str
    source: str
    right: str
    wrong: str
    mistake: str

    @property
    def mistaken(self) -> str:
        """The file with the mistake."""
        assert self.source.count(self.right) >= 1, self.right
        return self.source.replace(self.right, self.wrong)


def style(component: str, source: str, right: str, wrong: str, mistake: str) -> Style:
    return Style(component, f"import numpy as np\n{dedent(source)}", right, wrong, mistake)


SIGMOID = "1 / (1 + np.exp(-np.clip(x, -700, 700)))"


def _sigmoid(source: str) -> Style:
    filled = dedent(source).replace("SIGMOID", SIGMOID)
    return style("Sigmoid", filled, "y * (1 - y)", "y", "(1 - output) forgotten")


def _by_weights(backward: str, right: str, wrong: str, mistake: str) -> Style:
    source = f"""
class WeightMultiply:
    def __init__(self, weight): self.W = weight
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout): {backward}
"""
    return style("WeightMultiply", source, right, wrong, mistake)


ACTIVATIONS = """
class Sigmoid:
    def forward(self, x):
        self.y = 1 / (1 + np.exp(-x))
        return self.y
    def backward(self, dout): return dout * self.y * (1 - self.y)
class Linear:
    def forward(self, x): return x
    def backward(self, dout): return dout
"""

#: Set up at the first forward pass, weights and bias in attributes.
ATTRIBUTES = """
def __init__(self, neurons, activation=None):
    self.n, self.act, self.W = neurons, activation or Sigmoid(), None
def setup(self, n_in):
    if self.W is None:
        self.W, self.b = np.random.randn(n_in, self.n), np.random.randn(1, self.n)
"""

STORED = """
self.dW = self.x.T @ d
self.db = d.sum(axis=0, keepdims=True)
return d @ self.W.T
"""


def _dense(
    first: str = ATTRIBUTES,
    backward: str = STORED,
    right: str = "d.sum(axis=0",
    wrong: str = "d.mean(axis=0",
    mistake: str = "bias gradient averaged",
    names: tuple[tuple[str, str], ...] = (),
) -> Style:
    body = f"""
{first}
def forward(self, x):
    self.setup(x.shape[1])
    self.x = x
    return self.act.forward(x @ self.W + self.b)
def backward(self, dout):
    d = self.act.backward(dout)
{indent(dedent(backward), "    ")}
"""
    for old, new in names:
        body = body.replace(old, new)
    return style("Dense", f"{ACTIVATIONS}class Dense:{indent(body, '    ')}", right, wrong, mistake)


def _squares(source: str, right: str = "/ len(", wrong: str = "* 1 / np.size(") -> Style:
    return style("MeanSquaredError", source, right, wrong, "mean over elements")


def _sgd(source: str) -> Style:
    return style("SGD", source, "p -= ", "p += ", "climbs")


DROPOUT = """
class Dropout:
    def __init__(self, keep_prob=0.8): self.p = keep_prob
    def forward(self, x, training=True):
        if not training: return x * self.p
        self.mask = np.random.rand(*x.shape) < self.p
        return x * self.mask
    def backward(self, dout): return dout * self.mask
"""


def _dropout(*names: tuple[str, str]) -> Style:
    source = DROPOUT
    for old, new in names:
        source = source.replace(old, new)
    return style("Dropout", source, "return x * self.p", "return x", "not scaled at inference")


#: By the words of the contract.
STYLES = {
    "a class by itself": _sigmoid("""
        class Sigmoid:
            def forward(self, x):
                self.y = SIGMOID
                return self.y
            def backward(self, dout):
                y = self.y
                return dout * y * (1 - y)
        """),
    "__call__ for forward": _sigmoid("""
        class Sigmoid:
            def __call__(self, x):
                self.y = SIGMOID
                return self.y
            def backward(self, dout):
                y = self.y
                return dout * y * (1 - y)
        """),
    "a flag that must be given": _sigmoid("""
        class Sigmoid:
            def forward(self, x, train):
                self.y = SIGMOID
                return self.y
            def backward(self, dout):
                y = self.y
                return dout * y * (1 - y)
        """),
    "backward of the input": _sigmoid("""
        class Sigmoid:
            @staticmethod
            def forward(x): return SIGMOID
            @staticmethod
            def backward(dout, x):
                y = SIGMOID
                return dout * y * (1 - y)
        """),
    "input_grad kept": _sigmoid("""
        class Sigmoid:
            def forward(self, x):
                self.y = SIGMOID
                return self.y
            def backward(self, dout):
                y = self.y
                self.input_gradient = dout * y * (1 - y)
        """),
    "a function that makes the object": _sigmoid("""
        class Mine:
            def forward(self, x):
                self.y = SIGMOID
                return self.y
            def backward(self, dout):
                y = self.y
                return dout * y * (1 - y)
        def Sigmoid(): return Mine()
        """),
    "a function that returns the way back": _sigmoid("""
        def Sigmoid(x):
            y = SIGMOID
            def backward(dout): return dout * y * (1 - y)
            return y, backward
        """),
    "two functions": _sigmoid("""
        def sigmoid_forward(x):
            y = SIGMOID
            return y, y
        def sigmoid_backward(dout, y): return dout * y * (1 - y)
        PARITY = {"Sigmoid": ("sigmoid_forward", "sigmoid_backward")}
        """),
    "a tuple of gradients": _by_weights(
        "return dout @ self.W.T, self.x.T @ dout", "@ dout", "@ dout / len(dout)", "averaged"
    ),
    "dW": _by_weights(
        "self.dW = self.x.T @ dout; return dout @ self.W.T",
        "@ dout;", "@ dout / len(dout);", "averaged"
    ),
    "W_grad": _by_weights(
        "self.W_grad = self.x.T @ dout; return dout @ self.W.T",
        "@ dout;", "@ dout / len(dout);", "averaged"
    ),
    "grads": _by_weights(
        "self.grads = {'W': self.x.T @ dout}; return dout @ self.W.T",
        "@ dout}", "@ dout / len(dout)}", "averaged",
    ),
    "a dictionary of gradients": _by_weights(
        "return {'dx': dout @ self.W.T, 'dW': self.x.T @ dout}",
        "@ dout}", "@ dout / len(dout)}", "averaged"
    ),
    "all gradients kept": _by_weights(
        "self.dW = self.x.T @ dout; self.dx = dout @ self.W.T",
        "@ dout;", "@ dout / len(dout);", "averaged"
    ),
    "two functions of input and parameter": style("WeightMultiply", """
        def affine_forward(x, w): return x @ w, (x, w)
        def affine_backward(dout, cache):
            x, w = cache
            return dout @ w.T, x.T @ dout
        PARITY = {"WeightMultiply": ("affine_forward", "affine_backward")}
        """, "x.T @ dout", "x.T @ dout / len(x)", "averaged"),
    "beta1 and beta2": style("Adam", """
        class Adam:
            def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
                self.lr, self.beta1, self.beta2, self.eps, self.t = lr, beta1, beta2, eps, 0
            def step(self):
                params = list(self.net.params())
                if self.t == 0:
                    self.m, self.v = ([np.zeros_like(p) for p in params] for _ in range(2))
                self.t += 1
                for p, g, m, v in zip(params, self.net.param_grads(), self.m, self.v):
                    m += (1 - self.beta1) * (g - m)
                    v += (1 - self.beta2) * (g**2 - v)
                    m_hat, v_hat = m / (1 - self.beta1**self.t), v / (1 - self.beta2**self.t)
                    p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
        """, "p -= ", "p += ", "climbs"),
    "db": style("BiasAdd", """
        class BiasAdd:
            def __init__(self, b): self.b = b
            def forward(self, x): return x + self.b
            def backward(self, dout):
                self.db = dout.sum(axis=0, keepdims=True)
                return dout
        """, "dout.sum", "dout.mean", "averaged"),
    "attributes W and b": _dense(),
    "attributes weights and bias": _dense(
        names=(("self.W", "self.weights"), ("self.b", "self.bias"), ("dW", "grad_weights"),
               ("db", "grad_bias"))
    ),
    "a bias of one axis": _dense(names=(("randn(1, ", "randn("), (", keepdims=True", ""))),
    "params in a dictionary": _dense(
        names=(("self.W is None", "not self.params"), ("self.W = neurons", "self.params = neurons"),
               (", None\n", ", {}\n"), ("self.W, self.b =", "self.params['W'], self.params['b'] ="),
               ("self.W", "self.params['W']"), ("self.b", "self.params['b']"))
    ),
    "gradients in a dictionary": _dense(backward="""
        self.grads = {"b": d.sum(axis=0, keepdims=True), "W": self.x.T @ d}
        return d @ self.W.T
        """),
    "a layer's tuple of gradients": _dense(
        backward="return d @ self.W.T, self.x.T @ d, d.sum(axis=0, keepdims=True)"
    ),
    "params() as a method": _dense(ATTRIBUTES + """
def params(self): return [self.W, self.b]
def param_grads(self): return [self.dW, self.db]
"""),
    "other words for arguments": _dense(
        names=(("neurons", "units"), ("activation", "activation_fn"))
    ),
    "inputs and outputs": _dense("""
def __init__(self, n_in, n_out, activation=None):
    self.act = activation or Sigmoid()
    self.W, self.b = np.random.randn(n_in, n_out), np.random.randn(1, n_out)
def setup(self, n_in): pass
"""),
    "a loss by itself": _squares("""
        class MeanSquaredError:
            def forward(self, y_pred, y_true):
                self.d = y_pred - y_true
                return (self.d**2).sum() / len(self.d)
            def backward(self): return 2 * self.d / len(self.d)
        """),
    "the target first": _squares("""
        class MeanSquaredError:
            def forward(self, y_true, y_pred):
                self.d = y_pred - y_true
                return (self.d**2).sum() / len(self.d)
            def backward(self): return 2 * self.d / len(self.d)
        """),
    "a loss's backward of both": _squares("""
        class MeanSquaredError:
            def forward(self, y_pred, y_true): return ((y_pred - y_true)**2).sum() / len(y_pred)
            def backward(self, y_pred, y_true): return 2 * (y_pred - y_true) / len(y_pred)
        """),
    "a loss's backward of dout": _squares("""
        class MeanSquaredError:
            def forward(self, y_pred, y_true):
                self.d = y_pred - y_true
                return (self.d**2).sum() / len(self.d)
            def backward(self, dout): return dout * 2 * self.d / len(self.d)
        """),
    "loss and gradient": _squares("""
        class MeanSquaredError:
            def loss(self, y_pred, y_true): return ((y_pred - y_true)**2).sum() / len(y_pred)
            def gradient(self, y_pred, y_true): return 2 * (y_pred - y_true) / len(y_pred)
        """),
    "a function of loss and gradient": _squares("""
        def MeanSquaredError(y_pred, y_true):
            d = y_pred - y_true
            return (d**2).sum() / len(d), 2 * d / len(d)
        """),
    "training": _dropout(),
    "is_train, and not if not told": _dropout(("training=True", "is_train=False"),
                                              ("not training", "not is_train")),
    "self.training": _dropout((", training=True", ""), ("not training", "not self.training"),
                              ("self.p = keep_prob", "self.p = keep_prob; self.training = True")),
    "learning_rate": _sgd("""
        class SGD:
            def __init__(self, learning_rate=0.01): self.learning_rate = learning_rate
            def step(self):
                for p, g in zip(self.net.params(), self.net.param_grads()):
                    p -= self.learning_rate * g
        """),
    "update of params and grads": _sgd("""
        class SGD:
            def __init__(self, lr=0.01): self.lr = lr
            def update(self, params, grads):
                for p, g in zip(params, grads): p -= self.lr * g
        """),
    "the network in __init__": _sgd("""
        class SGD:
            def __init__(self, net, lr=0.01): self.net, self.lr = net, lr
            def step(self):
                for p, g in zip(self.net.params(), self.net.param_grads()): p -= self.lr * g
        """),
    "another name of a rate that changes": style("SGDMomentum", """
        class SGDMomentum:
            def __init__(self, eta=0.01, beta=0.9): self.eta, self.beta, self.v = eta, beta, None
            def step(self):
                params = list(self.net.params())
                if self.v is None: self.v = [np.zeros_like(p) for p in params]
                for p, g, v in zip(params, self.net.param_grads(), self.v):
                    v *= self.beta
                    v += self.eta * g
                    p -= v
        """, "p -= v", "p += v", "climbs"),
}  # fmt: skip
