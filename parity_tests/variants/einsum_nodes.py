"""Nodes whose products are einsums and whose gates go by name; gradients through a small tape."""

import math
from functools import wraps

import numpy as np

product = lambda a, b: np.einsum("ij,jk->ik", a, b)


def logistic(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), 1 - 1 / (1 + np.exp(-np.abs(x))))


class Node:
    def values(self, params_dict):
        return {name: param["value"] for name, param in params_dict.items()}

    def add(self, params_dict, grads):
        for name, grad in grads.items():
            into = params_dict[name]["deriv"]
            into += np.reshape(grad, into.shape)

    def out(self, H, p):
        self.H_out = H
        return product(H, p["W_v"]) + p["B_v"]

    def out_grads(self, grad):
        return {"W_v": np.einsum("nh,no->ho", self.H_out, grad), "B_v": np.einsum("no->o", grad)}


class RNNNode(Node):
    def forward(self, x_in, H_in, params_dict):
        p = self.values(params_dict)
        self.split = x_in.shape[1]
        self.Z = np.concatenate([x_in, H_in], axis=1)
        H = np.tanh(np.einsum("nz,zh->nh", self.Z, p["W_f"]) + p["B_f"])
        return self.out(H, p), H

    def backward(self, X_out_grad, H_out_grad, params_dict):
        p = self.values(params_dict)
        grad = np.einsum("no,ho->nh", X_out_grad, p["W_v"]) + H_out_grad
        grad = grad * (1 - self.H_out) * (1 + self.H_out)
        self.add(params_dict, self.out_grads(X_out_grad))
        self.add(params_dict, {"W_f": np.einsum("nz,nh->zh", self.Z, grad), "B_f": grad.sum(0)})
        back = np.einsum("nh,zh->nz", grad, p["W_f"])
        return back[:, : self.split], back[:, self.split :]


class GRUNode(Node):
    """Resets before the product or, as PyTorch, after it."""

    def __init__(self, reset_after=False):
        self.reset_after = reset_after

    def forward(self, X_in, H_in, params_dict):
        p = self.values(params_dict)
        self.X, self.H = X_in, H_in
        mixed = {gate: product(X_in, p["W_x" + gate]) + p["B_" + gate] for gate in ("r", "u", "h")}
        self.r = logistic(mixed["r"] + product(H_in, p["W_hr"]))
        self.u = logistic(mixed["u"] + product(H_in, p["W_hu"]))
        if self.reset_after:
            self.inner = product(H_in, p["W_hh"]) + p["B_hh"]
            self.h = np.tanh(mixed["h"] + self.r * self.inner)
        else:
            self.h = np.tanh(mixed["h"] + product(self.r * H_in, p["W_hh"]))
        H = H_in * self.u + self.h - self.h * self.u
        return self.out(H, p), H

    def backward(self, X_out_grad, H_out_grad, params_dict):
        p = self.values(params_dict)
        grad = product(X_out_grad, p["W_v"].T) + H_out_grad
        h = grad * (1 - self.u) * (1 - self.h**2)
        u = grad * (self.H - self.h) * self.u * (1 - self.u)
        H_grad = grad * self.u
        found = self.out_grads(X_out_grad)
        if self.reset_after:
            inner = h * self.r
            r = h * self.inner * self.r * (1 - self.r)
            found |= {"W_hh": product(self.H.T, inner), "B_hh": inner.sum(axis=0)}
            H_grad = H_grad + product(inner, p["W_hh"].T)
        else:
            reset = product(h, p["W_hh"].T)
            r = reset * self.H * self.r * (1 - self.r)
            found["W_hh"] = product((self.r * self.H).T, h)
            H_grad = H_grad + reset * self.r
        X_grad = 0
        for gate, at in (("r", r), ("u", u), ("h", h)):
            found["W_x" + gate] = np.einsum("ni,nh->ih", self.X, at)
            found["B_" + gate] = at.sum(axis=0)
            X_grad = X_grad + np.einsum("nh,ih->ni", at, p["W_x" + gate])
            if gate != "h":
                found["W_h" + gate] = product(self.H.T, at)
                H_grad = H_grad + product(at, p["W_h" + gate].T)
        self.add(params_dict, found)
        return X_grad, H_grad


class LSTMNode(Node):
    """With peepholes the gates see the cell, too."""

    def __init__(self, peepholes=False):
        self.peepholes = peepholes

    def forward(self, X_in, H_in, C_in, params_dict):
        p = self.values(params_dict)
        self.split, self.C_in = X_in.shape[1], C_in
        self.Z = np.hstack((X_in, H_in))
        ints = {gate: product(self.Z, p["W_" + gate]) + p["B_" + gate] for gate in "fico"}
        if self.peepholes:
            ints["f"] = ints["f"] + p["P_f"] * C_in
            ints["i"] = ints["i"] + p["P_i"] * C_in
        self.f, self.i, self.c = logistic(ints["f"]), logistic(ints["i"]), np.tanh(ints["c"])
        self.C = C_in * self.f + self.c * self.i
        peep = p["P_o"] * self.C if self.peepholes else 0
        self.o = logistic(ints["o"] + peep)
        self.T = np.tanh(self.C)
        H = self.T * self.o
        return self.out(H, p), H, self.C

    def backward(self, X_out_grad, H_out_grad, C_out_grad, params_dict):
        p = self.values(params_dict)
        H_grad = np.einsum("no,ho->nh", X_out_grad, p["W_v"]) + H_out_grad
        at = {"o": H_grad * self.T * self.o * (1 - self.o)}
        C_grad = C_out_grad + H_grad * self.o * (1 - self.T) * (1 + self.T)
        if self.peepholes:
            C_grad = C_grad + at["o"] * p["P_o"]
        at["f"] = C_grad * self.C_in * self.f * (1 - self.f)
        at["i"] = C_grad * self.c * self.i * (1 - self.i)
        at["c"] = C_grad * self.i * (1 - self.c * self.c)
        C_in_grad = C_grad * self.f
        found, back = self.out_grads(X_out_grad), np.zeros_like(self.Z)
        for gate, grad in at.items():
            found["W_" + gate] = np.einsum("nz,nh->zh", self.Z, grad)
            found["B_" + gate] = grad.sum(axis=0)
            back += np.einsum("nh,zh->nz", grad, p["W_" + gate])
        if self.peepholes:
            found["P_f"] = (at["f"] * self.C_in).sum(axis=0)
            found["P_i"] = (at["i"] * self.C_in).sum(axis=0)
            found["P_o"] = (at["o"] * self.C).sum(axis=0)
            C_in_grad = C_in_grad + at["f"] * p["P_f"] + at["i"] * p["P_i"]
        self.add(params_dict, found)
        return back[:, : self.split], back[:, self.split :], C_in_grad


# Numbers with gradients: each knows its sources and the local slopes, and the way back goes over
# all numbers once, the last first.


def with_number(method):
    @wraps(method)
    def wrapped(self, other):
        return method(self, ensure_number(other))

    return wrapped


class NumberWithGrad:
    def __init__(self, num, sources=()):
        self.num, self.sources, self.grad = num, sources, None

    @with_number
    def __add__(self, other):
        return NumberWithGrad(self.num + other.num, [(self, 1), (other, 1)])

    @with_number
    def __sub__(self, other):
        return NumberWithGrad(self.num - other.num, [(self, 1), (other, -1)])

    @with_number
    def __mul__(self, other):
        return NumberWithGrad(self.num * other.num, [(self, other.num), (other, self.num)])

    @with_number
    def __truediv__(self, other):
        value = self.num / other.num
        return NumberWithGrad(value, [(self, 1 / other.num), (other, -value / other.num)])

    @with_number
    def __rsub__(self, other):
        return other - self

    @with_number
    def __rtruediv__(self, other):
        return other / self

    __radd__, __rmul__ = __add__, __mul__

    @with_number
    def __pow__(self, other):
        a, b = self.num, other.num
        value = a**b
        sources = [(self, b * a ** (b - 1) if b else 0)]
        if other.sources or a > 0:
            sources.append((other, math.log(a) * value))
        return NumberWithGrad(value, sources)

    @with_number
    def __rpow__(self, other):
        return other**self

    def __neg__(self):
        return NumberWithGrad(-self.num, [(self, -1)])

    def exp(self):
        value = math.exp(self.num)
        return NumberWithGrad(value, [(self, value)])

    def log(self):
        return NumberWithGrad(math.log(self.num), [(self, 1 / self.num)])

    def tanh(self):
        return NumberWithGrad(math.tanh(self.num), [(self, 1 / math.cosh(self.num) ** 2)])

    def relu(self):
        return NumberWithGrad(self.num * (self.num > 0), [(self, float(self.num > 0))])

    def order(self):
        seen, order = set(), []

        def visit(number):
            if id(number) not in seen:
                seen.add(id(number))
                for source, _ in number.sources:
                    visit(source)
                order.append(number)

        visit(self)
        return order[::-1]

    def backward(self, grad=1):
        new = {id(self): grad}
        for number in self.order():
            mine = new.get(id(number), 0)
            number.grad = mine if number.grad is None else number.grad + mine
            for source, slope in number.sources:
                new[id(source)] = new.get(id(source), 0) + mine * slope

    def zero_grad(self):
        for number in self.order():
            number.grad = None


def ensure_number(num):
    return num if isinstance(num, NumberWithGrad) else NumberWithGrad(num)
