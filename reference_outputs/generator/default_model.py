"""The small model that the program carries, and its case, which starts from text.

The weights are random numbers: what the model says is meaningless, but each text gets its own numbers, and every layer
can be held to them offline.
"""

import numpy

from .build import make_model
from .cases import config_of
from .dump import write_text_case
from .folder import CASES, PROJECT, check_float, check_parameters_matter, report

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
    """Writes examples/models/default (but for its vocabulary and tokenizer_config.json) and cases/default_model."""
    V = len((MODEL / "vocab.txt").read_text(encoding="utf-8").splitlines())
    config = config_of(V=V, H=48, layers=2, A=4, I=176, positions=128)
    rng = numpy.random.default_rng(SEED)
    model = make_model("BertForPreTraining", config, rng, matrix_std=0.2, embedding_std=0.3, vector_std=0.1)
    model.save_pretrained(MODEL)
    for file in MODEL.iterdir():
        file.chmod(0o644)

    folder = CASES / "default_model"
    note = "From text to logits with the model that the program carries: tokenizer, padding, a pair, an empty text, [MASK]."
    _, batch, expected = write_text_case(folder, MODEL, TEXTS, note, "reference_outputs/make default_model", SEED)
    least = check_parameters_matter(model, batch, expected, unused=())
    used = check_float(model, batch, expected, recipe=None)
    report(folder, len(expected) + len(batch), least, used)
