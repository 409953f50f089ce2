"""Opens model folders that this project wrote with the transformers library: open_written.py FOLDER.

    BERT_WRITTEN_DIR=build/written ctest --test-dir build/release -R '^io/families/'
    python="$(reference_outputs/environment)"
    $python reference_outputs/open_written.py build/written

The tests of the families read each case's model and write it again; with BERT_WRITTEN_DIR they keep what they wrote, a folder for
each case. Here each is opened, run on the case's input, and its outputs are held to those of the case's own folder, which the
library wrote, and to the stored tensors. Fails if the library finds a tensor missing or unknown, or an output differs by 1e-5.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import safetensors.torch  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

from generator.folder import CASES  # noqa: E402
from generator.record import call  # noqa: E402

LIMIT = 1e-5


def open_model(folder, class_name, expected):
    """The model of a folder in double, and what the library said of its tensors."""
    arguments = {"attn_implementation": "eager", "dtype": torch.float64, "output_loading_info": True}
    if class_name in ("BertModel", "RobertaModel", "AlbertModel", "MobileBertModel"):
        arguments["add_pooling_layer"] = "forward.pooled" in expected
    return getattr(transformers, class_name).from_pretrained(folder, **arguments)


def outputs(model, batch):
    """All tensors that the model returns."""
    with torch.no_grad():
        found = call(model.eval(), batch)
    return {name: tensor for name, tensor in found.items() if torch.is_tensor(tensor)}


def main():
    """Compares each folder; prints a line for each."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    failed = 0
    for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        case = CASES / folder.name
        description = json.loads((case / "case.json").read_text(encoding="utf-8"))
        stored = safetensors.torch.load_file(case / "expected.safetensors")
        batch = {name: tensor for name, tensor in stored.items() if name.startswith(("input.", "label."))}
        ours, info = open_model(folder, description["class"], stored)
        theirs, _ = open_model(case / description.get("model", "."), description["class"], stored)
        expected = outputs(theirs, batch)
        found = outputs(ours, batch)
        assert found.keys() == expected.keys() and expected
        worst = max(float((found[name] - expected[name]).abs().max()) for name in expected)
        idle = set(description.get("unused", []))  # of tensors that the library has but doesn't use
        complaints = {kind: sorted(set(names) - idle) for kind, names in info.items() if set(names) - idle}
        holds = worst <= LIMIT and not complaints
        failed += not holds
        print(f"{folder.name} ({description['class']}): {len(expected)} outputs, worst difference {worst:.3g} {complaints or ''}")
    print(f"{failed} fail" if failed else "all hold")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
