"""Checks convert_checkpoint.py: $(reference_outputs/environment) reference_outputs/test_convert_checkpoint.py

The converted folders are loaded by transformers. Sources: converter/sample, which TensorFlow wrote; a table written here, with
what TensorFlow's doesn't have (compressed blocks, two data files, other types); and files that PyTorch writes.
"""

import contextlib
import io
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest.mock

os.environ |= {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}

import numpy  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

import convert_checkpoint  # noqa: E402
from converter import bundle, sample  # noqa: E402
from converter.names import from_tensorflow, is_of_model  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
SAMPLE = HERE / "converter" / "sample"


def run(source, output):
    """The exit status of the command, and what it prints as errors."""
    errors, status = io.StringIO(), 0
    with unittest.mock.patch.object(sys, "argv", ["convert_checkpoint.py", str(source), str(output)]), contextlib.redirect_stderr(
        errors
    ):
        try:
            convert_checkpoint.main()
        except SystemExit as end:
            status = end.code
    return status, errors.getvalue()


def converted(source, place, name):
    """Converts what has to be convertible."""
    status, errors = run(source, place / name)
    assert status == 0, errors
    return place / name


def require_refused(source, output, *words):
    """The command says one line with these words, and exits with 2."""
    status, errors = run(source, output)
    assert status == 2 and errors.count("\n") == 1, (status, errors)
    for word in words:
        assert word in errors, f"{word!r} isn't in {errors!r}"


def load(class_name, folder):
    """A model of a class, none of whose tensors is missing or left over."""
    model, info = getattr(transformers, class_name).from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
    return model.eval()


def by_hand(values):
    """The forward pass of google-research/bert with its own names and orientations, in double: logits of both heads for IDS."""

    def dense(x, name):
        return x @ values[name + "/kernel"] + values[name + "/bias"]

    def norm(x, name):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / numpy.sqrt(variance + 1e-12) * values[name + "/LayerNorm/gamma"] + values[name + "/LayerNorm/beta"]

    def gelu(x):
        return torch.nn.functional.gelu(torch.from_numpy(x)).numpy()

    values = {name: value.astype(numpy.float64) for name, value in values.items()}
    table = values["bert/embeddings/word_embeddings"]
    x = (
        table[IDS]
        + values["bert/embeddings/position_embeddings"][: len(IDS)]
        + values["bert/embeddings/token_type_embeddings"][TYPES]
    )
    x = norm(x, "bert/embeddings")
    for layer in range(sample.CONFIG["num_hidden_layers"]):
        place, A = f"bert/encoder/layer_{layer}", sample.CONFIG["num_attention_heads"]
        query, key, value = (
            dense(x, f"{place}/attention/self/{part}").reshape(len(IDS), A, -1) for part in ("query", "key", "value")
        )
        scores = numpy.einsum("iad,jad->aij", query, key) / numpy.sqrt(query.shape[-1])
        probabilities = torch.softmax(torch.from_numpy(scores), -1).numpy()
        context = numpy.einsum("aij,jad->iad", probabilities, value).reshape(len(IDS), -1)
        x = norm(dense(context, place + "/attention/output/dense") + x, place + "/attention/output")
        x = norm(dense(gelu(dense(x, place + "/intermediate/dense")), place + "/output/dense") + x, place + "/output")
    pooled = numpy.tanh(dense(x[0], "bert/pooler/dense"))
    transform = norm(gelu(dense(x, "cls/predictions/transform/dense")), "cls/predictions/transform")
    next_sentence = values["cls/seq_relationship/output_weights"] @ pooled + values["cls/seq_relationship/output_bias"]
    return transform @ table.T + values["cls/predictions/output_bias"], next_sentence


IDS, TYPES = [2, 5, 6, 3, 7, 3], [0, 0, 0, 0, 1, 1]


def check_sample(place):
    """TensorFlow's own checkpoint: every number, and the logits."""
    values = sample.variables()
    read = bundle.read(SAMPLE / "bert_model.ckpt.index", lambda name: True)
    assert read.keys() == values.keys()
    for name, value in values.items():
        assert read[name].dtype == value.dtype and (read[name] == value).all(), name
    folder = converted(SAMPLE, place, "sample")
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "vocab.txt"]
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["BertForPreTraining"] and config["model_type"] == "bert"
    stored = load_file(folder / "model.safetensors")
    assert len(stored) == len(sample.shapes())
    model = load("BertForPreTraining", folder).double()
    with torch.no_grad():
        found = model(torch.tensor([IDS]), token_type_ids=torch.tensor([TYPES]))
    mlm, nsp = by_hand(values)
    for what, ours, theirs in (("mlm", found.prediction_logits[0], mlm), ("nsp", found.seq_relationship_logits[0], nsp)):
        error = abs(ours.numpy() - theirs).max()
        assert error < 1e-12, f"{what}: {error}"  # both in double: rounding only
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer("The new worlds!")["input_ids"] == [2, 5, 6, 7, 8, 9, 3]


def number(value):
    """A number of 7 bits a byte."""
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(data) + bytes([value])


def message(*entries):
    """A protocol buffer: numbers and bytes by the number of their field."""
    data = b""
    for field, value in entries:
        data += (
            number(field << 3 | 2) + number(len(value)) + value
            if isinstance(value, bytes)
            else number(field << 3) + number(value)
        )
    return data


def compressed(data):
    """Snappy: literals of at most 70 bytes, and what repeats an earlier place of 4 to 11 bytes as a copy, where it is near."""
    out, at = number(len(data)), 0
    literal = b""

    def flush():
        nonlocal out, literal
        if literal:
            size = len(literal) - 1
            out += (bytes([size << 2]) if size < 60 else bytes([60 << 2, size])) + literal
            literal = b""

    while at < len(data):
        length = next(
            (n for n in range(11, 3, -1) if data.rfind(data[at : at + n], 0, at + n - 1) >= 0 and at + n <= len(data)), 0
        )
        place = data.rfind(data[at : at + length], 0, at + length - 1) if length else -1
        offset = at - place
        if length and offset < 2048:
            flush()
            out += bytes([(offset >> 8) << 5 | (length - 4) << 2 | 1, offset & 0xFF])
        elif length:
            flush()
            out += bytes([(length - 1) << 2 | 2]) + struct.pack("<H", offset)
        else:
            literal += data[at : at + 1]
            length = 1
            if len(literal) == 70:
                flush()
        at += length
    flush()
    return out


def write_table(path, entries, size=300):
    """A table of sorted entries in blocks of about this many bytes, every second one compressed."""
    file, index = bytearray(), []

    def put(block, compress):
        block = compressed(block) if compress else block
        handle = number(len(file)) + number(len(block))
        kind = bytes([1 if compress else 0])
        file.extend(block + kind + struct.pack("<I", bundle.masked_crc(block + kind)))
        return handle

    def block_of(pairs):
        data, restarts, last = b"", [], b""
        for row, (key, value) in enumerate(pairs):
            shared = 0
            if row % 16 == 0:
                restarts.append(len(data))
            else:
                while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                    shared += 1
            data += number(shared) + number(len(key) - shared) + number(len(value)) + key[shared:] + value
            last = key
        return data + b"".join(struct.pack("<I", at) for at in restarts or [0]) + struct.pack("<I", len(restarts or [0]))

    pairs = []
    for row, (key, value) in enumerate(sorted(entries.items())):
        pairs.append((key, value))
        if sum(len(k) + len(v) for k, v in pairs) > size or row + 1 == len(entries):
            index.append((pairs[-1][0], put(block_of(pairs), len(index) % 2 == 1)))
            pairs = []
    metaindex = put(block_of([]), False)
    footer = metaindex + put(block_of(index), False)
    file += footer.ljust(40, b"\0") + struct.pack("<Q", bundle.MAGIC)
    path.write_bytes(file)


TYPES_OF = {"float32": 1, "float64": 2, "int64": 9, "float16": 19, "bfloat16": 14}


def write_bundle(folder, values, kinds=(), sliced=()):
    """A checkpoint with two data files; kinds: the type of some tensors, sliced: those that are said to be in slices."""
    data, entries = [b"", b""], {b"": message((1, 2), (3, message((1, 1))))}
    for row, (name, value) in enumerate(sorted(values.items())):
        kind = dict(kinds).get(name, str(value.dtype))
        if kind == "bfloat16":
            raw = (value.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        else:
            raw = value.astype(numpy.dtype(kind).newbyteorder("<")).tobytes()
        shard = row % 2
        shape = b"".join(message((2, message((1, size)))) for size in value.shape)
        entry = message((1, TYPES_OF[kind]), (2, shape), (3, shard), (4, len(data[shard])), (5, len(raw)))
        entries[name.encode()] = entry + (message((7, b"")) if name in sliced else b"")
        data[shard] += raw
    folder.mkdir()
    write_table(folder / "model.ckpt-7.index", entries)
    for shard, raw in enumerate(data):
        (folder / f"model.ckpt-7.data-{shard:05d}-of-00002").write_bytes(raw)
    sample.write_others(folder)


def check_table(place):
    """A table with compressed blocks, two data files, and four types of numbers; a fine-tuned classifier."""
    values = {name: value for name, value in sample.variables().items() if not name.startswith("cls/")}
    rng = numpy.random.default_rng(99)
    values["output_weights"], values["output_bias"] = rng.standard_normal((3, 6)).astype("f4"), rng.standard_normal(3)
    halves = {"bert/pooler/dense/kernel": "float16", "bert/pooler/dense/bias": "bfloat16"}
    write_bundle(place / "table", values, halves)
    folder = converted(place / "table", place, "table_out")
    stored = load_file(folder / "model.safetensors")
    for name, value in values.items():
        if is_of_model(name):
            new, transposed = from_tensorflow(name)
            expected = torch.from_numpy(value.T if transposed else value)
            if name == "bert/pooler/dense/kernel":
                expected = expected.half()
            if name == "bert/pooler/dense/bias":
                expected = torch.from_numpy((value.view("<u4") >> 16 << 16).view("<f4"))
            assert stored[new].dtype == expected.dtype and torch.equal(stored[new], expected), name
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"] and len(config["id2label"]) == 3
    assert load("BertForSequenceClassification", folder).config.num_labels == 3


def small(class_name, **options):
    """A small model of a class with random weights."""
    torch.manual_seed(1)
    return getattr(transformers, class_name)(transformers.BertConfig(**{**sample.CONFIG, **options})).eval()


def check_pytorch(place):
    """pytorch_model.bin, with the names and copies of older versions, alone and in parts; what transformers loads is the same."""
    model = small("BertForPreTraining")
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in tensors.items()
    }
    old["bert.embeddings.position_ids"] = torch.arange(8)[None]
    config = model.config.to_dict() | {"architectures": ["BertForPreTraining"]}
    folder = place / "torch"
    folder.mkdir()
    torch.save(old, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text("{}\n")

    parts = place / "parts"
    parts.mkdir()
    names = sorted(old)
    halves = {"pytorch_model-00001-of-00002.bin": names[::2], "pytorch_model-00002-of-00002.bin": names[1::2]}
    for part, some in halves.items():
        torch.save({name: old[name] for name in some}, parts / part)
    weight_map = {name: part for part, some in halves.items() for name in some}
    (parts / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (parts / "config.json").write_text(json.dumps(config))

    for source, copied in ((folder, ["tokenizer_config.json"]), (parts, [])):
        output = converted(source, place, source.name + "_out")
        assert sorted(path.name for path in output.iterdir()) == ["config.json", "model.safetensors", *copied]
        found = load("BertForPreTraining", output).state_dict()
        assert found.keys() == tensors.keys() and all(torch.equal(found[name], tensors[name]) for name in tensors)
        assert "cls.predictions.decoder.weight" not in load_file(output / "model.safetensors")
    require_refused(folder, place / "parts_out", "expected a folder that is new or empty")
    (parts / "pytorch_model-00002-of-00002.bin").unlink()
    require_refused(parts, place / "no", "pytorch_model-00002-of-00002.bin", "No such file")

    untied = dict(old)
    untied["cls.predictions.decoder.weight"] = untied["cls.predictions.decoder.weight"] + 1
    torch.save(untied, folder / "pytorch_model.bin")
    output = converted(folder, place, "untied")
    assert "cls.predictions.decoder.weight" in load_file(output / "model.safetensors")


def check_classes(place):
    """The class, where config.json doesn't say it."""
    for class_name in (
        "BertModel",
        "BertForMaskedLM",
        "BertForNextSentencePrediction",
        "BertForSequenceClassification",
        "BertForTokenClassification",
        "BertForQuestionAnswering",
    ):
        model = small(class_name)
        folder = place / class_name
        folder.mkdir()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        sample.write_others(folder)
        output = converted(folder, place, class_name + "_out")
        assert json.loads((output / "config.json").read_text())["architectures"] == [class_name]
        load(class_name, output)


def check_refusals(place):
    """Bad input: one line, exit status 2, and nothing written."""

    def copy(name):
        shutil.copytree(SAMPLE, place / name)
        return place / name

    output = place / "refused"
    require_refused(place / "nowhere", output, "expected a folder")
    folder = copy("no_index")
    (folder / "bert_model.ckpt.index").unlink()
    require_refused(folder, output, "expected pytorch_model.bin or one TensorFlow checkpoint", "neither")
    folder = copy("two")
    shutil.copy(folder / "bert_model.ckpt.index", folder / "other.index")
    require_refused(folder, output, "bert_model.ckpt.index, other.index")
    folder = copy("no_data")
    (folder / "bert_model.ckpt.data-00000-of-00001").unlink()
    require_refused(folder, output, "bert_model.ckpt.data-00000-of-00001", "No such file")
    folder = copy("short_data")
    data = (folder / "bert_model.ckpt.data-00000-of-00001").read_bytes()
    (folder / "bert_model.ckpt.data-00000-of-00001").write_bytes(data[: len(data) // 2 + 1])
    require_refused(folder, output, "the file ends within it")
    folder = copy("no_config")
    (folder / "bert_config.json").unlink()
    require_refused(folder, output, "bert_config.json", "No such file")
    folder = copy("bad_config")
    (folder / "bert_config.json").write_text("{")
    require_refused(folder, output, "bert_config.json: expected JSON")
    folder = copy("other_size")
    (folder / "bert_config.json").write_text(json.dumps(sample.CONFIG | {"vocab_size": 12}))
    require_refused(folder, output, "embeddings.word_embeddings.weight: expected [12, 6]", "got [11, 6]")

    index = (SAMPLE / "bert_model.ckpt.index").read_bytes()
    for name, changed, words in (
        ("empty", b"", "it doesn't end like a table"),
        ("cut", index[:-1], "it doesn't end like a table"),
        ("changed", index[:40] + bytes([index[40] ^ 1]) + index[41:], "checksum"),
    ):
        folder = copy("index_" + name)
        (folder / "bert_model.ckpt.index").write_bytes(changed)
        require_refused(folder, output, "bert_model.ckpt.index: expected the index of a TensorFlow checkpoint", words)

    values = sample.variables()
    write_bundle(place / "strange", values | {"bert/embeddings/strange": numpy.zeros(3, "f4")})
    require_refused(place / "strange", output, "bert/embeddings/strange: expected a tensor of BERT")
    write_bundle(place / "slices", values, sliced=["bert/embeddings/word_embeddings"])
    require_refused(place / "slices", output, "bert/embeddings/word_embeddings: expected a whole tensor, got slices")

    folder = place / "bad_torch"
    folder.mkdir()
    sample.write_others(folder)
    for content in (b"", b"not a file of PyTorch", index):
        (folder / "pytorch_model.bin").write_bytes(content)
        require_refused(folder, output, "pytorch_model.bin: expected tensors that PyTorch wrote")
    torch.save([1, 2], folder / "pytorch_model.bin")
    require_refused(folder, output, "pytorch_model.bin: expected tensors by their names")
    torch.save({"x": pathlib.Path("x")}, folder / "pytorch_model.bin")  # an object: loading it could run code
    require_refused(folder, output, "pytorch_model.bin: expected tensors that PyTorch wrote")
    assert not output.exists()
    done = subprocess.run(
        [sys.executable, HERE / "convert_checkpoint.py", place / "nowhere", output], capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stderr == f"convert_checkpoint.py: {place / 'nowhere'}: expected a folder\n", done


def main():
    """Runs all checks."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for check in (check_sample, check_table, check_pytorch, check_classes, check_refusals):
        with tempfile.TemporaryDirectory() as place:
            check(pathlib.Path(place))
        print(f"{check.__name__}: passed")


if __name__ == "__main__":
    main()
