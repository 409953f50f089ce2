"""What the transformers library reaches with matrix products in bfloat16: measure_bfloat16.py [NAME...]; without a name all cases.

    python="$(reference_outputs/environment)"
    $python reference_outputs/measure_bfloat16.py

Computes every stored case in float32, with the operands of each product rounded to bfloat16 (generator/bfloat16.py), and prints
for each kind of tensor the largest error, measured as `bert verify --precision bf16` measures it (norm_errors in
generator/compare.py). The limits of that command are set over these figures. `grad` is with ReLU on the branches that the case
took, `grad, as it comes` with those that rounded numbers take.
"""

import copy
import json
import os
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import safetensors.torch  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

from generator.bfloat16 import Bf16Products, StoredBranches  # noqa: E402
from generator.compare import norm_errors  # noqa: E402
from generator.folder import CASES, compute  # noqa: E402

KINDS = ("forward", "loss", "grad", "grad, as it comes", "train.loss", "train.grad_norm", "train.parameter")


def load(folder):
    """A stored case: its model in float32, its batch, its recipe or None, its expected tensors, and its parameters."""
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    stored = safetensors.torch.load_file(folder / "expected.safetensors")
    batch = {name: tensor for name, tensor in stored.items() if name.startswith(("input.", "label."))}
    expected = {name: tensor for name, tensor in stored.items() if name not in batch}
    arguments = {"attn_implementation": "eager", "dtype": torch.float32}
    if case["class"] in ("BertModel", "RobertaModel", "AlbertModel", "MobileBertModel"):
        arguments["add_pooling_layer"] = "forward.pooled" in expected
    model = getattr(transformers, case["class"]).from_pretrained(folder / case.get("model", "."), **arguments).eval()
    start = {name: p.detach().double() for name, p in model.named_parameters()}
    return model, batch, case.get("train"), expected, start


def with_stored_branches(model, expected):
    """A copy of a BERT whose ReLUs take the branches of the case; the model itself if it has none, or is a variant."""
    if not hasattr(model, "bert") or model.config.hidden_act != "relu":
        return model
    model = copy.deepcopy(model)
    for n, layer in enumerate(model.bert.encoder.layer):
        layer.intermediate.intermediate_act_fn = StoredBranches(expected[f"forward.layer.{n}.intermediate"])
    return model


def measure(folder):
    """The largest error of each kind, and whose it is: {kind: (error, name)}."""
    model, batch, recipe, expected, start = load(folder)
    with Bf16Products():
        found = compute(model, batch, recipe)
        branched = compute(with_stored_branches(model, expected), batch, None)
    as_it_comes = norm_errors(found, expected, batch["input.mask"], start)
    gradients = {name: tensor for name, tensor in branched.items() if name.startswith("grad.")}
    worst = {}
    for name, error in norm_errors(found | gradients, expected, batch["input.mask"], start).items():
        kind = next(kind for kind in (*KINDS, "train.learning_rate") if name.startswith(kind + ".") or name == kind)
        worst[kind] = max(worst.get(kind, (0.0, "")), (error, name))
        if kind == "grad":
            kind = "grad, as it comes"
            worst[kind] = max(worst.get(kind, (0.0, "")), (as_it_comes[name], name))
    return worst


def main():
    """Measures the cases named on the command line, or all."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    worst = {}
    for folder in [CASES / name for name in sys.argv[1:]] or sorted(CASES.iterdir()):
        of_case = measure(folder)
        print(f"{folder.name}: " + ", ".join(f"{kind} {of_case[kind][0]:.3g}" for kind in KINDS if kind in of_case))
        for kind, (error, name) in of_case.items():
            worst[kind] = max(worst.get(kind, (0.0, "")), (error, f"{folder.name}: {name}"))
    print("\nThe largest:")
    for kind in KINDS:
        if kind in worst:
            print(f"{kind}: {worst[kind][0]:.3g} ({worst[kind][1]})")


if __name__ == "__main__":
    main()
