"""The libraries that computed the results."""

from importlib.metadata import version

LIBRARIES = ("transformers", "torch", "tokenizers", "safetensors", "sentence-transformers")


def generator_note(command):
    """What expected.json says of its origin: the command, and the versions that ran."""
    return {"script": command, **{name: version(name).split("+")[0] for name in LIBRARIES}}
