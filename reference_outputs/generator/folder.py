"""Writes a case: the folder, its files, and the proof that it notices what it is there to notice."""

import copy
import fnmatch
import json
import pathlib
from importlib.metadata import version

import safetensors.torch
import torch

from .architectures import architecture_of
from .compare import worst
from .record import Forward, forward_and_gradients
from .training import OPTIMIZERS, train, train_by_torch

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CASES = PROJECT / "reference_outputs" / "cases"
LIBRARIES = ("transformers", "torch", "tokenizers", "safetensors", "numpy")
FLOATING = ("label.value", "label.multi")
OTHER_SIZES = {  # that only some architectures have
    "embedding_size": "E",
    "num_hidden_groups": "groups",
    "inner_group_num": "inner",
    "intra_bottleneck_size": "bottleneck",
    "num_feedforward_networks": "ffns",
}


def generator_note(command):
    """What case.json says of its origin: the command, and the versions that ran."""
    return {"script": command, **{name: version(name).split("+")[0] for name in LIBRARIES}}


def write_json(path, content):
    """Writes a JSON object, indented."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_list(path, entries):
    """A JSON list with one entry a line."""
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def sizes_of(model, batch, **others):
    """The sizes of a case by their letters, for case.json."""
    config = model.config
    B, L = batch["input.ids"].shape
    H, A = config.hidden_size, config.num_attention_heads
    D = getattr(config, "true_hidden_size", H) // A  # MobileBERT's heads are as wide as its bottleneck
    I = getattr(config, architecture_of(model).intermediate) or 4 * H  # GPT-2 may leave it open
    sizes = {"B": B, "L": L, "layers": config.num_hidden_layers, "A": A, "D": D, "H": H, "I": I, "V": config.vocab_size}
    return sizes | {letter: getattr(config, key) for key, letter in OTHER_SIZES.items() if hasattr(config, key)} | others


def in_double(model):
    """A copy of the model in float64: the same numbers."""
    return copy.deepcopy(model).double()


def loss_of(model, batch):
    """The function that computes the loss of the batch anew."""
    return lambda: Forward(model, batch).losses["loss.total"]


def compute(model, batch, recipe):
    """Everything a case expects, in the precision of the model, which stays as it is."""
    scalar = next(model.parameters()).dtype
    batch = {name: tensor.to(scalar) if name in FLOATING else tensor for name, tensor in batch.items()}
    expected = forward_and_gradients(model, batch)
    if recipe is not None:
        student = copy.deepcopy(model)
        expected |= train(student, loss_of(student, batch), recipe)
    return expected


def check_adamw(model, batch, expected, recipe):
    """Our adamw against PyTorch's."""
    student = in_double(model)
    theirs = train_by_torch(student, loss_of(student, batch), recipe)
    for name in theirs.keys() & expected.keys():
        assert torch.allclose(theirs[name], expected[name], rtol=1e-12, atol=1e-13), name


def check_parameters_matter(model, batch, expected, unused):
    """Moving any parameter tensor by 1 % moves some expected tensor by more than 1000 times its limit."""
    without_training = {name: tensor for name, tensor in expected.items() if not name.startswith("train.")}
    least = float("inf")
    for name, _ in model.named_parameters():
        if name in unused:
            continue
        moved = in_double(model)
        with torch.no_grad():
            moved.get_parameter(name).mul_(1.01)
        by, _ = worst(forward_and_gradients(moved, batch), without_training, batch["input.mask"])
        assert by > 1000, f"moving {name} by 1 % moves nothing by more than {by} limits"
        least = min(least, by)
    return least


def changed_recipes(recipe, clipped):
    """The same training with one thing done differently: a mistake that the case has to notice."""
    rate, warmup = recipe["learning_rate"], recipe["schedule"]["warmup_steps"]
    yield "learning rate 1 % larger", {"learning_rate": 1.01 * rate}
    yield "beta1 0.8", {"beta1": 0.8}
    yield "beta2 0.99", {"beta2": 0.99}
    yield "ten times epsilon", {"epsilon": 10 * recipe["epsilon"]}
    yield "no weight decay", {"weight_decay": 0.0}
    yield "weight decay on everything", {"no_decay": []}
    yield "no warm-up", {"schedule": {**recipe["schedule"], "warmup_steps": 0}}
    yield "a longer warm-up", {"schedule": {**recipe["schedule"], "warmup_steps": warmup + 1}}
    yield "a longer schedule", {"schedule": {**recipe["schedule"], "total_steps": recipe["schedule"]["total_steps"] + 1}}
    if clipped:
        yield "no clipping", {"max_grad_norm": 1e9}
    for other in sorted(set(OPTIMIZERS) - {recipe["optimizer"]}):
        yield other, {"optimizer": other}


def check_recipe_matters(model, batch, expected, recipe):
    """Every mistake of changed_recipes moves some train.* by more than 1000 times its limit."""
    trained = {name: tensor for name, tensor in expected.items() if name.startswith("train.parameter.")}
    clipped = (expected["train.grad_norm"] > recipe["max_grad_norm"]).any()
    for what, change in changed_recipes(recipe, clipped):
        student = in_double(model)
        found = train(student, loss_of(student, batch), recipe | change)
        by, _ = worst(found, trained, batch["input.mask"])
        assert by > 1000, f"{what} moves no trained parameter by more than {by} limits"


def check_float(model, batch, expected, recipe):
    """The library itself in float stays within the limits for float; returns how much of them it uses."""
    by, name = worst(compute(model, batch, recipe), expected, batch["input.mask"], column=1)
    assert by < 0.5, f"float32 uses {by} of the limit for {name}"
    return by


def report(folder, tensors, least, used):
    """Prints a line about a finished case."""
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder.name}: {size / 1000:.0f} kB, {tensors} tensors; ", end="")
    print(f"1 % of a parameter moves {least:.1e} limits; float uses {used:.2f} of its own")


def write_case(name, note, model, batch, seed, sizes, recipe=None, left_out=None, unused=()):
    """Computes and checks the case, then writes its folder."""
    expected = compute(in_double(model), batch, recipe)
    for pattern in left_out or {}:
        for dropped in fnmatch.filter(expected, pattern):
            del expected[dropped]
    least = check_parameters_matter(model, batch, expected, unused)
    used = check_float(model, batch, expected, recipe)
    if recipe is not None:
        check_recipe_matters(model, batch, expected, recipe)
        if recipe["optimizer"] == "adamw":
            check_adamw(model, batch, expected, recipe)

    folder = CASES / name
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)  # written for GPT-2; not needed
    stored = safetensors.torch.load_file(folder / "model.safetensors")
    gradients = {n.removeprefix("grad.") for n in expected if n.startswith("grad.") and not n.startswith("grad.forward.")}
    if gradients:
        assert gradients == set(stored) - set(unused), gradients ^ (set(stored) - set(unused))
    assert not set(batch) & set(expected)
    expected |= batch
    safetensors.torch.save_file({n: t.contiguous() for n, t in expected.items()}, folder / "expected.safetensors")
    case = {
        "format": 1,
        "generator": generator_note(f"reference_outputs/make {name}"),
        "class": type(model).__name__,
        "seed": seed,
        "note": note,
        "sizes": sizes,
    }
    case |= {"train": recipe} if recipe else {}
    case |= {"left_out": left_out} if left_out else {}
    case |= {"unused": list(unused)} if unused else {}
    write_json(folder / "case.json", case)
    for file in folder.iterdir():
        file.chmod(0o644)
    report(folder, len(expected), least, used)
