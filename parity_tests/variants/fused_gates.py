"""Recurrent layers without nodes: all gates in one product, weights joined at each pass, gradients
of the parameters taken once at the end; and nodes that keep what they need in a dictionary.
"""

import numpy as np


def sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))


class Recurrent:
    """What the layers share; a subclass says how one step goes there and back."""

    gates = ""
    states = 1

    def __init__(self, hidden_size, output_size, weight_scale=None, carry_state=True):
        self.hidden_size, self.output_size = hidden_size, output_size
        self.weight_scale = weight_scale
        self.seed, self.carry_state = None, carry_state
        self.params = None
        self.start_H = np.zeros((1, hidden_size))
        if self.states == 2:
            self.start_C = np.zeros((1, hidden_size))

    def shapes(self, n):
        both = n + self.hidden_size
        for gate in self.gates:
            yield f"W_{gate}", (both, self.hidden_size)
        for gate in self.gates:
            yield f"B_{gate}", (1, self.hidden_size)

    def make_params(self, n):
        rng = np.random.default_rng(self.seed)
        scale = self.weight_scale or 2 / (n + self.output_size)
        shapes = dict(self.shapes(n))
        shapes |= {"W_v": (self.hidden_size, self.output_size), "B_v": (1, self.output_size)}
        self.params = {
            name: {"value": scale * rng.standard_normal(shape), "deriv": np.zeros(shape)}
            for name, shape in shapes.items()
        }

    def clear_gradients(self):
        for param in self.params.values():
            param["deriv"].fill(0)

    def value(self, name):
        return self.params[name]["value"]

    def joined(self, letter):
        return np.hstack([self.value(f"{letter}_{gate}") for gate in self.gates])

    def spread(self, letter, grads):
        for gate, grad in zip(self.gates, np.split(grads, len(self.gates), axis=1)):
            self.params[f"{letter}_{gate}"]["deriv"] += grad

    def starts(self, n):
        names = ("start_H", "start_C")[: self.states]
        return [np.tile(getattr(self, name), (n, 1)) for name in names]

    def forward(self, x_seq_in):
        if self.params is None:
            self.make_params(x_seq_in.shape[2])
        self.x = x_seq_in
        state, self.steps, hidden = self.starts(len(x_seq_in)), [], []
        for x in np.swapaxes(x_seq_in, 0, 1):
            state, step = self.go(x, *state)
            self.steps.append(step)
            hidden.append(state[0])
        for name, last in zip(("start_H", "start_C"), state if self.carry_state else ()):
            setattr(self, name, np.mean(last, axis=0)[None])
        self.hidden = np.stack(hidden, axis=1)
        return self.hidden @ self.value("W_v") + self.value("B_v")[0]

    def backward(self, x_seq_out_grad):
        flat = x_seq_out_grad.reshape(-1, self.output_size)
        self.params["W_v"]["deriv"] += self.hidden.reshape(-1, self.hidden_size).T @ flat
        self.params["B_v"]["deriv"] += flat.sum(axis=0)
        from_output = x_seq_out_grad @ self.value("W_v").T
        state = [np.zeros_like(from_output[:, 0]) for _ in range(self.states)]
        x_grads = []
        self.collected = []
        for t in range(len(self.steps) - 1, -1, -1):
            state[0] = state[0] + from_output[:, t]
            x_grad, *state = self.back(self.steps[t], *state)
            x_grads.append(x_grad)
        self.add_up()
        return np.stack(x_grads[::-1], axis=1)

    def add_up(self):
        Z, grads = (np.concatenate(parts) for parts in zip(*self.collected))
        self.spread("W", Z.T @ grads)
        self.spread("B", grads.sum(axis=0, keepdims=True))


class RNNLayer(Recurrent):
    gates = "f"

    def go(self, x, H):
        Z = np.hstack([x, H])
        H = np.tanh(Z @ self.joined("W") + self.joined("B"))
        return [H], (Z, H)

    def back(self, step, H_grad):
        Z, H = step
        grad = H_grad - H_grad * H * H
        self.collected.append((Z, grad))
        Z_grad = grad @ self.joined("W").T
        return np.split(Z_grad, [self.x.shape[2]], axis=1)


class LSTMLayer(Recurrent):
    gates = "fico"
    states = 2

    def __init__(self, hidden_size, output_size, peepholes=False, **rest):
        super().__init__(hidden_size, output_size, **rest)
        self.peepholes = peepholes

    def shapes(self, n):
        yield from super().shapes(n)
        for gate in "fio" if self.peepholes else "":
            yield f"P_{gate}", (1, self.hidden_size)

    def peeps(self):
        """Of f, i and o; without peepholes none lets anything through."""
        return [self.value(f"P_{gate}") if self.peepholes else 0.0 for gate in "fio"]

    def go(self, x, H, C_in):
        Z = np.hstack([x, H])
        f, i, c, o = np.split(Z @ self.joined("W") + self.joined("B"), 4, axis=1)
        to_f, to_i, to_o = self.peeps()
        f, i, c = sigmoid(f + to_f * C_in), sigmoid(i + to_i * C_in), np.tanh(c)
        C = f * C_in + i * c
        o, T = sigmoid(o + to_o * C), np.tanh(C)
        return [o * T, C], (Z, C_in, f, i, c, o, C, T)

    def back(self, step, H_grad, C_grad):
        Z, C_in, f, i, c, o, C, T = step
        to_f, to_i, to_o = self.peeps()
        o_grad = H_grad * T * o * (1 - o)
        C_grad = C_grad + H_grad * o * (1 - T**2) + to_o * o_grad
        f_grad, i_grad = C_grad * C_in * f * (1 - f), C_grad * c * i * (1 - i)
        grads = np.hstack([f_grad, i_grad, C_grad * i * (1 - c**2), o_grad])
        self.collected.append((Z, grads))
        if self.peepholes:
            seen = {"P_f": f_grad * C_in, "P_i": i_grad * C_in, "P_o": o_grad * C}
            for name, shares in seen.items():
                self.params[name]["deriv"] += shares.sum(axis=0)
        x_grad, H_grad = np.split(grads @ self.joined("W").T, [self.x.shape[2]], axis=1)
        return x_grad, H_grad, C_grad * f + to_f * f_grad + to_i * i_grad


class GRULayer(Recurrent):
    gates = "ruh"

    def __init__(self, hidden_size, output_size, reset_after=False, **rest):
        super().__init__(hidden_size, output_size, **rest)
        self.reset_after = reset_after

    def shapes(self, n):
        for gate in self.gates:
            yield f"W_x{gate}", (n, self.hidden_size)
            yield f"W_h{gate}", (self.hidden_size, self.hidden_size)
            yield f"B_{gate}", (1, self.hidden_size)
        if self.reset_after:
            yield "B_hh", (1, self.hidden_size)

    def go(self, x, H):
        r, u, h = np.split(x @ self.joined("W_x") + self.joined("B"), 3, axis=1)
        r, u = sigmoid(r + H @ self.value("W_hr")), sigmoid(u + H @ self.value("W_hu"))
        if self.reset_after:
            product = H @ self.value("W_hh") + self.value("B_hh")
            h = np.tanh(h + r * product)
        else:
            product = None
            h = np.tanh(h + (r * H) @ self.value("W_hh"))
        return [h + u * (H - h)], (x, H, r, u, h, product)

    def joined(self, letter):
        between = "" if letter == "W_x" else "_"
        return np.hstack([self.value(f"{letter}{between}{gate}") for gate in self.gates])

    def back(self, step, grad):
        x, H, r, u, h, product = step
        h_grad = grad * (1 - u) * (1 - h * h)
        if self.reset_after:
            through, through_grad, r_grad = H, h_grad * r, h_grad * product
            self.params["B_hh"]["deriv"] += through_grad.sum(axis=0)
            H_grad = grad * u + through_grad @ self.value("W_hh").T
        else:
            reset = h_grad @ self.value("W_hh").T
            through, through_grad, r_grad = r * H, h_grad, reset * H
            H_grad = grad * u + reset * r
        grads = np.hstack([r_grad * r * (1 - r), grad * (H - h) * u * (1 - u), h_grad])
        self.collected.append((x, H, through, grads, through_grad))
        r_grad, u_grad, _ = np.split(grads, 3, axis=1)
        H_grad = H_grad + r_grad @ self.value("W_hr").T + u_grad @ self.value("W_hu").T
        return grads @ self.joined("W_x").T, H_grad

    def add_up(self):
        x, H, through, grads, through_grad = (
            np.concatenate(parts) for parts in zip(*self.collected)
        )
        r_grad, u_grad, h_grad = np.split(grads, 3, axis=1)
        self.params["W_hr"]["deriv"] += H.T @ r_grad
        self.params["W_hu"]["deriv"] += H.T @ u_grad
        self.params["W_hh"]["deriv"] += through.T @ through_grad
        for gate, grad in zip("ruh", (r_grad, u_grad, h_grad)):
            self.params["W_x" + gate]["deriv"] += x.T @ grad
            self.params["B_" + gate]["deriv"] += grad.sum(axis=0)


class SequenceSoftmaxCrossEntropy:
    def forward(self, prediction, target):
        self.log_p = prediction - np.logaddexp.reduce(prediction, axis=2, keepdims=True)
        self.right = target.argmax(axis=2)[..., None]
        return -np.take_along_axis(self.log_p, self.right, axis=2).mean()

    def backward(self):
        grad = np.exp(self.log_p)
        chosen = np.take_along_axis(grad, self.right, axis=2)
        np.put_along_axis(grad, self.right, chosen - 1, axis=2)
        return grad / self.right.size


class RNNModel:
    def __init__(self, layers, loss, many_to_one=False):
        self.layers, self.loss, self.many_to_one = layers, loss, many_to_one

    def forward(self, x_batch):
        for layer in self.layers:
            x_batch = layer.forward(x_batch)
        self.shape = x_batch.shape
        return x_batch[:, -1] if self.many_to_one else x_batch

    def backward(self, loss_grad):
        if self.many_to_one:
            last, loss_grad = loss_grad, np.zeros(self.shape)
            loss_grad[:, -1] = last
        for layer in self.layers[::-1]:
            loss_grad = layer.backward(loss_grad)
        return loss_grad

    def train_batch(self, x, y):
        loss = self.loss.forward(self.forward(x), y)
        for layer in self.layers:
            layer.clear_gradients()
        self.backward(self.loss.backward())
        return loss


def clip_by_value(grads, limit=2.0):
    for grad in grads:
        grad[grad > limit] = limit
        grad[grad < -limit] = -limit


def clip_by_norm(grads, max_norm):
    grads = [*grads]
    norm = np.linalg.norm([np.linalg.norm(grad) for grad in grads])
    factor = min(1, max_norm / norm) if norm else 1
    for grad in grads:
        np.multiply(grad, factor, out=grad, casting="same_kind")
    return norm


def one_hot_sequences(indices, size):
    return (indices[..., None] == np.arange(size)) * 1.0


def sequences_and_targets(indices, sequence_length):
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(indices), sequence_length + 1)
    return windows[:, :-1], windows[:, 1:]


def next_character_probabilities(logits, temperature=1.0):
    if temperature == 0:
        best = logits.argmax(axis=-1)
        return (np.arange(logits.shape[-1]) == best[..., None]).astype(logits.dtype)
    scaled = logits / temperature - logits.max(axis=-1, keepdims=True) / temperature
    return np.exp(scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True)))
