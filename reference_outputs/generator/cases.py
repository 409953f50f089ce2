"""The cases with random weights: for each what it is there to catch, its sizes, its batch and its training steps."""

import numpy
import torch

from .build import make_input, make_labels, make_model
from .folder import write_case


def recipe(optimizer, **changes):
    """Training steps; the first has the learning rate 0, for which moments change and parameters don't."""
    return {
        "optimizer": optimizer,
        "learning_rate": 0.01,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-4,
        "weight_decay": 0.01,
        "no_decay": ["bias", "LayerNorm"],
        "max_grad_norm": 1.0,
        "clip_epsilon": 1e-6,
        "schedule": {"type": "linear", "warmup_steps": 1, "total_steps": 5},
        "steps": 4,
    } | changes


def config_of(V, H, layers, A, I, positions, **others):
    """A config from the letters."""
    return {
        "vocab_size": V,
        "hidden_size": H,
        "num_hidden_layers": layers,
        "num_attention_heads": A,
        "intermediate_size": I,
        "max_position_embeddings": positions,
    } | others


def sizes_of(config, batch, **others):
    """The sizes of a case by their letters, for case.json."""
    B, L = batch["input.ids"].shape
    H, A = config["hidden_size"], config["num_attention_heads"]
    sizes = {"B": B, "L": L, "layers": config["num_hidden_layers"], "A": A, "D": H // A, "H": H}
    return sizes | {"I": config["intermediate_size"], "V": config["vocab_size"]} | others


def pretraining(name, seed, note, config, lengths, unlabelled, train, matrix_std=0.3, change=None):
    """A case of BertForPreTraining; `change` may alter the batch."""
    rng = numpy.random.default_rng(seed)
    model = make_model("BertForPreTraining", config, rng, matrix_std)
    batch = make_input(rng, config, lengths)
    if change is not None:
        change(batch)
    batch["label.mlm"] = make_labels(rng, batch, config["vocab_size"], unlabelled)
    batch["label.next_sentence"] = torch.from_numpy(rng.permutation(len(lengths)) % 2)
    write_case(name, note, model, batch, seed, sizes_of(config, batch), train)


def pretraining_gelu():
    pretraining(
        "pretraining_gelu",
        seed=1,
        note="The whole of BERT at sizes that cannot be mistaken for one another: padding, repeated ids, a sequence without labels.",
        config=config_of(V=101, H=15, layers=2, A=3, I=37, positions=17),
        lengths=[11, 2, 7],
        unlabelled=2,
        train=recipe("adamw"),
    )


CASES = {case.__name__: case for case in (pretraining_gelu,)}
