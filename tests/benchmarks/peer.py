"""One peer of inference.py: a process that loads a model folder and answers the same requests as inference.cpp.

Usage: peer.py ENGINE FOLDER THREADS PRECISION
ENGINE: torch, torch-compiled, onnxruntime, onnxruntime-optimised, openvino. PRECISION: float32, or bf16, which onnxruntime lacks.
"""

import functools
import os
import pathlib
import sys
import time

import numpy


def parse(line):
    """repeat, and a list of batches, each a list of lists of ids."""
    numbers = iter(map(int, line.split()))
    repeat, count = next(numbers), next(numbers)
    return repeat, [[[next(numbers) for _ in range(next(numbers))] for _ in range(next(numbers))] for _ in range(count)]


def padded(batch):
    """input_ids, attention_mask and token_type_ids of a batch, padded to its longest."""
    length = max(map(len, batch))
    ids = numpy.zeros((len(batch), length), dtype=numpy.int64)
    mask = numpy.zeros_like(ids)
    for row, sequence in enumerate(batch):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}


def torch_model(folder, precision="float32"):
    import torch
    import transformers

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    model_type = transformers.AutoConfig.from_pretrained(folder).model_type
    options = {} if model_type in ("distilbert", "gpt2") else {"add_pooling_layer": False}
    return torch, transformers.AutoModel.from_pretrained(folder, dtype=dtype, **options).eval()


def inputs_of(model, batch):
    """What a model is given: not every architecture has segments."""
    inputs = padded(batch)
    if not getattr(model.config, "type_vocab_size", 0) or model.config.model_type == "roberta":
        del inputs["token_type_ids"]
    return inputs


def without_cache(model):
    """GPT-2's keys and values aren't kept for a next call."""
    return {"use_cache": False} if model.config.model_type == "gpt2" else {}


def torch_engine(folder, threads, precision, compiled=False):
    torch, model = torch_model(folder, precision)
    torch.set_num_threads(threads)
    if compiled:
        model = torch.compile(model, dynamic=True)

    def prepare(batch):
        inputs = {name: torch.from_numpy(array) for name, array in inputs_of(model, batch).items()}
        if inputs["attention_mask"].all():
            del inputs["attention_mask"]  # as its users do where nothing is padded
        return inputs

    def run(inputs):
        with torch.inference_mode():
            return model(**inputs, **without_cache(model)).last_hidden_state.float().numpy()

    return prepare, run


def exported(folder):
    """The model as ONNX, beside its weights; made once."""
    path = pathlib.Path(folder) / "model.onnx"
    if path.exists():
        return path
    torch, model = torch_model(folder)

    class LastHidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids=None):
            inputs = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
            inputs = {name: value for name, value in inputs.items() if value is not None}
            return self.model(**inputs, **without_cache(model)).last_hidden_state

    example = {name: torch.from_numpy(array) for name, array in inputs_of(model, [[101, 2000, 102], [101, 102]]).items()}
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    torch.onnx.export(
        LastHidden(),
        tuple(example.values()),
        str(path),
        input_names=list(example),
        output_names=["last_hidden_state"],
        dynamic_shapes={name: {0: batch, 1: length} for name in example},
        opset_version=18,
        dynamo=True,
        external_data=False,
    )
    return path


def onnxruntime_engine(folder, threads, precision, optimised=False):
    import onnxruntime

    assert precision == "float32"

    path = exported(folder)
    if optimised:
        import json

        from onnxruntime.transformers import optimizer

        config = json.loads((pathlib.Path(folder) / "config.json").read_text())
        better = path.with_name("model-optimised.onnx")
        if not better.exists():
            kind = "gpt2" if config["model_type"] == "gpt2" else "bert"
            heads = config.get("num_attention_heads") or config.get("n_heads") or config["n_head"]
            width = config.get("hidden_size") or config.get("dim") or config["n_embd"]
            optimizer.optimize_model(str(path), kind, heads, width, opt_level=1).save_model_to_file(str(better))
        path = better
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = {entry.name for entry in session.get_inputs()}
    return (
        lambda batch: {name: array for name, array in padded(batch).items() if name in names},
        lambda inputs: session.run(None, inputs)[0],
    )


def openvino_engine(folder, threads, precision):
    import openvino

    core = openvino.Core()
    hint = "bf16" if precision == "bf16" else "f32"
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(core.read_model(str(exported(folder))), "CPU", settings)
    request = compiled.create_infer_request()
    names = {entry.get_any_name() for entry in compiled.inputs}
    return (
        lambda batch: {name: array for name, array in padded(batch).items() if name in names},
        lambda inputs: request.infer(inputs, share_inputs=True, share_outputs=True)[0],
    )


ENGINES = {
    "torch": torch_engine,
    "torch-compiled": functools.partial(torch_engine, compiled=True),
    "onnxruntime": onnxruntime_engine,
    "onnxruntime-optimised": functools.partial(onnxruntime_engine, optimised=True),
    "openvino": openvino_engine,
}


def main():
    engine, folder, threads, precision = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints doesn't get among the answers
    prepare, run = ENGINES[engine](folder, int(threads), precision)
    print("ready", file=answers)
    for line in sys.stdin:
        repeat, batches = parse(line)
        inputs = [prepare(batch) for batch in batches]
        begin = time.perf_counter()
        for _ in range(repeat):
            outputs = [run(entry) for entry in inputs]
            # The outputs of the last pass are compared; an engine that shares its memory has only the last batch's by then.
        seconds = (time.perf_counter() - begin) / repeat
        if len(inputs) > 1:
            outputs = [run(entry).copy() for entry in inputs]
        numbers = [float(number) for output in outputs for row in output for number in row[0, :4]]
        print(1e3 * seconds, *numbers, file=answers)


if __name__ == "__main__":
    main()
