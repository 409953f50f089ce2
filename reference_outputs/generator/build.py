"""Models with wide random weights, and batches that leave no part of them unused."""

import numpy
import torch
import transformers

EMBEDDINGS = ("_embeddings", "wte", "wpe")  # in the name of a table


def make_model(class_name, config, rng, matrix_std, embedding_std=0.4, vector_std=0.3, kept="", **arguments):
    """A model of the library whose float32 weights are drawn from rng; every bias, gamma and beta differs from its default.

    kept: part of the name of parameters that stay as the library makes them.
    """
    model_class = getattr(transformers, class_name)
    model = model_class(model_class.config_class(**config, attn_implementation="eager"), **arguments)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if kept and kept in name:
                continue
            std = embedding_std if any(part in name for part in EMBEDDINGS) else matrix_std if p.dim() == 2 else vector_std
            center = 1.0 if p.dim() == 1 and name.endswith("weight") else 0.0
            p.copy_(torch.from_numpy(center + std * rng.standard_normal(tuple(p.shape))))
    return model.eval()


def make_input(rng, config, lengths, first=1):
    """input.* of sequences of these lengths, padded to the longest. Ids repeat; segments change at random places.

    first: the smallest id that a real token gets, but for one padding id, which stands in the longest sequence as a
    real token: its row of the embedding gets no gradient from the lookup.
    """
    B, L, V = len(lengths), max(lengths), config["vocab_size"]
    pad = config.get("pad_token_id") or 0
    some = rng.choice(numpy.arange(first, V), size=max(2, (2 * L) // 3), replace=False)
    ids = rng.choice(some, size=(B, L))
    segments = rng.integers(0, config.get("type_vocab_size", 2), size=(B, L))
    mask = numpy.arange(L) < numpy.array(lengths)[:, None]
    if L > 4:
        ids[numpy.argmax(lengths), L // 2] = pad
    ids[~mask] = pad
    segments[~mask] = 0
    tensors = {"input.ids": ids, "input.segments": segments, "input.mask": mask.astype(numpy.int64)}
    return {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}


def make_labels(rng, batch, classes, unlabelled, fraction=0.4):
    """Labels [B, L] for some real positions, -100 elsewhere; the sequence `unlabelled` has none, the others at least one."""
    mask = batch["input.mask"].numpy() == 1
    chosen = (rng.random(mask.shape) < fraction) & mask
    for b in range(len(mask)):
        chosen[b, 0] |= not chosen[b].any()
        if b == unlabelled:
            chosen[b] = False
    return torch.from_numpy(numpy.where(chosen, rng.integers(0, classes, size=mask.shape), -100))
