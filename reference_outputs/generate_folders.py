"""Makes the odd folders again, and what the libraries do with them: generate_folders.py [KIND...]; without a kind all of them.

generate_folders.py --unpack KIND/NAME PATH writes the files of one folder.

Everything is computed REPEATS times in each of two processes with different seeds of Python's hashes, and has to come out the
same.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ |= {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "RUST_BACKTRACE": "0"}

from folders_generator import (  # noqa: E402
    added_tokens,
    companions,
    contradictions,
    models,
    other_classes,
    sentences,
    spellings,
    vocabulary_lines,
)
from folders_generator.recipe import FOLDERS, assemble, contents, files_of, store, unpack, write_expected  # noqa: E402
from folders_generator.shared import write_shared  # noqa: E402
from folders_generator.versions import generator_note  # noqa: E402

TOKENIZERS = [added_tokens, companions, contradictions, other_classes, vocabulary_lines, spellings]
REPEATS = 2
KINDS = {module.KIND: module for module in TOKENIZERS + [models, sentences]}


def require_equal(name, first, second):
    """The same twice, or an error that says what changed."""
    for key in first.keys() | second.keys():
        assert first.get(key) == second.get(key), f"{name}: {key}: {first.get(key)} and then {second.get(key)}"


def results(kind):
    """What the library does with each folder of a kind."""
    import transformers

    from folders_generator import run_models, run_sentences, run_tokenizers

    runners = {models: run_models.run, sentences: run_sentences.run}
    run = runners.get(KINDS[kind], run_tokenizers.run)
    transformers.logging.disable_progress_bar()
    found = {}
    with tempfile.TemporaryDirectory() as place:
        for folder in KINDS[kind].FOLDERS:
            path = pathlib.Path(place) / folder.name
            assemble(folder, path)
            found[folder.name] = run(folder, str(path))
            for _ in range(1, REPEATS):
                require_equal(f"{kind}/{folder.name}", found[folder.name], run(folder, str(path)))
    return found


def results_in_process(kinds, seed):
    """The results of kinds, computed in a process of its own."""
    command = [sys.executable, __file__, "--results", *kinds]
    done = subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": str(seed)}, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def generate(kind, found):
    """Writes the folders of a kind and their expected.json."""
    module = KINDS[kind]
    shutil.rmtree(FOLDERS / kind, ignore_errors=True)
    (FOLDERS / kind).mkdir(parents=True)
    expected = {"format": 1, "generator": generator_note(f"reference_outputs/folders/make {kind}"), "kind": kind}
    expected["folders"] = [
        {"name": folder.name, "point": folder.point} | store(kind, folder) | found[folder.name] for folder in module.FOLDERS
    ]
    write_expected(FOLDERS / kind / "expected.json", expected)
    stored = json.loads((FOLDERS / kind / "expected.json").read_text(encoding="utf-8"))["folders"]
    for entry, folder in zip(stored, module.FOLDERS, strict=True):  # what is stored makes the folders that were run
        files = files_of(entry)
        assert files.keys() == folder.files.keys() and all(
            contents(files[name]) == contents(folder.files[name]) for name in files
        )
    refused = sum("refused" in entry for entry in found.values())
    print(f"{kind}: {len(found)} folders, {refused} of them refused")


def main():
    """Makes the kinds named on the command line, or all."""
    if sys.argv[1:2] == ["--results"]:
        output = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what the libraries print isn't a result
        json.dump({kind: results(kind) for kind in sys.argv[2:]}, output)
        return
    if sys.argv[1:2] == ["--unpack"]:
        unpack(sys.argv[2], pathlib.Path(sys.argv[3]))
        return
    unknown = set(sys.argv[1:]) - set(KINDS)
    if unknown:
        sys.exit(f"generate_folders.py: no kind {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    kinds = sys.argv[1:] or list(KINDS)
    write_shared()
    first, second = (results_in_process(kinds, seed) for seed in (1, 2))
    for kind in kinds:
        for name in first[kind]:
            require_equal(f"{kind}/{name}", first[kind][name], second[kind][name])
        generate(kind, first[kind])


if __name__ == "__main__":
    main()
