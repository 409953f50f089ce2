"""Makes the stored results of the tokenizers library again: generate.py DATA [--without-hashes], DATA being the folder of real data.

Writes, beside itself:
  tokenizers/NAME.json  small tokenizers of all kinds, as the tokenizers library stores them
  encodings.json        texts and pairs with all options, what the tokenizers library makes of them in full, and decoded ids
  hashes.json           (some minutes) the CRC-32 of what it makes of every Unicode scalar value, of random strings, and of real texts

What a hash covers, for each string in turn: the number of tokens, the ids, the offsets (start, end of each), the word ids, all as
32-bit numbers, lowest byte first, special tokens included (their word id is 0xFFFFFFFF).

  scalars   for block b, the scalar values from 4096 b (no surrogates), each as the strings listed in "contexts"
  random    for block b, 500 strings by the generator of numbers below, seeded with b
  texts     the lines of a file, without their line feeds

The generator of numbers: state = state * 6364136223846793005 + 1442695040888963407 modulo 2^64; a number below n is
(state >> 33) mod n. A string has a number below 16 of parts; each is, as a number below 4 is 0 or not, a scalar value or one of
"parts" (a number below their count). The scalar value: a number below 4 chooses 0x250, 0x3000, 0x10000 or 0x110000; it is a
number below that, 0xFFFD where that is a surrogate.
"""

import json
import pathlib
import sys
import zlib

import numpy
import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

HERE = pathlib.Path(__file__).resolve().parent
VERSION = "0.23.3"
CONTEXTS = ["a%sb", "A %s%s.", "e%s\u0301\u302e%s\u0327"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PUBLISHED = {"bert-base-uncased": True, "bert-base-cased": False, "bert-base-chinese": True,
             "bert-base-multilingual-cased": False}

# What random strings are made of: everything that has a rule of its own, its neighbours, and words.
PARTS = """a b e o E A I ab abc the The hello Hello HELLO ing un want wanted unwanted # ## ##a ' " . , ! ? - _ $ + < = > ^ ` | ~ ( ) [ ]
[MASK] [MASK [MAS MASK] [CLS] [SEP] [PAD] [UNK] [mask] <x> <X> <x <x>> x> <left> <right> <both> <word> <Norm> <norm> <é> <e> <É>
<single> <long <long> <long><long> ß ẞ İ ı ſ Σ σ ς ΑΣ Ω é É è ñ Å Å Ǻ ﬁ ﬀ ½ ① ª º µ ≠ ≮ ≯ ; ` ´ ¨ € © 😀 👍🏽 🇩🇪 中 文 中文 豈 㐀
𠀀 𪜀 𫠠 𫤠 丽 가 각 힣 ᄀ ᅡ ᆨ か が カ ガ ー ー ค ำ ก็ ध क़ क्ष ம் ပြ ខ្ញុំ ა Ა ა Ⴀ ꭰ Ꭰ 𐐀 𐐨 𞤀 𝐀 ａ Ａ １ ٣ ३ ؟ ، 。 、 「 」 ・ 々 〆 ○ Ж ж й Й ё Ё ї
w ww www 0 1 12 123 2024""".split()
PARTS += [" ", " ", " ", "  ", "\t", "\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1f", "\x7f", "\x85", "\xa0", "\xad", "\x00", "\ufffd",
          "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u200b", "\u200d", "\u2060", "\ufeff", "\ue000",
          "\U000f0000", "\ufe0f", "\u0300", "\u0301", "\u0327", "\u0323", "\u0345", "\u0344", "\u0340", "\u0591", "\u05b0", "\u064b",
          "\u0f71", "\u0f73", "\u0f75", "\u302a", "\u302e", "\u302f", "\u3099", "\U0001d165", "\U0001d16d", "\U0001d15e",
          "\U0001d1bc", "\u0488", "\u0903", "\u20dd", "\u1885", "\ua9bd", "\u1734", "\U000111c9", "\u08e2", "\u166d", "\U0001e946"]


def small_vocabulary():
    """Letters, syllables and words: enough for a text to be cut into pieces, small enough to be stored."""
    words = """the hello un want wanted able ab abc ing and é è ñ café ß σ ς ω я ё й ж 中 文 豈 か が 가 ᄀ ᅡ ᆨ ა 123 20 24 <x> i̇ norm"""
    letters = [chr(code) for code in range(0x21, 0x7F)] + list("àéöαβσωжйёя中が각०") + ["\u0301", "\u302e", "\u0327", "\u0307", "²", "€", "😀"]
    tail = [c for c in letters if c.isalnum()] + ["\u0301", "\u302e", "\u0327", "\u0307", "ab", "ing", "able", "ed", "中"]
    return list(dict.fromkeys(SPECIAL + letters + words.split() + ["##" + piece for piece in tail]))


def build(vocabulary, added=(), **options):
    """A tokenizer of BERT as the tokenizers library makes it of a vocabulary."""
    ids = {token: row for row, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(**options)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL])
    tokenizer.add_tokens(list(added))
    return tokenizer


def small_tokenizers():
    """One for each combination of options that differ in their rules, plain and with added tokens of all kinds."""
    vocabulary = small_vocabulary()
    added = [AddedToken("<x>", normalized=False), AddedToken("<left>", lstrip=True, normalized=False),
             AddedToken("<right>", rstrip=True, normalized=False), AddedToken("<both>", lstrip=True, rstrip=True, normalized=False),
             AddedToken("<word>", single_word=True, normalized=False), AddedToken("<long>", normalized=False),
             AddedToken("<long><long>", normalized=False, special=True), AddedToken("<Norm>", normalized=True),
             AddedToken("<é>", normalized=True, lstrip=True), AddedToken("<single>", normalized=True, single_word=True, rstrip=True),
             AddedToken("hello", normalized=True, single_word=True), AddedToken("文", normalized=False, single_word=True)]
    raw = [token for token in added if not token.normalized]
    uncased = dict(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
    cased = dict(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=False)
    return {
        "uncased": build(vocabulary, **uncased),
        "cased": build(vocabulary, **cased),
        "uncased_added": build(vocabulary, added, **uncased),
        "cased_added": build(vocabulary, added, **cased),
        "uncased_raw_added": build(vocabulary, raw, **uncased),
        "accents_only": build(vocabulary, raw, clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=False),
        "case_only": build(vocabulary, raw, clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=True),
        "nothing": build(vocabulary, raw, clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False),
        "not_cleaned": build(vocabulary, added, clean_text=False, handle_chinese_chars=True, strip_accents=True, lowercase=True),
    }


def published(data, name):
    """One of the published vocabularies."""
    text = (data / "vocab" / name / "vocab.txt").read_bytes().decode()
    return build(text.removesuffix("\n").split("\n"), clean_text=True, handle_chinese_chars=True, strip_accents=None,
                 lowercase=PUBLISHED[name])


def crc(tokenizer, strings):
    """The hash of what a tokenizer makes of strings."""
    value = 0
    for encoding in tokenizer.encode_batch(strings):
        numbers = [len(encoding.ids), *encoding.ids]
        for start, end in encoding.offsets:
            numbers += (start, end)
        numbers += [0xFFFFFFFF if word is None else word for word in encoding.word_ids]
        value = zlib.crc32(numpy.array(numbers, dtype="<u4").tobytes(), value)
    return f"{value:08x}"


def scalar_hashes(tokenizer):
    """One hash for each 4096 scalar values."""
    result = []
    for begin in range(0, 0x110000, 4096):
        scalars = [chr(code) for code in range(begin, begin + 4096) if not 0xD800 <= code <= 0xDFFF]
        result.append(crc(tokenizer, [context.replace("%s", scalar) for scalar in scalars for context in CONTEXTS]))
    return result


def random_strings(seed, count):
    """Strings by the rule above."""
    state = seed

    def below(limit):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % limit

    for _ in range(count):
        text = ""
        for _ in range(below(16)):
            if below(4) == 0:
                code = below([0x250, 0x3000, 0x10000, 0x110000][below(4)])
                text += "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)
            else:
                text += PARTS[below(len(PARTS))]
        yield text


def text_hashes(tokenizer, data):
    """One hash for each file of texts."""
    files = sorted([*data.glob("text/multi/*.txt"), *data.glob("text/udhr/*.txt"), *data.glob("text/wikitext-2/*.tokens"),
                    *data.glob("text/en/gutenberg_c*.txt")])
    return {str(file.relative_to(data)): crc(tokenizer, file.read_bytes().decode().removesuffix("\n").split("\n"))
            for file in files}


def as_json(encoding):
    """All of an encoding, and the most of its further windows."""
    result = {"ids": encoding.ids, "type_ids": encoding.type_ids, "offsets": encoding.offsets,
              "word_ids": [-1 if word is None else word for word in encoding.word_ids],
              "special_tokens_mask": encoding.special_tokens_mask, "attention_mask": encoding.attention_mask}
    if encoding.overflowing:
        result["overflow"] = [{"ids": window.ids, "type_ids": window.type_ids, "offsets": window.offsets}
                              for window in encoding.overflowing]
    return result


def encodings(tokenizer):
    """Texts and pairs with all options."""
    short, middle, long = "hello", "unwanted <x> café", "a b [MASK] unwantedable. 中文"
    result = []

    def add(text, pair=None, **options):
        tokenizer.no_truncation()
        tokenizer.no_padding()
        if "max_length" in options:
            tokenizer.enable_truncation(options["max_length"], stride=options.get("stride", 0),
                                        strategy=options.get("truncation", "longest_first"),
                                        direction=options.get("truncation_side", "right"))
        if "pad_to" in options:
            tokenizer.enable_padding(length=options["pad_to"], direction=options.get("padding_side", "right"))
        case = {"text": text, "pair": pair, **options}
        try:
            encoding = tokenizer.encode(text, pair, add_special_tokens=options.get("special_tokens", True))
            case.update(as_json(encoding))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # the tokenizers library refuses it (a failed assertion of it is not an Exception), and so must we
            case["refused"] = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
        result.append(case)

    for text in ["", " ", short, middle, long, "[CLS] a [SEP]", "\u0301", "\u200b \u200b"]:
        add(text)
        add(text, special_tokens=False)
        for pair in ["", short, long]:
            add(text, pair)
            add(text, pair, special_tokens=False)
    for text in [short, long]:
        for max_length in [3, 4, 6, 30]:
            for side in ["right", "left"]:
                for stride in [0, 1, 2, 5]:
                    if stride < max_length - 2:
                        add(text, max_length=max_length, truncation_side=side, stride=stride)
    for text, pair in [(short, long), (middle, long), (long, middle), (middle, middle), ("", long)]:
        for max_length in [6, 9, 12, 60]:
            for strategy in ["longest_first", "only_first", "only_second"]:
                for side in ["right", "left"]:
                    for stride in [0, 1]:
                        add(text, pair, max_length=max_length, truncation=strategy, truncation_side=side, stride=stride)
    for side in ["right", "left"]:
        add(short, pad_to=6, padding_side=side)
        add(long, pad_to=6, padding_side=side)
        add(short, middle, pad_to=20, padding_side=side)
        add(long, max_length=9, pad_to=10, stride=3, padding_side=side)
    add(long, max_length=12, special_tokens=False, stride=4)
    return result


def decodings(tokenizer):
    """Ids and the texts that they are decoded to."""
    words = ["hello the", "don't stop . , ! ? ' it's we've they're i'm", "unwanted [MASK] <x> <long><long>", "", "##ed ing"]
    lists = [tokenizer.encode(text).ids for text in words]
    lists += [[tokenizer.token_to_id(token) for token in tokens] for tokens in
              [["##ed", "##ing", "a"], ["[CLS]", "##ing", ".", "a"], [".", ".", "?"], ["'", "a", "'"], []]]
    return [{"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False),
             "without_special": tokenizer.decode(ids, skip_special_tokens=True)} for ids in lists]


def write(path, value):
    """Stores a JSON document, a line for each text."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace('},{"text"', '},\n{"text"') + "\n")


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--without-hashes"]):
        sys.exit(__doc__)
    if tokenizers.__version__ != VERSION:
        sys.exit(f"generate.py: tokenizers: expected {VERSION}, got {tokenizers.__version__}")
    data = pathlib.Path(sys.argv[1])
    small = small_tokenizers()
    for name, tokenizer in small.items():
        (HERE / "tokenizers").mkdir(exist_ok=True)
        (HERE / "tokenizers" / f"{name}.json").write_text(json.loads(json.dumps(tokenizer.to_str())) + "\n")
    write(HERE / "encodings.json", {"made_by": f"tokenizers {VERSION}, generate.py", "tokenizer": "uncased_raw_added",
                                    "encodings": encodings(small["uncased_raw_added"]),
                                    "decodings": decodings(small["uncased_raw_added"])})
    if sys.argv[2:]:
        return
    hashes = {"made_by": f"tokenizers {VERSION}, generate.py", "contexts": CONTEXTS, "parts": PARTS, "random": {}, "scalars": {},
              "texts": {}}
    for name, tokenizer in small.items():
        print(name, flush=True)
        hashes["random"][name] = [crc(tokenizer, list(random_strings(seed, 500))) for seed in range(64)]
        if "added" not in name:
            hashes["scalars"][name] = scalar_hashes(tokenizer)
    for name in PUBLISHED:
        print(name, flush=True)
        tokenizer = published(data, name)
        hashes["random"][name] = [crc(tokenizer, list(random_strings(seed, 500))) for seed in range(64)]
        hashes["scalars"][name] = scalar_hashes(tokenizer)
        hashes["texts"][name] = text_hashes(tokenizer, data)
    write(HERE / "hashes.json", hashes)


if __name__ == "__main__":
    main()
