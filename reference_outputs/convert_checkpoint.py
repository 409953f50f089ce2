"""Makes a model folder of a checkpoint of another format: convert_checkpoint.py SOURCE_FOLDER OUTPUT_FOLDER

SOURCE_FOLDER has either pytorch_model.bin (also in parts, with pytorch_model.bin.index.json) and config.json, or a TensorFlow
checkpoint of google-research/bert (bert_model.ckpt.index and its data) and bert_config.json. OUTPUT_FOLDER, new or empty, gets
config.json, model.safetensors, and the files of the tokenizer that are there. Bad input: one line, and exit status 2.
"""

import json
import pathlib
import shutil
import sys

from safetensors.numpy import save_file as save_arrays

from converter import bundle
from converter.errors import InputError
from converter.names import architecture, from_pytorch, from_tensorflow, is_of_model

TOKENIZER = ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
TIES = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}


def read_json(path):
    """A JSON object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: expected JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected an object, got {type(value).__name__}")
    return value


def tensorflow_tensors(index):
    """The tensors of a TensorFlow checkpoint, with the names and orientation of a model folder."""
    tensors = {}
    for name, values in bundle.read(index, is_of_model).items():
        try:
            name, transposed = from_tensorflow(name)
        except InputError as error:
            raise InputError(f"{index}: {error}") from error
        tensors[name] = values.T.copy() if transposed else values
    return tensors


def pytorch_tensors(path):
    """The tensors of one file that PyTorch wrote."""
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except Exception as error:  # a broken pickle may raise anything
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: expected tensors that PyTorch wrote: {why}") from error
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise InputError(f"{path}: expected tensors by their names")
    return {from_pytorch(name): value.contiguous() for name, value in content.items() if not name.endswith(".position_ids")}


def sharded_tensors(index):
    """The tensors of a checkpoint in several files."""
    tensors, parts = {}, read_json(index).get("weight_map")
    if not isinstance(parts, dict) or not parts or not all(isinstance(part, str) for part in parts.values()):
        raise InputError(f"{index}: expected weight_map, the file of each tensor")
    for part in sorted(set(parts.values())):
        tensors |= pytorch_tensors(index.parent / part)
    missing = [name for name in parts if from_pytorch(name) not in tensors and not name.endswith(".position_ids")]
    if missing:
        raise InputError(f"{index}: {missing[0]}: expected in {parts[missing[0]]}, got no such tensor")
    return tensors


def untied(tensors, equal):
    """Without the copies of tied tensors, which a model folder doesn't have."""
    return {
        name: value
        for name, value in tensors.items()
        if name not in TIES or TIES[name] not in tensors or not equal(value, tensors[TIES[name]])
    }


def completed(config, tensors, place):
    """config.json with the class, and with what google-research/bert leaves to its code."""
    config = {"model_type": "bert"} | config
    if config["model_type"] == "bert":
        if not config.get("architectures"):
            config["architectures"] = [architecture(tensors)]
        config.setdefault("layer_norm_eps", 1e-12)
        word = next((value for name, value in tensors.items() if name.endswith("embeddings.word_embeddings.weight")), None)
        expected = [config.get("vocab_size"), config.get("hidden_size")]
        if word is None or list(word.shape) != expected:
            got = "no such tensor" if word is None else list(word.shape)
            raise InputError(
                f"{place}: embeddings.word_embeddings.weight: expected {expected}, as the configuration says, got {got}"
            )
        if config["architectures"] == ["BertForSequenceClassification"] and not config.keys() & {"id2label", "num_labels"}:
            labels = [f"LABEL_{row}" for row in range(tensors["classifier.weight"].shape[0])]
            config["id2label"] = {str(row): label for row, label in enumerate(labels)}
            config["label2id"] = {label: row for row, label in enumerate(labels)}
    return config


def convert(source, output):
    """Reads SOURCE_FOLDER, writes OUTPUT_FOLDER; returns a line that says what there is."""
    if not source.is_dir():
        raise InputError(f"{source}: expected a folder")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output}: expected a folder that is new or empty")
    parts, one, tables = source / "pytorch_model.bin.index.json", source / "pytorch_model.bin", sorted(source.glob("*.index"))
    if parts.exists() or one.exists():
        from safetensors.torch import save_file as save

        place = parts if parts.exists() else one
        tensors = sharded_tensors(parts) if parts.exists() else pytorch_tensors(one)
        tensors = untied(tensors, lambda x, y: x.shape == y.shape and bool((x == y).all()))
        tensors = {name: value.clone() for name, value in tensors.items()}  # two names may share memory
    elif len(tables) == 1:
        place = tables[0]
        tensors = tensorflow_tensors(place)
        save = save_arrays
    else:
        got = ", ".join(path.name for path in tables) or "neither"
        raise InputError(f"{source}: expected pytorch_model.bin or one TensorFlow checkpoint (NAME.index), got {got}")
    if not tensors:
        raise InputError(f"{place}: expected tensors of a model, got none")
    config = source / "config.json"
    config = config if config.exists() else source / "bert_config.json"
    config = completed(read_json(config), tensors, place)

    output.mkdir(parents=True, exist_ok=True)
    save(tensors, output / "model.safetensors", metadata={"format": "pt"})
    (output / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    copied = [name for name in TOKENIZER if (source / name).exists()]
    for name in copied:
        shutil.copyfile(source / name, output / name)
    kind = ", ".join(config.get("architectures") or [config["model_type"]])
    return f"{output}: {kind}, {len(tensors)} tensors, {', '.join(copied) or 'no tokenizer'}"


def main():
    """Converts; bad input is one line and exit status 2."""
    if len(sys.argv) != 3:
        print("convert_checkpoint.py: expected SOURCE_FOLDER OUTPUT_FOLDER", file=sys.stderr)
        sys.exit(2)
    try:
        print(convert(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
    except InputError as error:
        print(f"convert_checkpoint.py: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
