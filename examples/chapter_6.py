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


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


# Nodes: one time step each, with parameters that all of them share.


class RNNNode:
    def forward(self, x_in, H_in, params_dict):
        self.X_in = x_in
        self.H_in = H_in
        self.Z = np.column_stack((x_in, H_in))
        self.H_int = np.dot(self.Z, params_dict["W_f"]["value"]) + params_dict["B_f"]["value"]
        self.H_out = np.tanh(self.H_int)
        self.X_out = np.dot(self.H_out, params_dict["W_v"]["value"]) + params_dict["B_v"]["value"]
        return self.X_out, self.H_out

    def backward(self, X_out_grad, H_out_grad, params_dict):
        params_dict["B_v"]["deriv"] += X_out_grad.sum(axis=0)
        params_dict["W_v"]["deriv"] += np.dot(self.H_out.T, X_out_grad)

        dh = np.dot(X_out_grad, params_dict["W_v"]["value"].T) + H_out_grad
        dH_int = dh * (1 - np.tanh(self.H_int) ** 2)

        params_dict["B_f"]["deriv"] += dH_int.sum(axis=0)
        params_dict["W_f"]["deriv"] += np.dot(self.Z.T, dH_int)

        dz = np.dot(dH_int, params_dict["W_f"]["value"].T)
        vocab_size = self.X_in.shape[1]
        return dz[:, :vocab_size], dz[:, vocab_size:]


class GRUNode:
    def forward(self, X_in, H_in, params_dict):
        self.X_in = X_in
        self.H_in = H_in
        value = {name: param["value"] for name, param in params_dict.items()}

        self.r = logistic(X_in @ value["W_xr"] + H_in @ value["W_hr"] + value["B_r"])
        self.u = logistic(X_in @ value["W_xu"] + H_in @ value["W_hu"] + value["B_u"])

        self.h_reset = self.r * H_in
        self.h_bar = np.tanh(X_in @ value["W_xh"] + self.h_reset @ value["W_hh"] + value["B_h"])
        self.H_out = self.u * H_in + (1 - self.u) * self.h_bar
        return self.H_out @ value["W_v"] + value["B_v"], self.H_out

    def backward(self, X_out_grad, H_out_grad, params_dict):
        value = {name: param["value"] for name, param in params_dict.items()}

        def add(name, grad):
            params_dict[name]["deriv"] += grad

        add("B_v", X_out_grad.sum(axis=0))
        add("W_v", self.H_out.T @ X_out_grad)
        dh_out = X_out_grad @ value["W_v"].T + H_out_grad

        du_int = dh_out * (self.H_in - self.h_bar) * self.u * (1 - self.u)
        dh_bar_int = dh_out * (1 - self.u) * (1 - self.h_bar**2)
        dh_reset = dh_bar_int @ value["W_hh"].T
        dr_int = dh_reset * self.H_in * self.r * (1 - self.r)

        add("B_u", du_int.sum(axis=0))
        add("W_xu", self.X_in.T @ du_int)
        add("W_hu", self.H_in.T @ du_int)
        add("B_h", dh_bar_int.sum(axis=0))
        add("W_xh", self.X_in.T @ dh_bar_int)
        add("W_hh", self.h_reset.T @ dh_bar_int)
        add("B_r", dr_int.sum(axis=0))
        add("W_xr", self.X_in.T @ dr_int)
        add("W_hr", self.H_in.T @ dr_int)

        dX_in = du_int @ value["W_xu"].T + dh_bar_int @ value["W_xh"].T + dr_int @ value["W_xr"].T
        dH_in = (
            dh_out * self.u
            + dh_reset * self.r
            + du_int @ value["W_hu"].T
            + dr_int @ value["W_hr"].T
        )
        return dX_in, dH_in


class LSTMNode:
    def forward(self, X_in, H_in, C_in, params_dict):
        self.X_in = X_in
        self.C_in = C_in
        self.Z = np.column_stack((X_in, H_in))
        ints = {
            gate: self.Z @ params_dict["W_" + gate]["value"] + params_dict["B_" + gate]["value"]
            for gate in "fico"
        }
        self.f = logistic(ints["f"])
        self.i = logistic(ints["i"])
        self.C_bar = np.tanh(ints["c"])
        self.C_out = self.f * C_in + self.i * self.C_bar
        self.o = logistic(ints["o"])
        self.H_out = self.o * np.tanh(self.C_out)
        self.X_out = self.H_out @ params_dict["W_v"]["value"] + params_dict["B_v"]["value"]
        return self.X_out, self.H_out, self.C_out

    def backward(self, X_out_grad, H_out_grad, C_out_grad, params_dict):
        params_dict["W_v"]["deriv"] += self.H_out.T @ X_out_grad
        params_dict["B_v"]["deriv"] += X_out_grad.sum(axis=0)

        dh_out = X_out_grad @ params_dict["W_v"]["value"].T + H_out_grad
        dC_out = C_out_grad + dh_out * self.o * (1 - np.tanh(self.C_out) ** 2)
        dint = {
            "f": dC_out * self.C_in * self.f * (1 - self.f),
            "i": dC_out * self.C_bar * self.i * (1 - self.i),
            "c": dC_out * self.i * (1 - self.C_bar**2),
            "o": dh_out * np.tanh(self.C_out) * self.o * (1 - self.o),
        }
        dz = np.zeros_like(self.Z)
        for gate in "fico":
            params_dict["W_" + gate]["deriv"] += self.Z.T @ dint[gate]
            params_dict["B_" + gate]["deriv"] += dint[gate].sum(axis=0)
            dz += dint[gate] @ params_dict["W_" + gate]["value"].T

        vocab_size = self.X_in.shape[1]
        return dz[:, :vocab_size], dz[:, vocab_size:], self.f * dC_out


# Layers: a node for each time step.


class RNNLayer:
    Node = RNNNode

    def __init__(self, hidden_size, output_size, weight_scale=None):
        self.hidden_size = hidden_size
        self.output_size = output_size
        self.weight_scale = weight_scale
        self.start_H = np.zeros((1, hidden_size))
        self.first = True

    def _shapes(self):
        return {
            "W_f": (self.vocab_size + self.hidden_size, self.hidden_size),
            "B_f": (1, self.hidden_size),
        }

    def _init_params(self, input_):
        self.vocab_size = input_.shape[2]
        scale = self.weight_scale or 2 / (self.vocab_size + self.output_size)
        shapes = self._shapes()
        shapes["W_v"] = (self.hidden_size, self.output_size)
        shapes["B_v"] = (1, self.output_size)
        self.params = {
            name: {
                "value": np.random.normal(0, scale, shape),
                "deriv": np.zeros(shape),
            }
            for name, shape in shapes.items()
        }

    def clear_gradients(self):
        for param in self.params.values():
            param["deriv"] = np.zeros_like(param["deriv"])

    def forward(self, x_seq_in):
        if self.first:
            self._init_params(x_seq_in)
            self.first = False
        batch_size, sequence_length = x_seq_in.shape[:2]
        self.nodes = [self.Node() for _ in range(sequence_length)]
        H_in = np.repeat(np.copy(self.start_H), batch_size, axis=0)
        x_seq_out = np.zeros((batch_size, sequence_length, self.output_size))
        for t in range(sequence_length):
            x_seq_out[:, t, :], H_in = self.nodes[t].forward(x_seq_in[:, t, :], H_in, self.params)
        self.start_H = H_in.mean(axis=0, keepdims=True)
        return x_seq_out

    def backward(self, x_seq_out_grad):
        batch_size, sequence_length = x_seq_out_grad.shape[:2]
        h_in_grad = np.zeros((batch_size, self.hidden_size))
        x_seq_in_grad = np.zeros((batch_size, sequence_length, self.vocab_size))
        for t in reversed(range(sequence_length)):
            x_seq_in_grad[:, t, :], h_in_grad = self.nodes[t].backward(
                x_seq_out_grad[:, t, :], h_in_grad, self.params
            )
        return x_seq_in_grad


class GRULayer(RNNLayer):
    Node = GRUNode

    def _shapes(self):
        shapes = {}
        for gate in "ruh":
            shapes["W_x" + gate] = (self.vocab_size, self.hidden_size)
            shapes["W_h" + gate] = (self.hidden_size, self.hidden_size)
            shapes["B_" + gate] = (1, self.hidden_size)
        return shapes


class LSTMLayer(RNNLayer):
    Node = LSTMNode

    def __init__(self, hidden_size, output_size, weight_scale=None):
        super().__init__(hidden_size, output_size, weight_scale)
        self.start_C = np.zeros((1, hidden_size))

    def _shapes(self):
        shapes = {}
        for gate in "fico":
            shapes["W_" + gate] = (self.vocab_size + self.hidden_size, self.hidden_size)
            shapes["B_" + gate] = (1, self.hidden_size)
        return shapes

    def forward(self, x_seq_in):
        if self.first:
            self._init_params(x_seq_in)
            self.first = False
        batch_size, sequence_length = x_seq_in.shape[:2]
        self.nodes = [LSTMNode() for _ in range(sequence_length)]
        H_in = np.repeat(np.copy(self.start_H), batch_size, axis=0)
        C_in = np.repeat(np.copy(self.start_C), batch_size, axis=0)
        x_seq_out = np.zeros((batch_size, sequence_length, self.output_size))
        for t in range(sequence_length):
            x_seq_out[:, t, :], H_in, C_in = self.nodes[t].forward(
                x_seq_in[:, t, :], H_in, C_in, self.params
            )
        self.start_H = H_in.mean(axis=0, keepdims=True)
        self.start_C = C_in.mean(axis=0, keepdims=True)
        return x_seq_out

    def backward(self, x_seq_out_grad):
        batch_size, sequence_length = x_seq_out_grad.shape[:2]
        h_in_grad = np.zeros((batch_size, self.hidden_size))
        c_in_grad = np.zeros((batch_size, self.hidden_size))
        x_seq_in_grad = np.zeros((batch_size, sequence_length, self.vocab_size))
        for t in reversed(range(sequence_length)):
            x_seq_in_grad[:, t, :], h_in_grad, c_in_grad = self.nodes[t].backward(
                x_seq_out_grad[:, t, :], h_in_grad, c_in_grad, self.params
            )
        return x_seq_in_grad


class RNNModel:
    def __init__(self, layers, sequence_length, vocab_size, loss):
        self.layers = layers
        self.sequence_length = sequence_length
        self.vocab_size = vocab_size
        self.loss = loss

    def forward(self, x_batch):
        for layer in self.layers:
            x_batch = layer.forward(x_batch)
        return x_batch

    def backward(self, loss_grad):
        for layer in reversed(self.layers):
            loss_grad = layer.backward(loss_grad)
        return loss_grad

    def single_step(self, x_batch, y_batch):
        x_batch_out = self.forward(x_batch)
        loss = self.loss.forward(x_batch_out, y_batch)
        loss_grad = self.loss.backward()
        for layer in self.layers:
            layer.clear_gradients()
        self.backward(loss_grad)
        return loss


class SequenceSoftmaxCrossEntropy:
    def forward(self, prediction, target):
        shifted = prediction - prediction.max(axis=2, keepdims=True)
        log_total = np.log(np.exp(shifted).sum(axis=2, keepdims=True))
        self.softmax_preds = np.exp(shifted - log_total)
        if target.ndim == 2:
            target = np.eye(prediction.shape[2])[target]
        self.target = target
        self.count = prediction.shape[0] * prediction.shape[1]
        return -np.sum(target * (shifted - log_total)) / self.count

    def backward(self):
        return (self.softmax_preds - self.target) / self.count


def clip_by_value(grads, limit=2.0):
    for grad in grads:
        np.clip(grad, -limit, limit, out=grad)


def clip_by_norm(grads, max_norm):
    grads = list(grads)
    norm = np.sqrt(sum((grad**2).sum() for grad in grads))
    if norm > max_norm:
        for grad in grads:
            grad *= max_norm / norm
    return norm


# Text


def sequences_and_targets(indices, sequence_length):
    count = len(indices) - sequence_length
    inputs = np.array([indices[i : i + sequence_length] for i in range(count)])
    targets = np.array([indices[i + 1 : i + 1 + sequence_length] for i in range(count)])
    return inputs, targets


def one_hot_sequences(indices, size):
    batch_size, sequence_length = indices.shape
    out = np.zeros((batch_size, sequence_length, size))
    for b in range(batch_size):
        for t in range(sequence_length):
            out[b, t, indices[b, t]] = 1
    return out


def next_character_probabilities(logits, temperature=1.0):
    if temperature == 0:
        return np.eye(logits.shape[-1])[np.argmax(logits, axis=-1)]
    scaled = (logits - logits.max(axis=-1, keepdims=True)) / temperature
    e = np.exp(scaled)
    return e / e.sum(axis=-1, keepdims=True)
