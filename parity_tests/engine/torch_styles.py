"""Components written in PyTorch, each with a mistake to make in it."""

from __future__ import annotations

from textwrap import dedent

from parity_tests.engine.adapt_styles import Style

HEADER = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def _style(component: str, source: str, right: str, wrong: str, mistake: str) -> Style:
    return Style(component, HEADER + dedent(source), right, wrong, mistake)


def _module(
    component: str, output: str, right: str, wrong: str, mistake: str, arguments: str = "x"
) -> Style:
    source = f"""
class {component}(nn.Module):
    def forward(self, {arguments}): return {output}
"""
    return _style(component, source, right, wrong, mistake)


def _dense(made: str, output: str, right: str, wrong: str, mistake: str) -> Style:
    source = f"""
class Dense(nn.Module):
    def __init__(self, n_in, neurons, activation=None):
        super().__init__()
        {made}
        self.activation = activation or nn.Sigmoid()
    def forward(self, x): return self.activation({output})
"""
    return _style("Dense", source, right, wrong, mistake)


#: By the words of the contract.
TORCH_STYLES = {
    "an activation that is a module": _module(
        "Sigmoid", "torch.sigmoid(x)", "(x)", "(-x)", "sign of the exponent"
    ),
    "an activation that is a function of autograd": _style(
        "Sigmoid",
        """
        class Sigmoid(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = torch.sigmoid(x)
                ctx.save_for_backward(y)
                return y
            @staticmethod
            def backward(ctx, grad_output):
                y, = ctx.saved_tensors
                return grad_output * y * (1 - y)
        """,
        "y * (1 - y)", "y", "(1 - output) forgotten",
    ),
    "an operation with a parameter that is a module": _style(
        "BiasAdd",
        """
        class BiasAdd(nn.Module):
            def __init__(self, bias):
                super().__init__()
                self.bias = nn.Parameter(torch.as_tensor(bias))
            def forward(self, x): return x + self.bias
        """,
        "x + self", "x - self", "subtracted",
    ),
    "an operation with a parameter that is a function of autograd": _style(
        "WeightMultiply",
        """
        class WeightMultiply(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, w):
                ctx.save_for_backward(x, w)
                return x @ w
            @staticmethod
            def backward(ctx, grad):
                x, w = ctx.saved_tensors
                return grad @ w.T, x.T @ grad
        """,
        "x.T @ grad", "x.T @ grad / len(grad)", "averaged",
    ),
    "a layer of nn.Linear": _dense(
        "self.linear = nn.Linear(n_in, neurons)", "self.linear(x)",
        "self.activation(self.linear(x))", "self.linear(x)", "no activation",
    ),
    "a layer of nn.LazyLinear": _style(
        "Dense",
        """
        class Dense(nn.Module):
            def __init__(self, neurons, activation=None):
                super().__init__()
                self.linear, self.activation = nn.LazyLinear(neurons), activation or nn.Sigmoid()
            def forward(self, x): return self.activation(self.linear(x))
        """,
        "self.activation(self.linear(x))", "self.linear(x)", "no activation",
    ),
    "a layer with parameters of its own": _dense(
        "self.W, self.b = (nn.Parameter(torch.randn(n, neurons)) for n in (n_in, 1))",
        "x @ self.W + self.b",
        "or nn.Sigmoid()", "or nn.Identity()", "linear by default",
    ),
    "a layer with its weights turned": _dense(
        "self.weight = nn.Parameter(torch.randn(neurons, n_in))\n"
        "        self.bias = nn.Parameter(torch.randn(neurons))",
        "F.linear(x, self.weight, self.bias)",
        "or nn.Sigmoid()", "or nn.Identity()", "linear by default",
    ),
    "a loss that is a module": _module(
        "MeanSquaredError", "((y_pred - y_true)**2).sum() / len(y_pred)",
        "/ len(y_pred)", "/ y_pred.numel()", "mean over elements", "y_pred, y_true",
    ),
    "a loss of classes": _module(
        "SoftmaxCrossEntropy", "F.cross_entropy(logits, target)",
        "target)", "target, reduction='sum')", "neither divided by the batch size",
        "logits, target",
    ),
    "a loss that is a function of autograd": _style(
        "MeanSquaredError",
        """
        class MeanSquaredError(torch.autograd.Function):
            @staticmethod
            def forward(ctx, y_pred, y_true):
                ctx.save_for_backward(y_pred - y_true)
                return ((y_pred - y_true)**2).sum() / len(y_pred)
            @staticmethod
            def backward(ctx, grad):
                d, = ctx.saved_tensors
                return grad * 2 * d / len(d), None
        """,
        "grad * 2 * d / len(d)", "grad * 2 * d", "gradient not divided by the batch size",
    ),
    "dropout": _style(
        "Dropout",
        """
        class Dropout(nn.Module):
            def __init__(self, keep_prob=0.8):
                super().__init__()
                self.keep_prob = keep_prob
            def forward(self, x):
                if not self.training: return x * self.keep_prob
                return x * (torch.rand_like(x) < self.keep_prob)
        """,
        "return x * self.keep_prob", "return x", "not scaled at inference",
    ),
    "flattening": _module(
        "Flatten", "x.reshape(len(x), -1)", "x.", "x.permute(0, 2, 3, 1).", "channels last"
    ),
    "pooling": _style(
        "AveragePool2D",
        """
        class AveragePool2D(nn.Module):
            def __init__(self, pool_size=2):
                super().__init__()
                self.pool = nn.AvgPool2d(pool_size)
            def forward(self, x): return self.pool(x)
        """,
        "self.pool(x)", "self.pool(x) * self.pool.kernel_size**2", "not divided",
    ),
    "a convolution that is an operation": _style(
        "Conv2DOperation",
        """
        class Conv2DOperation(nn.Module):
            def __init__(self, W):
                super().__init__()
                self.W = nn.Parameter(torch.as_tensor(W))
            def forward(self, x):
                return F.conv2d(x, self.W.transpose(0, 1), padding=self.W.shape[-1] // 2)
        """,
        "self.W.transpose(0, 1)", "self.W.transpose(0, 1).flip(2, 3)", "true convolution",
    ),
    "a convolution that is a layer": _style(
        "Conv2D",
        """
        class Conv2D(nn.Module):
            def __init__(self, in_channels, out_channels, kernel_size, activation=None,
                         flatten=False):
                super().__init__()
                self.conv = nn.Conv2d(in_channels, out_channels, kernel_size,
                                      padding=kernel_size // 2, bias=False)
                self.activation, self.flatten = activation or nn.Sigmoid(), flatten
            def forward(self, x):
                y = self.activation(self.conv(x))
                return y.flatten(1) if self.flatten else y
        """,
        "y = self.activation(self.conv(x))", "y = self.conv(x)", "no activation",
    ),
}  # fmt: skip
