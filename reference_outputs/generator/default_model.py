"""The small model that the program carries, and its case, which starts from text.

The weights are random numbers: what the model says is meaningless, but each text gets its own numbers, and every layer
can be held to them offline.
"""

import os

import numpy

from .build import make_model
from .cases import config_of, sizes_of
from .dump import forward, load, pad, save, tokenize
from .folder import CASES, PROJECT, check_float, check_parameters_matter, generator_note, write_json, write_list

MODEL = PROJECT / "examples" / "models" / "default"
SEED = 2026
TEXTS = [
    {"text": "The capital of France is Paris."},
    {"text": "The whale swam under the [MASK]."},
    {"text": "Où est ma crème brûlée?"},
    {"text": ""},
    {"text": "Is it raining?", "pair": "No, it is not."},
]


def default_model():
    """Writes examples/models/default (but for its vocabulary, which is there) and cases/default_model."""
    V = len((MODEL / "vocab.txt").read_text(encoding="utf-8").splitlines())
    config = config_of(V=V, H=48, layers=2, A=4, I=176, positions=128)
    rng = numpy.random.default_rng(SEED)
    model = make_model("BertForPreTraining", config, rng, matrix_std=0.2, embedding_std=0.3, vector_std=0.1)
    write_model(model)

    model, tokenizer = load(MODEL)
    texts = tokenize(tokenizer, TEXTS)
    assert not any(tokenizer.unk_token_id in entry["ids"] for entry in texts)
    batch = pad(texts, tokenizer.pad_token_id)
    expected = forward(model, batch)
    least = check_parameters_matter(model, batch, expected, unused=())
    used = check_float(model.float(), batch, expected, recipe=None)

    folder = CASES / "default_model"
    folder.mkdir(parents=True, exist_ok=True)
    save(folder / "expected.safetensors", {**expected, **batch})
    write_list(folder / "texts.json", texts)
    note = "From text to logits with the model that the program carries: tokenizer, padding, a pair, an empty text, [MASK]."
    case = {
        "format": 1,
        "generator": generator_note("reference_outputs/make default_model"),
        "class": "BertForPreTraining",
        "model": os.path.relpath(MODEL, folder),
        "seed": SEED,
        "note": note,
        "sizes": sizes_of(config, batch),
        "left_out": {"loss.*": "no labels", "grad.*": "no labels", "train.*": "no labels"},
    }
    write_json(folder / "case.json", case)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"default_model: {size / 1000:.0f} kB; 1 % of a parameter moves {least:.1e} limits; float uses {used:.2f}")


def write_model(model):
    """Writes config.json and model.safetensors as the library does."""
    model.save_pretrained(MODEL)
    for file in MODEL.iterdir():
        file.chmod(0o644)
