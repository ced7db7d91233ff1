"""Lists, comprehensions and the math module: hardly any NumPy."""

import math

import numpy as np


def shape_like(values, x):
    return np.array(list(values), dtype=x.dtype).reshape(x.shape)


def square(x):
    return shape_like((v * v for v in x.flat), x)


def relu(x):
    return shape_like((v if v > 0 else 0.0 for v in x.flat), x)


def leaky_relu(x):
    return shape_like((v if v >= 0 else 0.2 * v for v in x.flat), x)


def one_sigmoid(v):
    if v < 0:
        e = math.exp(v)
        return e / (1 + e)
    return 1 / (1 + math.exp(-v))


def sigmoid(x):
    return shape_like(map(one_sigmoid, x.flat), x)


def deriv(func, input_, delta=0.001):
    slopes = np.zeros_like(input_)
    for i, v in np.ndenumerate(input_):
        right, left = np.array([v + delta]), np.array([v - delta])
        slopes[i] = (func(right)[0] - func(left)[0]) / (2 * delta)
    return slopes


def chain_forward(chain, x):
    for f in list(chain):
        x = f(x)
    return np.array(x)


def chain_length_2(chain, x):
    return chain_forward(chain, x)


def chain_deriv(chain, input_range):
    slopes = []
    for v in input_range:
        slope, at = 1.0, np.array([v])
        for f in chain:
            slope = slope * deriv(f, at)[0]
            at = f(at)
        slopes.append(slope)
    return np.array(slopes, dtype=input_range.dtype)


def chain_deriv_2(chain, input_range):
    return chain_deriv(chain, input_range)


def chain_deriv_3(chain, input_range):
    return chain_deriv(chain, input_range)


def multiple_inputs_add(x, y, sigma):
    return sigma(shape_like((a + b for a, b in zip(x.flat, y.flat)), x))


def multiple_inputs_multiply(x, y, sigma):
    return sigma(shape_like((a * b for a, b in zip(x.flat, y.flat)), x))


def multiple_inputs_add_backward(x, y, sigma):
    both = deriv(sigma, x + y)
    return [both, both]


def multiple_inputs_multiply_backward(x, y, sigma):
    slope = deriv(sigma, x * y)
    x_grad = shape_like((s * b for s, b in zip(slope.flat, y.flat)), x)
    y_grad = shape_like((s * a for s, a in zip(slope.flat, x.flat)), y)
    return [x_grad, y_grad]


def product(X, W):
    result = np.zeros((X.shape[0], W.shape[1]), dtype=X.dtype)
    for i in range(X.shape[0]):
        for j in range(W.shape[1]):
            result[i, j] = sum(X[i, k] * W[k, j] for k in range(W.shape[0]))
    return result


def turned(X):
    return np.array([[X[i, j] for i in range(X.shape[0])] for j in range(X.shape[1])])


def matmul_forward(X, W):
    return product(X, W)


def matmul_backward_first(X, W):
    return turned(W)


def matmul_backward_second(X, W):
    return turned(X)


def matrix_forward_extra(X, W, sigma):
    return sigma(product(X, W))


def matrix_function_backward_1(X, W, sigma):
    return product(deriv(sigma, product(X, W)), turned(W))


def matrix_function_forward_sum(X, W, sigma):
    total = 0.0
    for row in sigma(product(X, W)):
        for v in row:
            total += float(v)
    return total


def matrix_function_backward_sum_1(X, W, sigma):
    return matrix_function_backward_1(X, W, sigma)


def matrix_function_backward_sum_2(X, W, sigma):
    return product(turned(X), deriv(sigma, product(X, W)))


def matrix_function_forward_weighted_sum(X, W, sigma, V):
    S = sigma(product(X, W))
    return math.fsum(float(v * s) for v, s in zip(V.flat, S.flat))


def matrix_function_backward_weighted_sum_1(X, W, sigma, V):
    return product(V * deriv(sigma, product(X, W)), turned(W))


# Chapter 2


def forward_linear_regression(X_batch, y_batch, weights):
    P = product(X_batch, weights["W"]) + float(weights["B"][0, 0])
    loss = sum(float(y - p) ** 2 for y, p in zip(y_batch.flat, P.flat)) / len(P)
    return {"P": P}, loss


def loss_gradients_linear_regression(forward_info, weights):
    X, P, y = forward_info["X"], forward_info["P"], forward_info["y"]
    W = np.zeros_like(weights["W"])
    B = np.zeros_like(weights["B"])
    for row, p, target in zip(X, P, y):
        error = 2 * (p[0] - target[0]) / len(X)
        B[0, 0] += error
        for k, v in enumerate(row):
            W[k, 0] += v * error
    return {"W": W, "B": B}


def predict_linear_regression(X, weights):
    W, B = weights["W"], weights["B"]
    sums = [sum(v * w for v, w in zip(row, W[:, 0])) + B[0, 0] for row in X]
    return np.array(sums).reshape(-1, 1)


def forward_neural_network(X, y, weights):
    P = predict_neural_network(X, weights)
    return {"P": P}, sum((y[:, 0] - P[:, 0]) ** 2) / len(P)


def predict_neural_network(X, weights):
    O1 = sigmoid(product(X, weights["W1"]) + weights["B1"])
    return product(O1, weights["W2"]) + weights["B2"]


def loss_gradients_neural_network(forward_info, weights):
    grads = {key: np.zeros_like(value) for key, value in weights.items()}
    count = len(forward_info["X"])
    for x, o, p, y in zip(*(forward_info[key] for key in ("X", "O1", "P", "y"))):
        error = 2 * (p[0] - y[0]) / count
        grads["B2"][0, 0] += error
        for h in range(len(o)):
            grads["W2"][h, 0] += o[h] * error
            back = error * weights["W2"][h, 0] * o[h] * (1 - o[h])
            grads["B1"][0, h] += back
            for k in range(len(x)):
                grads["W1"][k, h] += x[k] * back
    return grads


def mae(preds, actuals):
    errors = [abs(float(p - a)) for p, a in zip(preds.flat, actuals.flat)]
    return sum(errors) / len(errors)


def rmse(preds, actuals):
    errors = [float(p - a) ** 2 for p, a in zip(preds.flat, actuals.flat)]
    return math.sqrt(sum(errors) / len(errors))


# Chapter 4


def normalize(x):
    total = math.fsum(float(v) for v in x)
    return np.array([float(v) / total for v in x])


def softmax(x, axis=None):
    if axis is None or x.ndim == 1:
        top = max(float(v) for v in x.flat)
        e = [math.exp(float(v) - top) for v in x.flat]
        return np.array([v / sum(e) for v in e]).reshape(x.shape)
    result = np.zeros(x.shape)
    lines, results = np.moveaxis(x, axis, -1), np.moveaxis(result, axis, -1)
    for i in np.ndindex(lines.shape[:-1]):
        results[i] = softmax(lines[i])
    return result


def one_hot(labels, num_classes):
    rows = [[1.0 if column == label else 0.0 for column in range(num_classes)] for label in labels]
    return np.array(rows).reshape(len(labels), num_classes)


# Chapter 6


def clip_by_value(grads, limit=2.0):
    for grad in grads:
        for i in np.ndindex(grad.shape):
            grad[i] = min(max(grad[i], -limit), limit)


def clip_by_norm(grads, max_norm):
    grads = list(grads)
    total = math.sqrt(math.fsum(float(v) ** 2 for grad in grads for v in grad.flat))
    if total > max_norm:
        for grad in grads:
            for i in np.ndindex(grad.shape):
                grad[i] = grad[i] * max_norm / total
    return total


def one_hot_sequences(indices, size):
    return np.array([one_hot(row, size) for row in indices])


def sequences_and_targets(indices, sequence_length):
    pairs = []
    for i in range(len(indices) - sequence_length):
        window = [int(v) for v in indices[i : i + sequence_length + 1]]
        pairs.append((window[:-1], window[1:]))
    inputs, targets = zip(*pairs)
    return np.array(inputs), np.array(targets)


def next_character_probabilities(logits, temperature=1.0):
    result = np.zeros(logits.shape)
    for i in np.ndindex(logits.shape[:-1]):
        row = [float(v) for v in logits[i]]
        if temperature == 0:
            result[i][row.index(max(row))] = 1
        else:
            result[i] = softmax(np.array([(v - max(row)) / temperature for v in row]))
    return result


# Chapter 7


def conditional_probabilities(X, perplexity):
    n = len(X)
    P = np.zeros((n, n))
    for i in range(n):
        far = [sum(float(v) ** 2 for v in X[i] - X[j]) for j in range(n) if j != i]
        nearest = min(far)
        low, high = 0.0, None
        beta = 1.0
        for _ in range(300):
            e = [math.exp(-beta * (d - nearest)) for d in far]
            p = [v / sum(e) for v in e]
            entropy = -sum(v * math.log(v) for v in p if v > 0)
            if abs(entropy - math.log(perplexity)) < 1e-12:
                break
            if entropy > math.log(perplexity):
                low = beta
                beta = 2 * beta if high is None else (low + high) / 2
            else:
                high = beta
                beta = (low + high) / 2
        P[i] = [*p[:i], 0, *p[i:]]
    return P


def joint_probabilities(X, perplexity):
    P = conditional_probabilities(X, perplexity)
    n = len(P)
    return np.array([[(P[i, j] + P[j, i]) / 2 / n for j in range(n)] for i in range(n)])


def heavy_tails(Y):
    n = len(Y)
    return [
        [0 if i == j else 1 / (1 + sum((Y[i] - Y[j]) ** 2)) for j in range(n)] for i in range(n)
    ]


def low_dimensional_affinities(Y):
    tails = heavy_tails(Y)
    total = sum(map(sum, tails))
    return np.array([[v / total for v in row] for row in tails])


def kl_divergence(P, Y):
    Q = low_dimensional_affinities(Y)
    return sum(p * math.log(p / q) for p, q in zip(P.flat, Q.flat) if p > 0)


def kl_gradient(P, Y):
    Q, tails = low_dimensional_affinities(Y), heavy_tails(Y)
    grad = np.zeros_like(Y)
    for i in range(len(Y)):
        for j in range(len(Y)):
            grad[i] += 4 * (P[i, j] - Q[i, j]) * tails[i][j] * (Y[i] - Y[j])
    return grad
