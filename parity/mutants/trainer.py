"""Mistakes in the trainer of chapters 3 and 4."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import training as right

_Data = tuple[ndarray, ndarray]


class _Loop(right.Trainer):
    """The book's loop, which has no early stopping, with a method for each thing that can go
    wrong.
    """

    def fit(  # type: ignore[override]
        self,
        X_train: ndarray,
        y_train: ndarray,
        X_test: ndarray,
        y_test: ndarray,
        epochs: int = 100,
        eval_every: int = 10,
        batch_size: int = 32,
        seed: Any = 1,
        restart: bool = True,
        **rest: Any,
    ) -> Any:
        self.size, self.validations = batch_size, list[float]()
        self.stream = self._seeded(seed)
        self._restart(restart)
        train, test = (X_train, y_train), (X_test, y_test)
        for epoch in range(epochs):
            train = self._permute(epoch, *train)
            self._train(*self._training_data(train, test))
            if self._is_validated(epoch, eval_every):
                X, y = self._validation_data(train, test)
                self.validations.append(self.net.loss.forward(self.net.forward(X), y))
                if self._stops():
                    break

    def _seeded(self, seed: int) -> np.random.RandomState:
        return np.random.RandomState(seed)

    def _restart(self, restart: bool) -> None:
        for layer in self.net.layers:
            layer.first = restart or layer.first

    def _permute(self, epoch: int, X: ndarray, y: ndarray) -> tuple[ndarray, ndarray]:
        return right.permute_data(X, y, self.stream)

    def _training_data(self, train: _Data, test: _Data) -> _Data:
        return train

    def _validation_data(self, train: _Data, test: _Data) -> _Data:
        return test

    def _is_validated(self, epoch: int, eval_every: int) -> bool:
        return (epoch + 1) % eval_every == 0

    def _stops(self) -> bool:
        return False

    def _train(self, X: ndarray, y: ndarray) -> None:
        for X_batch, y_batch in right.generate_batches(X, y, self.size):
            self._batch(X_batch, y_batch)

    def _batch(self, X_batch: ndarray, y_batch: ndarray) -> None:
        self.net.train_batch(X_batch, y_batch)
        self.optim.step()


class _StepPerEpoch(_Loop):
    def _train(self, X: ndarray, y: ndarray) -> None:
        for X_batch, y_batch in right.generate_batches(X, y, self.size):
            self.net.train_batch(X_batch, y_batch)
        self.optim.step()


class _OnlyFirstBatch(_Loop):
    def _train(self, X: ndarray, y: ndarray) -> None:
        self._batch(X[: self.size], y[: self.size])


class _EpochShort(_Loop):
    def fit(self, *args: Any, **kwargs: Any) -> Any:
        super().fit(*args, **(kwargs | {"epochs": kwargs["epochs"] - 1}))


class _AlwaysRestarts(_Loop):
    def _restart(self, restart: bool) -> None:
        super()._restart(True)


class _NeverRestarts(_Loop):
    def _restart(self, restart: bool) -> None:
        pass


class _StepFirst(_Loop):
    def _batch(self, X_batch: ndarray, y_batch: ndarray) -> None:
        self.optim.step()
        self.net.train_batch(X_batch, y_batch)


class _TwoSteps(_Loop):
    def _batch(self, X_batch: ndarray, y_batch: ndarray) -> None:
        super()._batch(X_batch, y_batch)
        self.optim.step()


class _TrainsOnTest(_Loop):
    def _training_data(self, train: _Data, test: _Data) -> _Data:
        return right.permute_data(*test, self.stream)


class _ValidatesOnTrain(_Loop):
    def _validation_data(self, train: _Data, test: _Data) -> _Data:
        return train


class _NeverValidates(_Loop):
    def _is_validated(self, epoch: int, eval_every: int) -> bool:
        return False


class _ValidatesTooSoon(_Loop):
    def _is_validated(self, epoch: int, eval_every: int) -> bool:
        return epoch % eval_every == 0


class _ValidatesAlways(_Loop):
    def _is_validated(self, epoch: int, eval_every: int) -> bool:
        return True


class _PermutesOnce(_Loop):
    def _permute(self, epoch: int, X: ndarray, y: ndarray) -> tuple[ndarray, ndarray]:
        return super()._permute(epoch, X, y) if epoch == 0 else (X, y)


class _Unseeded(_Loop):
    def _seeded(self, seed: int) -> np.random.RandomState:
        return np.random.RandomState()


class _NetNotGiven(_Loop):
    def __init__(self, net: Any, optim: Any) -> None:
        self.net, self.optim = net, optim


class _StopsWhileFalling(_Loop):
    def _stops(self) -> bool:
        return len(self.validations) > 1 and self.validations[-1] < self.validations[-2]


class _NotRolledBack(_Loop):
    def _stops(self) -> bool:
        return len(self.validations) > 1 and self.validations[-1] > self.validations[-2]


TRAINER = (
    Mutant(
        "trained on the test data",
        "The network is trained on X_test and y_test; it must see only X_train and y_train.",
        _TrainsOnTest,
        "only training data is trained on",
    ),
    Mutant(
        "validated on the training data",
        "The validation loss is taken on X_train, which the network has seen; take it on X_test.",
        _ValidatesOnTrain,
        "the network is validated on X_test",
    ),
    Mutant(
        "never validated",
        "The validation loss is never taken: after every eval_every-th epoch, compare "
        "net.forward(X_test) with y_test.",
        _NeverValidates,
        "the network is validated",
    ),
    Mutant(
        "validated too soon",
        "The validation loss is taken after the first epoch and every eval_every epochs from "
        "there: epochs count from 0, so the test is (e + 1) % eval_every == 0.",
        _ValidatesTooSoon,
        "epochs before each validation",
    ),
    Mutant(
        "validated after every epoch",
        "The validation loss is taken after every epoch; eval_every says how many lie between two.",
        _ValidatesAlways,
        "epochs before each validation",
    ),
    Mutant(
        "step first",
        "The optimizer steps before train_batch, with the gradients of the last batch: step after "
        "it.",
        _StepFirst,
        "a step follows each batch",
    ),
    Mutant(
        "two steps a batch",
        "The optimizer steps twice after each batch; it must step once.",
        _TwoSteps,
        "number of steps",
    ),
    Mutant(
        "one step an epoch",
        "The optimizer steps once an epoch; it must step after each batch.",
        _StepPerEpoch,
        "number of steps",
    ),
    Mutant(
        "first batch only",
        "Only the first batch of each epoch is trained on.",
        _OnlyFirstBatch,
        "each epoch trains on each row once",
    ),
    Mutant("one epoch short", "One epoch is missing.", _EpochShort, "batch sizes"),
    Mutant(
        "permuted once",
        "The order is the same in each epoch: call permute_data at the start of every one.",
        _PermutesOnce,
        "each epoch has a new order",
    ),
    Mutant(
        "seed unused",
        "Two calls with one seed go through the data in two orders: seed the random numbers with "
        "it at the start of fit.",
        _Unseeded,
        "one seed makes one order",
    ),
    Mutant(
        "optimizer without network",
        "The optimizer does not know the network: set optim.net = net in __init__.",
        _NetNotGiven,
        "optimizer.net is the network",
    ),
    Mutant(
        "always restarts",
        "The layers are set up anew although restart is False.",
        _AlwaysRestarts,
        "the layers stay with restart=False",
    ),
    Mutant(
        "never restarts",
        "The layers are not set up anew although restart is True: set layer.first = True for each.",
        _NeverRestarts,
        "the layers are set up anew with restart=True",
    ),
    Mutant(
        "stops while the loss falls",
        "Early stopping ends the training when the validation loss has fallen; it must end it "
        "when the loss has risen.",
        _StopsWhileFalling,
        "training goes on while the validation loss falls",
    ),
    Mutant(
        "not rolled back",
        "Early stopping ends the training with the network of the last epoch: put the best one, "
        "from a deepcopy, back into self.net.",
        _NotRolledBack,
        "the network is rolled back after an early stop",
    ),
)


class _FlagNotSet(_Loop):
    """Validates as in chapter 3."""


class _Decaying(_Loop):
    """A loop with decay."""

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        self.epochs = kwargs["epochs"]
        self._setup()
        super().fit(*args, **kwargs)

    def _setup(self) -> None:
        self.optim.max_epochs = self.epochs
        self.optim._setup_decay()

    def _train(self, X: ndarray, y: ndarray) -> None:
        super()._train(X, y)
        self._decay()

    def _decay(self) -> None:
        self.optim._decay_lr()


class _OnlyToPositive(_Decaying):
    def _decay(self) -> None:
        if self.optim.final_lr:
            super()._decay()


class _NoDecay(_Decaying):
    def _decay(self) -> None:
        pass


class _NoSetup(_Decaying):
    def _setup(self) -> None:
        self.optim.max_epochs = self.epochs


class _NoMaxEpochs(_Decaying):
    def _setup(self) -> None:
        self.optim._setup_decay()


class _DecaysPerBatch(_Decaying):
    def _batch(self, X_batch: ndarray, y_batch: ndarray) -> None:
        super()._batch(X_batch, y_batch)
        super()._decay()

    def _decay(self) -> None:
        pass


class _DecaysFirst(_Decaying):
    def _permute(self, epoch: int, X: ndarray, y: ndarray) -> tuple[ndarray, ndarray]:
        super()._decay()
        return super()._permute(epoch, X, y)

    def _decay(self) -> None:
        pass


class _DecaysWithValidation(_Decaying):
    def _validation_data(self, train: _Data, test: _Data) -> _Data:
        super()._decay()
        return super()._validation_data(train, test)

    def _decay(self) -> None:
        pass


class _SetsUpEachEpoch(_Decaying):
    def _permute(self, epoch: int, X: ndarray, y: ndarray) -> tuple[ndarray, ndarray]:
        if epoch:
            self._setup()
        return super()._permute(epoch, X, y)


TRAINER_INFERENCE = (
    Mutant(
        "without inference",
        "The validation loss is that of net.forward(X_test), with neurons left out: pass "
        "inference=True.",
        _FlagNotSet,
        "validation is inference",
    ),
)

TRAINER_DECAY = (
    Mutant(
        "no decay to 0",
        "The rate does not decay where final_lr is 0, for that counts as false in "
        "`if self.optim.final_lr`, as the book prints it; ask for decay_type.",
        _OnlyToPositive,
        "batches before each decay",
        errata="E11",
    ),
    Mutant(
        "no decay",
        "The rate never decays: call optim._decay_lr() at the end of each epoch.",
        _NoDecay,
        "batches before each decay",
    ),
    Mutant(
        "decay not set up",
        "optim._setup_decay() is never called; call it before the first epoch.",
        _NoSetup,
        "the decay is set up before the first batch",
    ),
    Mutant(
        "set up in each epoch",
        "optim._setup_decay() is called in each epoch, so the decay starts over with the rate it "
        "has got to; call it once.",
        _SetsUpEachEpoch,
        "the decay is set up before the first batch",
    ),
    Mutant(
        "max_epochs unknown",
        "The optimizer does not know how many epochs there are: set optim.max_epochs = epochs "
        "before optim._setup_decay().",
        _NoMaxEpochs,
        "max_epochs when the decay is set up",
    ),
    Mutant(
        "decays with each validation",
        "The rate decays only where the network is validated, every eval_every epochs; it decays "
        "at the end of each.",
        _DecaysWithValidation,
        "batches before each decay",
    ),
    Mutant(
        "decays after each batch",
        "The rate decays after each batch; it is meant to decay after each epoch.",
        _DecaysPerBatch,
        "batches before each decay",
    ),
    Mutant(
        "decays before the epoch",
        "The rate decays before each epoch, so the first one does not run with lr: decay at its "
        "end.",
        _DecaysFirst,
        "batches before each decay",
    ),
)
