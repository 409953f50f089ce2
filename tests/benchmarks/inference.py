"""Inference beside its peers: same machine, weights and inputs, in turns.

Usage: tests/benchmarks/run inference [--precision float32|bf16] [--products own|cblas] [--engines NAME...]
                                       [--work NAME...] [--rounds N]

BERT-base, and one model of each variant at 8 x 128 in its published size, with weights made from a seed. The peers are given padded batches, of sentences sorted by length; this project the same
batches packed.
"""

import argparse
import json
import os
import pathlib
import sys

import numpy

from engines import Engine, compare, until_steady
from peer import ENGINES

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
SCRATCH = PROJECT / "build" / "benchmarks"
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
# name: the classes of configuration and model, and what the published model has other than the configuration's defaults
VARIANTS = {
    "roberta": ("RobertaConfig", "RobertaModel", {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1}),
    "distilbert": ("DistilBertConfig", "DistilBertModel", {}),
    "albert": (
        "AlbertConfig",
        "AlbertModel",
        {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
    ),
    "mobilebert": ("MobileBertConfig", "MobileBertModel", {}),
    "gpt2": ("GPT2Config", "GPT2Model", {}),
}
LIMITS = {"float32": 2e-4, "bf16": 0.5}  # of a difference from a peer; hidden states are of the order of 1
RECTANGLES = {"1x16": (1, 16), "1x128": (1, 128), "1x512": (1, 512), "8x128": (8, 128), "32x128": (32, 128)}


def model_folder(name, sizes, config_class="BertConfig", model_class="BertModel"):
    """A folder with random weights of these sizes; made once."""
    import inspect
    import torch
    import transformers

    folder = SCRATCH / name
    if not (folder / "model.safetensors").exists():
        torch.manual_seed(1)
        config, make = getattr(transformers, config_class)(**sizes), getattr(transformers, model_class)
        has_pooler = "add_pooling_layer" in inspect.signature(make.__init__).parameters
        model = make(config, **({"add_pooling_layer": False} if has_pooler else {}))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))  # biases too
        model.save_pretrained(folder)
        config = json.loads((folder / "config.json").read_text())
        assert config["architectures"] == [model_class]
    return folder


def rectangle(B, L):
    """Batches: a single one of random ids."""
    rng = numpy.random.default_rng(1)
    return [rng.integers(1000, 30000, size=(B, L)).tolist()]


def sentences(count):
    """Batches of 32 sentences of STS-B dev, sorted by length."""
    import tokenizers

    data = pathlib.Path(os.environ["BERT_DATA_DIR"])
    tokenizer = tokenizers.BertWordPieceTokenizer(str(data / "vocab/bert-base-uncased/vocab.txt"))
    rows = (data / "glue/STS-B/dev.tsv").read_text(encoding="utf-8").rstrip("\n").split("\n")[1:]
    ids = [tokenizer.encode(text).ids for row in rows for text in row.split("\t")[7:9]][:count]
    ids.sort(key=len)
    return [ids[first : first + 32] for first in range(0, len(ids), 32)]


def request(repeat, batches):
    numbers = [repeat, len(batches)]
    for batch in batches:
        numbers.append(len(batch))
        for sequence in batch:
            numbers += [len(sequence), *sequence]
    return " ".join(map(str, numbers))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", default="float32", choices=list(LIMITS))
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), help="the peers")
    parser.add_argument("--products", default="own", choices=["own", "cblas"], help="what multiplies matrices in this project")
    works = [*RECTANGLES, "sentences", "sentences-minilm", *VARIANTS]
    parser.add_argument("--work", nargs="+", default=works, choices=works)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("program", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with_bf16 = [name for name in ENGINES if not name.startswith("onnxruntime")]
    if any(name.startswith("sentences") for name in arguments.work) and "BERT_DATA_DIR" not in os.environ:
        parser.error("BERT_DATA_DIR: expected the folder of the data sets for the work on sentences, got nothing")
    peers = arguments.engines or (with_bf16 if arguments.precision == "bf16" else list(ENGINES))

    models = {"base": (BASE,), "minilm": (MINILM,)}
    models |= {name: (sizes, config_class, model_class) for name, (config_class, model_class, sizes) in VARIANTS.items()}
    model_of = {"sentences-minilm": "minilm"} | {name: name for name in VARIANTS}
    for model, made_of in models.items():
        work = [name for name in arguments.work if model_of.get(name, "base") == model]
        if not work:
            continue
        folder = model_folder(model, *made_of)
        engines = [
            Engine("bert", [arguments.program, folder, arguments.threads, arguments.precision, arguments.products])
        ]
        for name in peers:
            peer = [sys.executable, HERE / "peer.py", name, folder, arguments.threads, arguments.precision]
            engines.append(Engine(name, peer))
        for name in work:
            if name in RECTANGLES or name in VARIANTS:
                batches = rectangle(*RECTANGLES.get(name, RECTANGLES["8x128"]))
            else:  # for the larger model every third batch, which leaves the spread of lengths
                batches = sentences(960) if model == "minilm" else sentences(960)[::3]
            once = engines[0].ask(request(1, batches))[0]
            asked = request(max(1, int(500 / once)), batches)  # half a second a sample: the system counts time in hundredths

            def check(numbers):
                for engine in peers:
                    compare(engine, numbers[engine], numbers["bert"], LIMITS[arguments.precision])

            title = f"{name}, {arguments.precision}, {arguments.threads} threads"
            until_steady(title, engines, [asked] * len(engines), arguments.rounds, check)
        for engine in engines:
            engine.close()


if __name__ == "__main__":
    main()
