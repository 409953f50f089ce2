"""The forward tensors of a model folder on texts, in float64."""

import os
import pathlib

import safetensors.torch
import torch
import transformers

from .architectures import BERT
from .folder import generator_note, sizes_of, write_json, write_list
from .record import forward_and_gradients


def load(folder):
    """The model of a folder in float64, of the class its config.json names (without one: BertModel), and its tokenizer."""
    config = transformers.AutoConfig.from_pretrained(folder)
    if config.model_type != "bert":
        raise SystemExit(f"{folder}/config.json: model_type: expected bert, got {config.model_type}")
    name = (config.architectures or ["BertModel"])[0]
    if name.removeprefix("Bert") not in BERT.heads or name == "BertForMultipleChoice":
        name = "BertModel"
    how = {"attn_implementation": "eager", "dtype": torch.float64, "output_loading_info": True}
    model, info = getattr(transformers, name).from_pretrained(folder, **how)
    missing = sorted(info["missing_keys"])
    if name == "BertModel" and missing == ["pooler.dense.bias", "pooler.dense.weight"]:
        model, _ = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False, **how)
    elif missing:
        raise SystemExit(f"{folder}: {name} needs {', '.join(missing)}, which the weights don't hold")
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


def check_fit(texts, model):
    """Refuses a text that the model has no positions for, or a tokenizer that isn't the model's."""
    most, V = model.config.max_position_embeddings, model.config.vocab_size
    for number, entry in enumerate(texts, start=1):
        if len(entry["ids"]) > most:
            raise SystemExit(f"text {number}: expected at most {most} tokens, got {len(entry['ids'])}")
        if max(entry["ids"]) >= V:
            raise SystemExit(f"text {number}: expected ids below the vocabulary's {V}, got {max(entry['ids'])}")


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
    """Every forward.* of the batch."""
    with torch.no_grad():
        return forward_and_gradients(model, batch)


def save(path, tensors):
    """Writes a safetensors file that everybody may read."""
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    pathlib.Path(path).chmod(0o644)


def write_text_case(folder, model_folder, texts, note, command, seed=None):
    """Writes a case that starts from text and refers to its model's folder; returns model, input.* and forward.*."""
    model, tokenizer = load(model_folder)
    texts = tokenize(tokenizer, texts)
    check_fit(texts, model)
    batch = pad(texts, tokenizer.pad_token_id)
    expected = forward(model, batch)
    folder.mkdir(parents=True, exist_ok=True)
    save(folder / "expected.safetensors", expected | batch)
    write_list(folder / "texts.json", texts)
    case = {
        "format": 1,
        "generator": generator_note(command),
        "class": type(model).__name__,
        "model": os.path.relpath(model_folder.resolve(), folder.resolve()),
        "note": note,
        "sizes": sizes_of(model, batch),
        "left_out": {"loss.*": "no labels", "grad.*": "no labels", "train.*": "no labels"},
    }
    case |= {} if seed is None else {"seed": seed}
    write_json(folder / "case.json", case)
    return model, batch, expected
