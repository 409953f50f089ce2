"""The tokenizer beside the reference, on one thread, on English prose in which no line repeats; and its own two threads.

Usage: BERT_DATA_DIR=... tokenizer.py PROGRAM [ROUNDS]      (needs tokenizers==0.23.3; blingfire is measured too if it is there)

PROGRAM is built from tokenizer.cpp. Both encode the same lines, one after another and in turns, with ids, offsets and all other
lists, and keep the results until all are done; ratios are taken within a round, and their median is printed.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers  # noqa: E402
from tokenizers import normalizers, pre_tokenizers, processors  # noqa: E402

try:
    import blingfire
except ImportError:
    blingfire = None


def prose(data):
    """All lines of English running text, each once."""
    files = sorted([*data.glob("text/en/*.txt"), *data.glob("text/wikitext-2/*.tokens")])
    lines = dict.fromkeys(line for file in files for line in file.read_bytes().decode().split("\n") if line)
    return list(lines)


def reference(vocabulary):
    """The reference's uncased tokenizer."""
    tokens = vocabulary.read_bytes().decode().removesuffix("\n").split("\n")
    ids = {token: row for row, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return tokenizer


def main():
    if len(sys.argv) not in (2, 3) or "BERT_DATA_DIR" not in os.environ:
        sys.exit(__doc__)
    data = pathlib.Path(os.environ["BERT_DATA_DIR"])
    rounds = int(sys.argv[2]) if len(sys.argv) == 3 else 5
    vocabulary = data / "vocab/bert-base-uncased/vocab.txt"
    lines = prose(data)
    megabytes = sum(len(line.encode()) for line in lines) / 1e6
    assert megabytes > 10
    print(f"{len(lines)} lines, {megabytes:.1f} MB; tokenizers {tokenizers.__version__}, one thread")
    peer = reference(vocabulary)
    if blingfire:
        model = blingfire.load_model(str(pathlib.Path(blingfire.__file__).parent / "bert_base_tok.bin"))
    with tempfile.NamedTemporaryFile() as file:
        file.write("".join(line + "\n" for line in lines).encode())
        file.flush()
        program = subprocess.Popen([sys.argv[1], vocabulary, file.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ours, two, theirs, blings = [], [], [], []

        def encode(threads):
            program.stdin.write(f"{threads}\n")
            program.stdin.flush()
            seconds, tokens = program.stdout.readline().split()
            return float(seconds), tokens

        for _ in range(rounds):
            seconds, tokens = encode(1)
            ours.append(seconds)
            two.append(encode(2)[0])
            begin = time.perf_counter()
            encodings = peer.encode_batch(lines)
            theirs.append(time.perf_counter() - begin)
            assert sum(len(encoding) for encoding in encodings) == int(tokens)
            del encodings
            if blingfire:
                begin = time.perf_counter()
                for line in lines:
                    blingfire.text_to_ids(model, line, len(line) + 2, 100)
                blings.append(time.perf_counter() - begin)
        program.stdin.close()
        program.wait()

    def show(name, times):
        ratios = [other / own for other, own in zip(times, ours)]
        print(f"{name:12} {megabytes / statistics.median(times):8.1f} MB/s   bert is {statistics.median(ratios):6.2f} times as fast")

    show("bert", ours)
    show("two threads", two)
    show("tokenizers", theirs)
    if blings:
        show("blingfire", blings)


if __name__ == "__main__":
    main()
