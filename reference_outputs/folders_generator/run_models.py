"""What the Auto classes make of a folder with a model."""

import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from .observe import observed

IDS = [4, 57, 60, 67, 94, 5]  # [CLS] hello the un ##wanted [SEP]
HEADS = ("pooler.", "classifier.", "score.", "pre_classifier.")  # drawn anew if the file has none


def numbers(tensor):
    """A vector with nine digits, which say a float exactly."""
    return [float(f"{value:.9g}") for value in tensor.float().tolist()]


def configuration(path):
    """What the library reads from config.json."""
    config = AutoConfig.from_pretrained(path)
    return {
        "class": type(config).__name__,
        "model_type": config.model_type,
        "architectures": config.architectures,
        "num_labels": config.num_labels,
        "id2label": [[key, value] for key, value in config.id2label.items()],
        "label2id": [[key, value] for key, value in config.label2id.items()] if config.label2id is not None else None,
        "problem_type": config.problem_type,
        "dtype": str(config.dtype).removeprefix("torch.") if config.dtype is not None else None,
    }


def loaded(auto, path, result):
    """The class, the missing and unexpected tensors, and a result, which is left out where tensors were drawn at random."""
    model, info = auto.from_pretrained(path, output_loading_info=True)
    missing = sorted(info["missing_keys"])
    entry = {
        "class": type(model).__name__,
        "dtype": str(model.dtype).removeprefix("torch."),
        "missing": missing[:4],
        "unexpected": sorted(info["unexpected_keys"])[:4],
    }
    wanted = {"classifier", "score"} if result is logits else set()
    random = [name for name in missing if not name.startswith(HEADS) or name.split(".")[0] in wanted]
    if not random:
        with torch.no_grad():
            entry |= result(model.eval())
    return entry


def states(model):
    """The mean of the last hidden states over the tokens."""
    return {"mean": numbers(model(torch.tensor([IDS]), return_dict=True).last_hidden_state[0].float().mean(0))}


def logits(model):
    """The logits of the classifier, and the label of the largest."""
    found = model(torch.tensor([IDS]), return_dict=True).logits[0]
    return {"logits": numbers(found), "label": model.config.id2label[int(found.argmax())]}


def run(folder, path):
    """The entry of a folder in expected.json."""
    entry = {"ids": IDS}
    parts = {"config": lambda: configuration(path), "body": lambda: loaded(AutoModel, path, states)}
    if folder.options.get("classifier"):
        parts["classifier"] = lambda: loaded(AutoModelForSequenceClassification, path, logits)
    for name, part in parts.items():
        found, warnings = observed(part, path)
        entry[name] = found | ({"warnings": warnings} if warnings else {})
    return entry
