"""Small models with wide random weights, the same ones each time."""

import json
import pathlib
import tempfile

import numpy
import safetensors.torch
import torch
import transformers

from .vocabulary import WHOLE_CONFIG


def fill(module, seed):
    """Draws every parameter of a module: matrices around 0, scales around 1."""
    rng = numpy.random.default_rng(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            center = 1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0
            parameter.copy_(torch.from_numpy(center + 0.4 * rng.standard_normal(tuple(parameter.shape))))
    return module.eval()


def packed(module):
    """The parameters of a module as a safetensors file."""
    tied = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
    tensors = {
        name: value.contiguous()
        for name, value in module.state_dict().items()
        if name not in tied and not name.endswith("position_ids")
    }
    return safetensors.torch.save(tensors, metadata={"format": "pt"})


def bert(class_name, seed, **config):
    """A model of a class, as the file model.safetensors."""
    options = {key: value for key, value in WHOLE_CONFIG.items() if key not in ("architectures", "dtype")} | config
    return packed(fill(getattr(transformers, class_name)(transformers.BertConfig(**options)), seed))


def layer(kind, *arguments, seed, prefix="linear.", **options):
    """A layer of torch as the file of a module of sentence-transformers."""
    module = fill(getattr(torch.nn, kind)(*arguments, **options), seed)
    return safetensors.torch.save({prefix + name: value for name, value in module.state_dict().items()})


def saved(module, seed, folder):
    """The files that a module of sentence-transformers writes, its parameters drawn from a seed, by their paths in a folder."""
    fill(module, seed)
    with tempfile.TemporaryDirectory() as place:
        module.save(place)
        files = {}
        for path in sorted(pathlib.Path(place).rglob("*")):
            if path.is_file():
                name = f"{folder}/{path.relative_to(place)}" if folder else str(path.relative_to(place))
                files[name] = json.loads(path.read_text()) if path.suffix == ".json" else path.read_bytes()
        return files
