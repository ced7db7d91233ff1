"""Chapters 3, 4 and 7 in PyTorch: the training loop, over tensors or over a ``DataLoader``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from reference.training.evaluation import first_output, mode, on_device_of, predict

#: Called after each epoch with its number and its training loss.
OnEpoch = Callable[[int, float], None]
#: Of predictions and targets.
Metric = Callable[[Tensor, Tensor], float]
#: Pairs of inputs and targets, gone through once an epoch: a ``DataLoader``, or a list of them.
Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass
class TrainingHistory:
    """What ``PyTorchTrainer.fit`` saw; as ``scratch.training.TrainingHistory``."""

    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    training_losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    stopped_early: bool = False


class PyTorchTrainer:
    """Trains a module. Chapter 7, "PyTorch Elements: Trainer" and "DataLoader and Transforms".

    A model may return a tuple: the loss sees its first element (E25). Batches are moved to where
    the model's parameters are.

    Args:
        model: what is trained, in place.
        optim: must hold exactly the model's parameters; those that are not trained may be missing.
        criterion: the loss, of predictions and targets, a mean over the rows.

    Raises:
        ValueError: ``optim`` holds other parameters than the model's.
    """

    def __init__(self, model: nn.Module, optim: Optimizer, criterion: nn.Module) -> None:
        held = {id(param) for group in optim.param_groups for param in group["params"]}
        trained = {id(param) for param in model.parameters() if param.requires_grad}
        if not trained <= held <= {id(param) for param in model.parameters()}:
            raise ValueError("the optimizer must hold exactly the parameters of the model")
        self.model = model
        self.optim = optim
        self.loss = criterion

    def fit(
        self,
        X_train: Tensor | None = None,
        y_train: Tensor | None = None,
        X_test: Tensor | None = None,
        y_test: Tensor | None = None,
        epochs: int = 100,
        eval_every: int = 10,
        batch_size: int = 32,
        orders: Sequence[Tensor] | None = None,
        seed: int = 1,
        early_stopping: bool = True,
        scheduler: LRScheduler | None = None,
        metric: Metric | None = None,
        on_epoch: OnEpoch | None = None,
        *,
        train_dataloader: Batches | None = None,
        test_dataloader: Batches | None = None,
    ) -> TrainingHistory:
        """Fit the model, measuring the validation loss every ``eval_every`` epochs.

        The data are four tensors or two loaders. With early stopping the model goes back to its
        best parameters when the loss stops falling. It is trained in training mode, and has
        afterwards the mode that it had before.

        Args:
            X_train: shape ``(observations, features)``, or any with the observations first.
            y_train: shape ``(observations, out)``, or as the loss takes it.
            X_test: as ``X_train``, for the validation loss, which is computed of all at once.
            y_test: as ``y_train``, for the validation loss.
            epochs: passes over the training data.
            eval_every: epochs between two validations.
            batch_size: rows in a step; the last one of an epoch takes what is left. Of tensors.
            orders: the order of the rows in each epoch; drawn from ``seed`` where it is not given.
            seed: of the permutations, when there are no ``orders``. Loaders have their own.
            early_stopping: stop and roll back when the validation loss does not fall any more.
            scheduler: of the optimizer's learning rate, stepped after each epoch; one that reduces
                on a plateau goes by the training loss.
            metric: what is measured as the validation loss; ``criterion`` by default.
            on_epoch: called when an epoch ends, with its number and training loss.
            train_dataloader: batches to train on, in place of ``X_train`` and ``y_train``.
            test_dataloader: batches to validate on; the loss is the mean over their rows.

        Raises:
            ValueError: the data are neither four tensors nor two loaders, or there are none in
                them, rows do not match, a number is out of range, there are fewer ``orders`` than
                epochs, or ``scheduler`` is another optimizer's.
            FloatingPointError: the first validation loss is not finite.
        """
        tensors = [part for part in (X_train, y_train, X_test, y_test) if part is not None]
        loaders = [part for part in (train_dataloader, test_dataloader) if part is not None]
        if (len(tensors), len(loaders)) not in ((4, 0), (0, 2)):
            raise ValueError(
                "fit takes X_train, y_train, X_test and y_test, or train_dataloader and "
                f"test_dataloader, not {len(tensors)} tensors and {len(loaders)} loaders"
            )
        if epochs < 0 or eval_every < 1 or batch_size < 1:
            raise ValueError(
                f"epochs must be at least 0, eval_every and batch_size at least 1, not {epochs}, "
                f"{eval_every}, {batch_size}"
            )
        if scheduler is not None and scheduler.optimizer is not self.optim:
            raise ValueError("the scheduler must be one of the trainer's optimizer")
        epoch_batches: Iterator[Batches]
        validate: Callable[[], float]
        if loaders:
            if orders is not None:
                raise ValueError("orders are of tensors; a loader has an order of its own")
            train_loader, test_loader = loaders
            epoch_batches = (train_loader for _ in range(epochs))
            validate = partial(self.evaluate_batches, test_loader, metric)
        else:
            X, y, X_valid, y_valid = tensors
            epoch_batches = _shuffled(X, y, X_valid, y_valid, batch_size, epochs, orders, seed)
            validate = partial(self.evaluate, X_valid, y_valid, metric)
        with mode(self.model, training=True):
            return self._fit(
                epoch_batches, validate, eval_every, early_stopping, scheduler, on_epoch
            )

    def evaluate(self, X: Tensor, y: Tensor, metric: Metric | None = None) -> float:
        """The loss on ``X`` and ``y``, or a ``metric``, in evaluation mode, which is left again.

        State that the model carries from batch to batch is left as it was.
        """
        carried = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        predictions = predict(self.model, self._inputs(X))
        self.model.load_state_dict(carried, strict=False)
        return float((metric or self.loss)(predictions, y.to(predictions.device)))

    def evaluate_batches(self, batches: Batches, metric: Metric | None = None) -> float:
        """``evaluate`` on batches: the mean of their losses, each with the weight of its rows.

        Raises:
            ValueError: there are no rows.
        """
        total, rows = 0.0, 0
        for X, y in batches:
            total += len(X) * self.evaluate(X, y, metric)
            rows += len(X)
        if rows == 0:
            raise ValueError("there are no rows to validate on")
        return total / rows

    def _fit(
        self,
        epoch_batches: Iterator[Batches],
        validate: Callable[[], float],
        eval_every: int,
        early_stopping: bool,
        scheduler: LRScheduler | None,
        on_epoch: OnEpoch | None,
    ) -> TrainingHistory:
        history = TrainingHistory()
        best = deepcopy(self.model.state_dict())
        for epoch, batches in enumerate(epoch_batches, start=1):
            training_loss = self._train_epoch(batches)
            if isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step(training_loss)
            elif scheduler is not None:
                scheduler.step()
            history.training_losses.append(training_loss)
            if on_epoch is not None:
                on_epoch(epoch, training_loss)
            if epoch % eval_every != 0:
                continue

            loss = validate()
            history.epochs.append(epoch)
            history.losses.append(loss)
            if loss < history.best_loss:
                history.best_epoch, history.best_loss = epoch, loss
                best = deepcopy(self.model.state_dict())
            elif early_stopping:
                if history.best_epoch == 0:
                    raise FloatingPointError(
                        f"the validation loss after {epoch} epochs is {loss}: the training has "
                        "diverged; try a lower learning rate"
                    )
                history.stopped_early = True
                self.model.load_state_dict(best)
                break
        return history

    def _train_epoch(self, batches: Batches) -> float:
        """One step for each batch. Returns the mean training loss over the rows."""
        total, rows = 0.0, 0
        for X, y in batches:
            self.optim.zero_grad()
            output = first_output(self.model(self._inputs(X)))
            loss = self.loss(output, y.to(output.device))
            loss.backward()
            self._step()
            total += len(X) * loss.item()
            rows += len(X)
        if rows == 0:
            raise ValueError("there are no rows to train on")
        return total / rows

    def _inputs(self, X: Tensor) -> Tensor:
        """What the model takes of a batch, where the model is."""
        return on_device_of(self.model, X)

    def _step(self) -> None:
        """Use the gradients."""
        self.optim.step()


def _shuffled(
    X: Tensor,
    y: Tensor,
    X_valid: Tensor,
    y_valid: Tensor,
    batch_size: int,
    epochs: int,
    orders: Sequence[Tensor] | None,
    seed: int,
) -> Iterator[Batches]:
    """The batches of each epoch, after the tensors and the orders have been looked at."""
    for inputs, targets in ((X, y), (X_valid, y_valid)):
        if len(inputs) != len(targets):
            raise ValueError(
                f"X and y must have as many rows, not {tuple(inputs.shape)} and "
                f"{tuple(targets.shape)}"
            )
    if orders is None:
        generator = torch.Generator().manual_seed(seed)
        orders = [torch.randperm(len(X), generator=generator) for _ in range(epochs)]
    elif len(orders) < epochs:
        raise ValueError(f"{epochs} epochs need as many orders, not {len(orders)}")
    return (((X[rows], y[rows]) for rows in order.split(batch_size)) for order in orders[:epochs])
