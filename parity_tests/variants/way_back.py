"""Recurrent layers in which every time step leaves a function behind that goes back over it; the
way back calls these, the last first.
"""

import numpy as np


def logistic(x):
    return np.exp(-np.logaddexp(0, -x))


class Unrolled:
    """What the layers share; a subclass has the rows and biases of its parameters, and a step."""

    cells = 0

    def __init__(self, hidden_size, output_size, weight_scale=0.0, carry_state=True):
        self.hidden_size, self.output_size, self.scale = hidden_size, output_size, weight_scale
        self.carry_state, self.params = carry_state, {}
        self.start_H = np.zeros((1, hidden_size))
        if self.cells:
            self.start_C = np.zeros((1, hidden_size))

    def set_up(self, features):
        rng = np.random.default_rng(3)
        scale = self.scale or 2 / (features + self.output_size)
        shapes = {name: (rows, self.hidden_size) for name, rows in self.rows(features)}
        shapes["W_v"] = self.hidden_size, self.output_size
        shapes["B_v"] = 1, self.output_size
        for name, shape in shapes.items():
            value = scale * rng.normal(size=shape)
            self.params[name] = {"value": value, "deriv": np.zeros_like(value)}

    def __getitem__(self, name):
        return self.params[name]["value"]

    def add(self, name, grad):
        self.params[name]["deriv"] += grad

    def clear_gradients(self):
        for param in self.params.values():
            param["deriv"][...] = 0

    def forward(self, x_seq_in):
        batch, time, features = x_seq_in.shape
        if not self.params:
            self.set_up(features)
        starts = [self.start_H, *([self.start_C] if self.cells else [])]
        state = tuple(np.ones((batch, 1)) * start for start in starts)
        self.ways_back, self.hidden = [], []
        for t in range(time):
            state, back = self.step(x_seq_in[:, t], *state)
            self.ways_back.append(back)
            self.hidden.append(state[0])
        if self.carry_state:
            self.start_H = state[0].mean(axis=0, keepdims=True)
            if self.cells:
                self.start_C = state[1].mean(axis=0, keepdims=True)
        return np.stack([H.dot(self["W_v"]) + self["B_v"] for H in self.hidden], axis=1)

    def backward(self, x_seq_out_grad):
        x_grads = np.empty((*x_seq_out_grad.shape[:2], self.features()))
        state_grads = [0.0] * (1 + self.cells)
        for t in reversed(range(len(self.ways_back))):
            grad = x_seq_out_grad[:, t]
            self.add("W_v", self.hidden[t].T.dot(grad))
            self.add("B_v", grad.sum(axis=0))
            state_grads[0] = state_grads[0] + grad.dot(self["W_v"].T)
            x_grads[:, t], *state_grads = self.ways_back[t](*state_grads)
        return x_grads


class OverBoth(Unrolled):
    """A layer whose matrices take the input and the state side by side."""

    gates = ""

    def rows(self, features):
        for gate in self.gates:
            yield f"W_{gate}", features + self.hidden_size
            yield f"B_{gate}", 1

    def features(self):
        return len(self["W_" + self.gates[0]]) - self.hidden_size

    def into(self, gate, Z):
        return Z.dot(self["W_" + gate]) + self["B_" + gate]

    def back_from(self, Z, grads):
        """The gradients on input and state, from those on what the gates are taken of."""
        total = np.zeros_like(Z)
        for gate, grad in grads.items():
            self.add("W_" + gate, Z.T.dot(grad))
            self.add("B_" + gate, grad.sum(axis=0, keepdims=True))
            total += grad.dot(self["W_" + gate].T)
        return total[:, : self.features()], total[:, self.features() :]


class RNNLayer(OverBoth):
    gates = "f"

    def step(self, x, H_in):
        Z = np.concatenate([x, H_in], axis=1)
        H = np.tanh(self.into("f", Z))
        return (H,), lambda grad: self.back_from(Z, {"f": grad * (1 - H) * (1 + H)})


class LSTMLayer(OverBoth):
    gates = "fico"
    cells = 1

    def __init__(self, hidden_size, output_size, peepholes=False, **others):
        super().__init__(hidden_size, output_size, **others)
        self.holes = "fio" if peepholes else ""

    def rows(self, features):
        yield from super().rows(features)
        for gate in self.holes:
            yield f"P_{gate}", 1

    def seen(self, gate, C):
        return self["P_" + gate] * C if gate in self.holes else 0

    def step(self, x, H_in, C_in):
        Z = np.concatenate([x, H_in], axis=1)
        f, i = (logistic(self.into(gate, Z) + self.seen(gate, C_in)) for gate in "fi")
        c = np.tanh(self.into("c", Z))
        C = C_in * f + c * i
        o = logistic(self.into("o", Z) + self.seen("o", C))
        squashed = np.tanh(C)

        def back(H_grad, C_grad):
            grads = {"o": H_grad * squashed * o * (1 - o)}
            C_grad = C_grad + H_grad * o / np.cosh(C) ** 2 + self.seen("o", grads["o"])
            grads["f"] = C_grad * C_in * f * (1 - f)
            grads["i"] = C_grad * c * i * (1 - i)
            grads["c"] = C_grad * i * (1 - c) * (1 + c)
            for gate in self.holes:
                cell = C if gate == "o" else C_in
                self.add("P_" + gate, np.einsum("nh,nh->h", grads[gate], cell))
            C_in_grad = C_grad * f + self.seen("f", grads["f"]) + self.seen("i", grads["i"])
            return *self.back_from(Z, grads), C_in_grad

        return (squashed * o, C), back


class GRULayer(Unrolled):
    def __init__(self, hidden_size, output_size, reset_after=False, **others):
        super().__init__(hidden_size, output_size, **others)
        self.reset_after = reset_after

    def rows(self, features):
        for gate in "ruh":
            yield from ((f"W_x{gate}", features), (f"W_h{gate}", self.hidden_size))
            yield f"B_{gate}", 1
        if self.reset_after:
            yield "B_hh", 1

    def features(self):
        return len(self["W_xr"])

    def step(self, x, H_in):
        r, u = (
            logistic(x.dot(self["W_x" + g]) + H_in.dot(self["W_h" + g]) + self["B_" + g])
            for g in "ru"
        )
        # What goes through W_hh, and what comes of it: with one of them r is multiplied.
        through = H_in if self.reset_after else r * H_in
        product = through.dot(self["W_hh"]) + (self["B_hh"] if self.reset_after else 0)
        recurrent = r * product if self.reset_after else product
        bar = np.tanh(x.dot(self["W_xh"]) + self["B_h"] + recurrent)

        def back(grad):
            bar_grad = grad * (1 - u) * (1 - bar) * (1 + bar)
            product_grad = bar_grad * r if self.reset_after else bar_grad
            through_grad = product_grad.dot(self["W_hh"].T)
            if self.reset_after:
                r_grad, H_grad = bar_grad * product, through_grad + grad * u
                self.add("B_hh", product_grad.sum(axis=0))
            else:
                r_grad, H_grad = through_grad * H_in, through_grad * r + grad * u
            self.add("W_hh", through.T.dot(product_grad))
            grads = {"h": bar_grad, "r": r_grad * r * (1 - r)}
            grads["u"] = grad * (H_in - bar) * u * (1 - u)
            for gate, own in grads.items():
                self.add("W_x" + gate, x.T.dot(own))
                self.add("B_" + gate, own.sum(axis=0))
            for gate in "ru":
                self.add(f"W_h{gate}", H_in.T.dot(grads[gate]))
                H_grad = H_grad + grads[gate].dot(self[f"W_h{gate}"].T)
            return sum(own.dot(self["W_x" + gate].T) for gate, own in grads.items()), H_grad

        return (u * H_in + (1 - u) * bar,), back


class RNNModel:
    """With ``many_to_one`` only what comes last of the last layer is a prediction."""

    def __init__(self, layers, loss, many_to_one=False):
        self.layers, self.loss, self.many_to_one = list(layers), loss, many_to_one

    def forward(self, x_batch):
        out = x_batch
        for layer in self.layers:
            out = layer.forward(out)
        self.steps = out.shape[1]
        return out[:, -1].copy() if self.many_to_one else out

    def backward(self, loss_grad):
        grad = loss_grad
        if self.many_to_one:
            before = np.zeros((len(grad), self.steps - 1, grad.shape[1]))
            grad = np.concatenate([before, grad[:, None]], axis=1)
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def train_batch(self, x_batch, y_batch):
        loss = self.loss.forward(self.forward(x_batch), y_batch)
        for layer in self.layers:
            layer.clear_gradients()
        self.backward(self.loss.backward())
        return loss
