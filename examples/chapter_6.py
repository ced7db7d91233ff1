"""Chapter 6 as a reader would write it, everything right, and some of what the book leaves open."""

import math

import numpy as np

# Numbers that find their own gradients. Each sends on what is new, and nothing else.


def ensure_number(num):
    if isinstance(num, NumberWithGrad):
        return num
    return NumberWithGrad(num)


class NumberWithGrad:
    def __init__(self, num, depends_on=None, creation_op=""):
        self.num = num
        self.grad = None
        self.depends_on = depends_on or []
        self.creation_op = creation_op

    def __add__(self, other):
        other = ensure_number(other)
        return NumberWithGrad(self.num + other.num, [self, other], "add")

    def __radd__(self, other):
        return self + other

    def __mul__(self, other):
        other = ensure_number(other)
        return NumberWithGrad(self.num * other.num, [self, other], "mul")

    def __rmul__(self, other):
        return self * other

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + ensure_number(other) * -1

    def __rsub__(self, other):
        return other + self * -1

    def __pow__(self, exponent):
        if isinstance(exponent, NumberWithGrad):
            return (exponent * self.log()).exp()
        return NumberWithGrad(self.num**exponent, [self, NumberWithGrad(exponent)], "pow")

    def __rpow__(self, base):
        return (self * math.log(base)).exp()

    def __truediv__(self, other):
        return self * ensure_number(other) ** -1

    def __rtruediv__(self, other):
        return other * self**-1

    def exp(self):
        return NumberWithGrad(math.exp(self.num), [self], "exp")

    def log(self):
        return NumberWithGrad(math.log(self.num), [self], "log")

    def tanh(self):
        return NumberWithGrad(math.tanh(self.num), [self], "tanh")

    def relu(self):
        return NumberWithGrad(max(self.num, 0), [self], "relu")

    def backward(self, backward_grad=None):
        if backward_grad is None:
            backward_grad = 1
        if self.grad is None:
            self.grad = backward_grad
        else:
            self.grad += backward_grad
        if self.creation_op == "add":
            self.depends_on[0].backward(backward_grad)
            self.depends_on[1].backward(backward_grad)
        if self.creation_op == "mul":
            self.depends_on[0].backward(self.depends_on[1].num * backward_grad)
            self.depends_on[1].backward(self.depends_on[0].num * backward_grad)
        if self.creation_op == "pow":
            base, exponent = self.depends_on[0].num, self.depends_on[1].num
            self.depends_on[0].backward(exponent * base ** (exponent - 1) * backward_grad)
        if self.creation_op == "exp":
            self.depends_on[0].backward(self.num * backward_grad)
        if self.creation_op == "log":
            self.depends_on[0].backward(backward_grad / self.depends_on[0].num)
        if self.creation_op == "tanh":
            self.depends_on[0].backward((1 - self.num**2) * backward_grad)
        if self.creation_op == "relu":
            self.depends_on[0].backward(backward_grad if self.num > 0 else 0)

    def zero_grad(self):
        self.grad = None
        for number in self.depends_on:
            number.zero_grad()


# The same for arrays, as in PyTorch. Each operation brings the function that sends its gradient on.


def of_shape(grad, shape):
    """What was repeated gets the sum."""
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


class ArrayWithGrad:
    def __init__(self, array, depends_on=(), way_back=None):
        self.array = np.asarray(array)
        self.grad = None
        self.depends_on = depends_on
        self.way_back = way_back

    def _ensure_array(self, other):
        if isinstance(other, ArrayWithGrad):
            return other
        return ArrayWithGrad(np.asarray(other, dtype=self.array.dtype))

    def __add__(self, other):
        other = self._ensure_array(other)
        return ArrayWithGrad(self.array + other.array, (self, other), lambda grad: (grad, grad))

    def __mul__(self, other):
        other = self._ensure_array(other)
        return ArrayWithGrad(
            self.array * other.array,
            (self, other),
            lambda grad: (grad * other.array, grad * self.array),
        )

    def __pow__(self, exponent):
        slope = exponent * self.array ** (exponent - 1)
        return ArrayWithGrad(self.array**exponent, (self,), lambda grad: (grad * slope,))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -self._ensure_array(other)

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        return self * self._ensure_array(other) ** -1

    def __rtruediv__(self, other):
        return self**-1 * other

    def __matmul__(self, other):
        a, b = self.array, other.array
        return ArrayWithGrad(
            a @ b,
            (self, other),
            lambda grad: (grad @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ grad),
        )

    def sum(self, axis=None, keepdims=False):
        def way_back(grad):
            if axis is not None and not keepdims:
                grad = np.expand_dims(grad, axis)
            return (np.broadcast_to(grad, self.array.shape),)

        return ArrayWithGrad(self.array.sum(axis=axis, keepdims=keepdims), (self,), way_back)

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (total.array.size / self.array.size)

    def reshape(self, shape):
        return ArrayWithGrad(
            self.array.reshape(shape), (self,), lambda grad: (grad.reshape(self.array.shape),)
        )

    def transpose(self, axes=None):
        back = None if axes is None else np.argsort(axes)
        return ArrayWithGrad(
            self.array.transpose(axes), (self,), lambda grad: (grad.transpose(back),)
        )

    @property
    def T(self):
        return self.transpose()

    def __getitem__(self, index):
        def way_back(grad):
            whole = np.zeros_like(self.array)
            np.add.at(whole, index, grad)
            return (whole,)

        return ArrayWithGrad(self.array[index], (self,), way_back)

    @staticmethod
    def concatenate(arrays, axis=0):
        ends = np.cumsum([each.array.shape[axis] for each in arrays])[:-1]
        return ArrayWithGrad(
            np.concatenate([each.array for each in arrays], axis),
            tuple(arrays),
            lambda grad: np.split(grad, ends, axis),
        )

    @staticmethod
    def stack(arrays, axis=0):
        return ArrayWithGrad(
            np.stack([each.array for each in arrays], axis),
            tuple(arrays),
            lambda grad: np.moveaxis(grad, axis, 0),
        )

    def exp(self):
        e = np.exp(self.array)
        return ArrayWithGrad(e, (self,), lambda grad: (grad * e,))

    def log(self):
        return ArrayWithGrad(np.log(self.array), (self,), lambda grad: (grad / self.array,))

    def sigmoid(self):
        s = 1 / (1 + np.exp(-self.array))
        return ArrayWithGrad(s, (self,), lambda grad: (grad * s * (1 - s),))

    def tanh(self):
        t = np.tanh(self.array)
        return ArrayWithGrad(t, (self,), lambda grad: (grad * (1 - t**2),))

    def relu(self):
        return ArrayWithGrad(
            np.maximum(self.array, 0), (self,), lambda grad: (grad * (self.array > 0),)
        )

    def backward(self, backward_grad=None):
        if backward_grad is None:
            backward_grad = np.ones_like(self.array)
        self.grad = backward_grad if self.grad is None else self.grad + backward_grad
        if self.way_back is not None:
            for source, grad in zip(self.depends_on, self.way_back(backward_grad)):
                if grad.shape != source.array.shape:
                    grad = of_shape(grad, source.array.shape)
                source.backward(grad)
