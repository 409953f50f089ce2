"""The files that many folders have: a vocabulary, a tokenizer.json, a configuration, and models."""

from .recipe import FOLDERS, Folder, assemble
from .vocabulary import CASED_NORMALIZER, TOKENS, WHOLE_CONFIG, WHOLE_TOKENIZER
from .weights import bert

MODELS = {"bert": "BertModel", "masked_lm": "BertForMaskedLM", "classifier": "BertForSequenceClassification"}


def write_shared():
    """Writes reference_outputs/folders/shared."""
    files = {
        "vocab.txt": "".join(token + "\n" for token in TOKENS),
        "tokenizer.json": WHOLE_TOKENIZER,
        "cased.json": WHOLE_TOKENIZER | {"normalizer": CASED_NORMALIZER},
        "config.json": WHOLE_CONFIG,
    }
    for seed, (name, class_name) in enumerate(MODELS.items()):
        files[name + "/model.safetensors"] = bert(class_name, seed, num_labels=3)
    assemble(Folder("shared", "", files), FOLDERS / "shared")
