"""Training steps beside PyTorch: same machine, weights, batches and options, in turns.

Usage: tests/benchmarks/run training [--precision float32|bf16] [--work NAME...] [--rounds N] [--threads N]

A step is forward, loss, backward, clipping and AdamW, with a dropout of 0.1. Pre-training, of BERT and of each variant in its
published size, has masked words (GPT-2: every next word) and next sentences, where the architecture has them, on whole rows
of random ids; fine-tuning takes the sentences of STS-B dev in batches of 32, which PyTorch pads to the longest of
each. Loss and gradient norm without dropout are compared first; the most memory that each process had is shown at the end.
"""

import argparse
import os
import pathlib
import sys

import numpy

from engines import Engine, compare, until_steady
from inference import BASE, HERE, MINILM, SCRATCH, VARIANTS, sentences

SMALL = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024, "vocab_size": 8000}
WORKS = {  # name: architecture, sizes, sequences and their length
    "pretraining-base": ("BertForPreTraining", BASE, (8, 128)),
    "pretraining-small": ("BertForPreTraining", SMALL, (64, 128)),
    "finetuning-minilm": ("BertForSequenceClassification", MINILM, None),
    "finetuning-base": ("BertForSequenceClassification", BASE, None),
    "roberta": ("RobertaForMaskedLM", VARIANTS["roberta"][2], (8, 128)),
    "distilbert": ("DistilBertForMaskedLM", {}, (8, 128)),
    "albert": ("AlbertForPreTraining", VARIANTS["albert"][2], (8, 128)),
    "mobilebert": ("MobileBertForPreTraining", {}, (8, 128)),
    "gpt2": ("GPT2LMHeadModel", {}, (8, 128)),
}


def model_folder(name, architecture, sizes):
    """A folder with random weights; made once."""
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    folder = SCRATCH / ("training-" + name)
    if not (folder / "model.safetensors").exists():
        torch.manual_seed(1)
        make = getattr(transformers, architecture)
        make(make.config_class(**sizes, architectures=[architecture])).save_pretrained(folder)
    return folder


def write_batches(path, rectangle, vocabulary, segments):
    """The batches, in the form that training.cpp describes."""
    rng = numpy.random.default_rng(1)
    if rectangle:
        B, L = rectangle
        batches = [rng.integers(1000, vocabulary, size=(B, L)).tolist()]
    else:
        flat = [ids for batch in sentences(960) for ids in batch]
        shuffled = [flat[index] for index in rng.permutation(len(flat))]
        batches = [shuffled[first : first + 32] for first in range(0, 320, 32)]
    numbers = [len(batches)]
    for batch in batches:
        numbers.append(len(batch))
        for row, ids in enumerate(batch):
            n = len(ids)
            types = [int(place > n // 2) if rectangle and segments else 0 for place in range(n)]
            chosen = rng.random(n) < 0.15
            words = [int(rng.integers(0, vocabulary)) if rectangle and chosen[place] else -100 for place in range(n)]
            numbers += [n, *ids, *types, *words, row % 2]
    path.write_text(" ".join(map(str, numbers)))


def peak_memory(engine):
    """The most memory that a process had so far, in MB."""
    status = pathlib.Path(f"/proc/{engine.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", default="float32", choices=["float32", "bf16"])
    parser.add_argument("--work", nargs="+", default=list(WORKS), choices=list(WORKS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("program", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if any(WORKS[name][2] is None for name in arguments.work) and "BERT_DATA_DIR" not in os.environ:
        parser.error("BERT_DATA_DIR: expected the folder of the data sets for the work on sentences, got nothing")
    SCRATCH.mkdir(parents=True, exist_ok=True)

    for name in arguments.work:
        architecture, sizes, rectangle = WORKS[name]
        folder = model_folder(name, architecture, sizes)
        batches = SCRATCH / f"{name}.batches"
        write_batches(batches, rectangle, min(30000, sizes.get("vocab_size", 30000)), name not in ("roberta", "distilbert", "gpt2"))
        engines = [
            Engine("bert", [arguments.program, folder, batches, arguments.threads, arguments.precision]),
            Engine("torch", [sys.executable, HERE / "training_peer.py", folder, batches, arguments.threads, arguments.precision]),
        ]

        def check(numbers):
            """The first step's loss and gradient norm, relative."""
            for own, other in zip(numbers["bert"], numbers["torch"], strict=True):
                compare("torch", [other / own], [1], 1e-4 if arguments.precision == "float32" else 3e-2)

        until_steady(f"{name}, {arguments.precision}, {arguments.threads} threads", engines, ["1", "1"], arguments.rounds, check)
        memory = [peak_memory(engine) for engine in engines]
        print(f"Most memory: {memory[0]:.0f} MB, torch {memory[1]:.0f} MB, ratio {memory[0] / memory[1]:.2f}.\n", flush=True)
        for engine in engines:
            engine.close()


if __name__ == "__main__":
    main()
