"""The forward tensors of a model folder on texts, in float64."""

import pathlib

import safetensors.torch
import torch
import transformers

from .record import LOGITS, forward_and_gradients


def load(folder):
    """The model of a folder, of the class its config.json names (without one: BertModel), and its tokenizer."""
    config = transformers.AutoConfig.from_pretrained(folder)
    if config.model_type != "bert":
        raise SystemExit(f"{folder}/config.json: model_type: expected bert, got {config.model_type}")
    name = (config.architectures or ["BertModel"])[0]
    if name not in LOGITS or name == "BertForMultipleChoice":
        name = "BertModel"
    model = getattr(transformers, name).from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder)


def tokenize(tokenizer, texts):
    """Adds ids, tokens, offsets (in code points) and type_ids to each {"text": ..., "pair": ... or missing}."""
    result = []
    for entry in texts:
        encoding = tokenizer(entry["text"], entry.get("pair"), return_offsets_mapping=True)
        tokens = tokenizer.convert_ids_to_tokens(encoding["input_ids"])
        lists = {"ids": encoding["input_ids"], "tokens": tokens, "offsets": [list(o) for o in encoding["offset_mapping"]]}
        result.append({**entry, **lists, "type_ids": encoding["token_type_ids"]})
    return result


def pad(tokenized, pad_id):
    """input.* of tokenized texts, filled up to the longest."""
    L = max(len(entry["ids"]) for entry in tokenized)
    columns = {"ids": [], "segments": [], "mask": []}
    for entry in tokenized:
        T = len(entry["ids"])
        columns["ids"].append(entry["ids"] + [pad_id] * (L - T))
        columns["segments"].append(entry["type_ids"] + [0] * (L - T))
        columns["mask"].append([1] * T + [0] * (L - T))
    return {f"input.{name}": torch.tensor(rows) for name, rows in columns.items()}


def forward(model, batch):
    """Every forward.* of the batch, computed in float64."""
    with torch.no_grad():
        return forward_and_gradients(model.double(), batch)


def save(path, tensors):
    """Writes a safetensors file that everybody may read."""
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    pathlib.Path(path).chmod(0o644)
