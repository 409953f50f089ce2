"""Stored reference tensors of a BERT of one's own, on texts of one's own, in float64.

dump_checkpoint.py --model FOLDER --text FILE --output FILE.safetensors   every forward.* and input.*
dump_checkpoint.py --model FOLDER --text FILE --case FOLDER               a case: case.json, texts.json, expected.safetensors

FOLDER holds config.json, the weights and the tokenizer's files. FILE holds a text a line, or, if its name ends in .jsonl,
an object a line with `text` and, for a pair, `pair`.
"""

import argparse
import json
import pathlib

import torch
import transformers

from generator.dump import check_fit, forward, load, pad, save, tokenize, write_text_case


def read_texts(path):
    """The texts of a file as a list of {"text": ..., "pair": ... or missing}."""
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [json.loads(line) if path.suffix == ".jsonl" else {"text": line} for line in lines]


def main():
    """Reads the options and writes the file or the case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=pathlib.Path, help="a model folder")
    parser.add_argument("--text", required=True, type=pathlib.Path, help="the texts")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--output", type=pathlib.Path, help="the safetensors file to write")
    target.add_argument("--case", type=pathlib.Path, help="the case folder to write")
    options = parser.parse_args()

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    texts = read_texts(options.text)
    if options.case:
        note = f"A checkpoint ({options.model.name}) on texts of {options.text.name}."
        write_text_case(options.case, options.model, texts, note, "reference_outputs/dump_checkpoint.py")
        return
    model, tokenizer = load(options.model)
    texts = tokenize(tokenizer, texts)
    check_fit(texts, model)
    batch = pad(texts, tokenizer.pad_token_id)
    save(options.output, forward(model, batch) | batch)


if __name__ == "__main__":
    main()
