"""Chapters 2 to 6 as a reader would type them, twelve of the book's printed mistakes included."""

import numpy as np

# Chapter 2


def loss_gradients(forward_info, weights):
    dLdP = -2 * (forward_info["y"] - forward_info["P"])
    dPdN = np.ones_like(forward_info["N"])
    dPdB = np.ones_like(weights["B"])
    dLdN = dLdP * dPdN
    dNdW = np.transpose(forward_info["X"], (1, 0))
    dLdW = np.dot(dNdW, dLdN)
    dLdB = (dLdP * dPdB).sum(axis=0)
    return {"W": dLdW, "B": dLdB}


# Chapter 3, and the weights of chapter 4


def assert_same_shape(a, b):
    assert a.shape == b.shape, f"{a.shape} and {b.shape}"


class Operation:
    def forward(self, input_):
        self.input_ = input_
        self.output = self._output()
        return self.output

    def backward(self, output_grad):
        assert_same_shape(self.output, output_grad)
        self.input_grad = self._input_grad(output_grad)
        assert_same_shape(self.input_, self.input_grad)
        return self.input_grad


class ParamOperation(Operation):
    def __init__(self, param):
        self.param = param

    def backward(self, output_grad):
        assert_same_shape(self.output, output_grad)
        self.input_grad = self._input_grad(output_grad)
        self.param_grad = self._param_grad(output_grad)
        assert_same_shape(self.input_, self.input_grad)
        assert_same_shape(self.param, self.param_grad)
        return self.input_grad


class WeightMultiply(ParamOperation):
    def _output(self):
        return np.dot(self.input_, self.param)

    def _input_grad(self, output_grad):
        return np.dot(output_grad, np.transpose(self.param, (1, 0)))

    def _param_grad(self, output_grad):
        return np.dot(np.transpose(self.input_, (1, 0)), output_grad)


class BiasAdd(ParamOperation):
    def _output(self):
        return self.input_ + self.param

    def _input_grad(self, output_grad):
        return np.ones_like(self.input_) * output_grad

    def _param_grad(self, output_grad):
        param_grad = np.ones_like(self.param) * output_grad
        return np.sum(param_grad, axis=0).reshape(1, param_grad.shape[1])


class Sigmoid(Operation):
    def _output(self):
        return 1.0 / (1.0 + np.exp(-1.0 * self.input_))

    def _input_grad(self, output_grad):
        return self.output * (1.0 - self.output) * output_grad


class Linear(Operation):
    def _output(self):
        return self.input_

    def _input_grad(self, output_grad):
        return output_grad


class Layer:
    def __init__(self, neurons):
        self.neurons = neurons
        self.first = True
        self.params = []
        self.param_grads = []
        self.operations = []

    def forward(self, input_):
        if self.first:
            self._setup_layer(input_)
            self.first = False
        self.input_ = input_
        for operation in self.operations:
            input_ = operation.forward(input_)
        self.output = input_
        return self.output

    def backward(self, output_grad):
        assert_same_shape(self.output, output_grad)
        for operation in reversed(self.operations):
            output_grad = operation.backward(output_grad)
        self._param_grads()
        return output_grad

    def _param_grads(self):
        self.param_grads = []
        for operation in self.operations:
            if isinstance(operation.__class__, ParamOperation):
                self.param_grads.append(operation.param_grad)


class Dense(Layer):
    def __init__(self, neurons, activation=Sigmoid(), weight_init="standard"):
        super().__init__(neurons)
        self.activation = activation
        self.weight_init = weight_init

    def _setup_layer(self, input_):
        num_in = input_.shape[1]
        if self.seed:
            np.random.seed(self.seed)
        scale = 2 / (num_in + self.neurons) if self.weight_init == "glorot" else 1.0
        self.params = [
            np.random.normal(loc=0, scale=scale, size=(num_in, self.neurons)),
            np.random.normal(loc=0, scale=scale, size=(1, self.neurons)),
        ]
        self.operations = [
            WeightMultiply(self.params[0]),
            BiasAdd(self.params[1]),
            self.activation,
        ]


class Loss:
    def forward(self, prediction, target):
        assert_same_shape(prediction, target)
        self.prediction = prediction
        self.target = target
        return self._output()

    def backward(self):
        self.input_grad = self._input_grad()
        assert_same_shape(self.prediction, self.input_grad)
        return self.input_grad


class MeanSquaredError(Loss):
    def _output(self):
        return np.sum(np.power(self.prediction - self.target, 2)) / self.prediction.shape[0]

    def _input_grad(self):
        return 2.0 * (self.prediction - self.target) / self.prediction.shape[0]


# Chapter 4


def softmax(x, axis=None):
    exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


class SoftmaxCrossEntropyLoss(Loss):
    def __init__(self, eps=1e-9):
        self.eps = eps

    def _output(self):
        p = np.clip(softmax(self.prediction, axis=1), self.eps, 1 - self.eps)
        self.softmax_preds = p
        return np.sum(-self.target * np.log(p) - (1 - self.target) * np.log(1 - p))

    def _input_grad(self):
        return self.softmax_preds - self.target


class SGDMomentum:
    def __init__(self, lr=0.01, momentum=0.9, final_lr=0, decay_type=None):
        self.lr = lr
        self.momentum = momentum
        self.final_lr = final_lr
        self.decay_type = decay_type
        self.velocities = []

    def _setup_decay(self):
        decays = self.max_epochs - 1
        if self.decay_type == "exponential":
            self.decay_per_epoch = np.power(self.final_lr / self.lr, 1.0 / decays)
        elif self.decay_type == "linear":
            self.decay_per_epoch = (self.lr - self.final_lr) / decays

    def _decay_lr(self):
        if self.decay_type == "exponential":
            self.lr *= self.decay_per_epoch
        elif self.decay_type == "linear":
            self.lr -= self.decay_per_epoch

    def step(self):
        params = list(self.net.params())
        if not self.velocities:
            self.velocities = [np.zeros_like(param) for param in params]
        for param, grad, velocity in zip(params, self.net.param_grads(), self.velocities):
            velocity *= self.momentum
            velocity += self.lr * grad
            param -= velocity


# Chapter 3's training, with the decay of chapter 4


def permute_data(X, y):
    order = np.random.permutation(X.shape[0])
    return X[order], y[order]


def generate_batches(X, y, size=32):
    for start in range(0, X.shape[0], size):
        yield X[start : start + size], y[start : start + size]


class Trainer:
    def __init__(self, net, optim):
        self.net = net
        self.optim = optim
        self.optim.net = net

    def fit(
        self,
        X_train,
        y_train,
        X_test,
        y_test,
        epochs=100,
        eval_every=10,
        batch_size=32,
        seed=1,
        restart=True,
    ):
        np.random.seed(seed)
        if restart:
            for layer in self.net.layers:
                layer.first = True
        self.optim.max_epochs = epochs
        self.optim._setup_decay()
        for e in range(epochs):
            X_train, y_train = permute_data(X_train, y_train)
            for X_batch, y_batch in generate_batches(X_train, y_train, batch_size):
                self.net.train_batch(X_batch, y_batch)
                self.optim.step()
            if (e + 1) % eval_every == 0:
                test_preds = self.net.forward(X_test)
                loss = self.net.loss.forward(test_preds, y_test)
                print(f"Validation loss after {e + 1} epochs is {loss:.3f}")
            if self.optim.final_lr:
                self.optim._decay_lr()


# Chapter 5, and the products of appendix A


def conv_2d(inp, param):
    img_size, param_size = inp.shape[0], param.shape[0]
    input_pad = np.pad(inp, param_size // 2)
    out = np.zeros(inp.shape)
    for o_w in range(img_size):
        for o_h in range(img_size):
            for p_w in range(param_size):
                for p_h in range(param_size):
                    out[o_w][o_h] += param[p_w][p_h] * input_pad[o_w + p_w][o_h + p_h]
    return out


def _pad_2d_channel(inp, num):
    return np.pad(inp, ((0, 0), (num, num), (num, num)))


def _compute_output_obs(obs, fil):
    img_height, img_width = obs.shape[1:]
    fil_size = fil.shape[2]
    obs_pad = _pad_2d_channel(obs, fil_size // 2)
    out = np.zeros((fil.shape[1], img_height, img_width))
    for c_in in range(fil.shape[0]):
        for c_out in range(fil.shape[1]):
            for o_h in range(img_height):
                for o_w in range(img_width):
                    for p_h in range(fil_size):
                        for p_w in range(fil_size):
                            pixel = obs_pad[c_in][o_h + p_h][o_w + p_w]
                            out[c_out][o_h][o_w] += fil[c_out][c_in][p_h][p_w] * pixel
    return out


def _get_image_patches(imgs_batch, fil_size):
    imgs_batch_pad = np.stack([_pad_2d_channel(obs, fil_size // 2) for obs in imgs_batch])
    img_height, img_width = imgs_batch_pad.shape[2:]
    patches = []
    for h in range(img_height - fil_size + 1):
        for w in range(img_width - fil_size + 1):
            patches.append(imgs_batch_pad[:, :, h : h + fil_size, w : w + fil_size])
    return np.stack(patches)


def _param_grad_matmul(input_, param, output_grad):
    in_channels, out_channels, param_size, _ = param.shape
    patches = _get_image_patches(input_, param_size)
    patches = patches.reshape(-1, in_channels * param_size * param_size)
    output_grad = output_grad.transpose(0, 2, 3, 1).reshape(-1, out_channels)
    param_grad = np.matmul(patches.transpose(1, 0), output_grad)
    return param_grad.reshape(in_channels, param_size, param_size, -1).transpose(0, 3, 1, 2)


def _input_grad_matmul(input_, param, output_grad):
    batch_size, in_channels, img_height, img_width = input_.shape
    patches = _get_image_patches(output_grad, param.shape[2])
    patches = patches.transpose(1, 0, 2, 3, 4).reshape(batch_size * img_height * img_width, -1)
    input_grad = np.matmul(patches, param.reshape(in_channels, -1).transpose(1, 0))
    return input_grad.reshape(batch_size, img_height, img_width, -1).transpose(0, 3, 1, 2)


# Chapter 6


def ensure_number(num):
    if isinstance(num, NumberWithGrad):
        return num
    else:
        return NumberWithGrad(num)


class NumberWithGrad:
    def __init__(self, num, depends_on=None, creation_op=""):
        self.num = num
        self.grad = None
        self.depends_on = depends_on or []
        self.creation_op = creation_op

    def __add__(self, other):
        other = ensure_number(other)
        return NumberWithGrad(self.num + other.num, depends_on=[self, other], creation_op="add")

    def __mul__(self, other):
        other = ensure_number(other)
        return NumberWithGrad(self.num * other.num, depends_on=[self, other], creation_op="mul")

    def backward(self, backward_grad=None):
        if backward_grad is None:
            self.grad = 1
        elif self.grad is None:
            self.grad = backward_grad
        else:
            self.grad += backward_grad
        if self.creation_op == "add":
            self.depends_on[0].backward(self.grad)
            self.depends_on[1].backward(self.grad)
        if self.creation_op == "mul":
            new = self.depends_on[1] * self.grad
            self.depends_on[0].backward(new.num)
            new = self.depends_on[0] * self.grad
            self.depends_on[1].backward(new.num)
