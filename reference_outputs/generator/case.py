"""A case of a model with random weights as plain data. The cases of the architectures other than BERT are such tables."""

import collections.abc
import dataclasses

import numpy
import torch

from .build import make_input, make_labels, make_model
from .folder import FLOATING, sizes_of, write_case

NO_LOSS = "this class has no loss"
NOT_TRAINED = {"train.*": "to keep the case small"}


def not_differentiated(why=NO_LOSS):
    """What a case without a loss leaves out."""
    return {"loss.*": why, "grad.*": "no loss", "train.*": "no loss"}


@dataclasses.dataclass(frozen=True)
class Case:
    """What a case is there to catch, its sizes, its batch and its training steps."""

    name: str
    note: str
    class_name: str
    seed: int
    config: dict
    lengths: list
    labels: dict = dataclasses.field(default_factory=dict)  # values of label.NAME, or a function of rng, batch, config
    without_loss: str = NO_LOSS  # the reason, where there are no labels
    train: dict | None = None
    first: int = 1  # the smallest id of a real token, but for one padding id
    change: collections.abc.Callable = lambda batch: None  # alters the batch before labels are drawn
    weights: dict = dataclasses.field(default_factory=dict)  # standard deviations and other arguments of make_model
    sizes: dict = dataclasses.field(default_factory=dict)  # sizes that only this case has
    unused: tuple = ()  # parameters that the library doesn't use

    def make(self):
        """Computes, checks and writes the case."""
        rng = numpy.random.default_rng(self.seed)
        model = make_model(self.class_name, self.config, rng, **({"matrix_std": 0.3} | self.weights))
        batch = make_input(rng, {"type_vocab_size": 1} | self.config, self.lengths, self.first)
        self.change(batch)
        for name, values in self.labels.items():
            batch[name] = values(rng, batch, self.config) if callable(values) else label_tensor(name, values)
        sizes = sizes_of(model, batch, **self.sizes)
        write_case(self.name, self.note, model, batch, self.seed, sizes, self.train, self.left_out(), self.unused)

    def left_out(self):
        """The patterns of tensors that the case leaves out, and why."""
        if not self.labels:
            return not_differentiated(self.without_loss)
        return None if self.train else NOT_TRAINED


def label_tensor(name, values):
    """Labels that are written out."""
    return torch.tensor(values, dtype=torch.float64 if name in FLOATING else torch.int64)


def words(unlabelled):
    """Draws label.mlm; the sequence `unlabelled` gets none."""
    return lambda rng, batch, config: make_labels(rng, batch, config["vocab_size"], unlabelled)


def classes(unlabelled):
    """Draws label.tokens; the sequence `unlabelled` gets none."""
    return lambda rng, batch, config: make_labels(rng, batch, config["num_labels"], unlabelled, fraction=0.6)


def own_ids(unlabelled):
    """Draws label.lm: the ids of some real tokens; the sequence `unlabelled` gets none."""

    def draw(rng, batch, _config):
        chosen = make_labels(rng, batch, 1, unlabelled, fraction=0.7) == 0
        return torch.where(chosen, batch["input.ids"], -100)

    return draw
