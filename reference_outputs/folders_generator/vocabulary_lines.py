"""vocab.txt: what ends a line, what is a token, and which id it has."""

from .recipe import Folder
from .vocabulary import CONFIG, TOKENS

KIND = "vocabulary_lines"
FIRST = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["hello", "the", "new", "york", "wo", "##rl", "##d", "co", "##vid", "!"]
TEXTS = ["hello the new york world covid!", "hello [MASK] zzz"]


def lines(name, point, text, texts=(), **tokenizer_config):
    """A vocab.txt of this text or these bytes; all tokens of class BertTokenizer."""
    files = {
        "vocab.txt": text,
        "config.json": CONFIG,
        "tokenizer_config.json": {"tokenizer_class": "BertTokenizer"} | tokenizer_config,
    }
    return Folder(name, point, files, list(texts) + TEXTS, [], {"tokens": True, "vocabulary": True})


def joined(tokens, end="\n"):
    """Tokens, one a line."""
    return "".join(token + end for token in tokens)


USUAL = FIRST + WORDS
FOLDERS = [
    lines("usual", "Nothing odd: what the others are compared with.", joined(USUAL)),
    lines("no_end", "The last line has no line feed.", joined(USUAL).removesuffix("\n")),
    lines("blank_end", "Two line feeds at the end.", joined(USUAL) + "\n"),
    lines(
        "blank_lines",
        "Blank lines in the middle: ids are line numbers.",
        joined(FIRST + ["hello", "", "the", "", "new"] + WORDS[3:]),
    ),
    lines("blank_first", "The first line is blank.", "\n" + joined(USUAL)),
    lines("double", "A token on two lines: the last counts, also of [UNK].", joined(FIRST + ["hello", "[UNK]"] + WORDS)),
    lines(
        "double_last",
        "A token on the last line, too.",
        joined(USUAL + ["the"]),
        ["the covid"],
        additional_special_tokens=["covid"],
    ),
    lines(
        "double_added",
        "A double line and an added token: which id the token gets.",
        joined(FIRST + ["the", "the"] + WORDS),
        ["covid new york the"],
        additional_special_tokens=["covid", "new york"],
    ),
    lines(
        "blank_added",
        "Blank lines and an added token.",
        joined(FIRST + ["", ""] + WORDS),
        ["covid new york the"],
        additional_special_tokens=["covid", "new york"],
    ),
    lines(
        "trailing_space",
        "A space at the end of lines, one of which is a space alone.",
        joined(FIRST + ["hello ", " ", "the\t"] + WORDS[2:]),
        ["hello the"],
    ),
    lines("leading_space", "A space at the beginning of lines.", joined(FIRST + [" hello", "\tthe"] + WORDS[2:]), ["hello the"]),
    lines("inner_space", "A space within a token.", joined(FIRST + ["hello the"] + WORDS[2:]), ["hello the"]),
    lines("crlf", "CR and LF end lines.", joined(USUAL, "\r\n")),
    lines("crlf_some", "CR and LF end some lines.", joined(FIRST, "\r\n") + joined(WORDS)),
    lines("cr", "CR alone ends lines.", joined(USUAL, "\r")),
    lines("cr_inside", "A CR within a token.", joined(FIRST + ["hello\rthe"] + WORDS[2:]), ["hello the"]),
    lines("crcrlf", "Two CRs before the LF.", joined(USUAL, "\r\r\n")),
    lines(
        "separators",
        "U+2028, U+2029, U+0085, VT, FF and FS within tokens.",
        joined(FIRST + ["a\u2028b", "a\u2029b", "a\u0085b", "a\x0bb", "a\x0cb", "a\x1cb"] + WORDS),
        ["a b", "a\u2028b"],
    ),
    lines(
        "separators_alone",
        "U+2028, U+0085, U+00A0, U+3000, U+200B and VT as tokens of their own.",
        joined(FIRST + ["\u2028", "\u0085", "\u00a0", "\u3000", "\u200b", "\x0b"] + WORDS),
    ),
    lines(
        "separators_end",
        "Tokens that end with U+2028, U+0085, U+00A0, U+3000, U+200B, VT and FS.",
        joined(FIRST + ["a\u2028", "b\u0085", "c\u00a0", "d\u3000", "e\u200b", "f\x0b", "g\x1c"] + WORDS),
        ["a b c d e f g"],
    ),
    lines("bom", "A byte order mark before [PAD].", "\ufeff" + joined(USUAL)),
    lines("bom_word", "A byte order mark before a word on the first line.", "\ufeff" + joined(["hello"] + FIRST + WORDS[1:])),
    lines("nul", "A NUL within a token.", joined(FIRST + ["a\0b"] + WORDS)),
    lines("not_utf8", "A byte that isn't UTF-8.", joined(FIRST).encode() + b"caf\xe9\n" + joined(WORDS).encode()),
    lines("utf16", "UTF-16.", joined(USUAL).encode("utf-16")),
    lines(
        "decomposed",
        "Tokens with accents, composed and decomposed, in an uncased vocabulary.",
        joined(FIRST + ["café", "cafe\u0301", "cafe"] + WORDS),
        ["café cafe\u0301"],
        strip_accents=False,
    ),
    lines("no_unk", "No [UNK].", joined([token for token in USUAL if token != "[UNK]"])),
    lines("no_cls", "No [CLS].", joined([token for token in USUAL if token != "[CLS]"])),
    lines("no_sep", "No [SEP].", joined([token for token in USUAL if token != "[SEP]"])),
    lines("no_mask", "No [MASK].", joined([token for token in USUAL if token != "[MASK]"])),
    lines("no_pad", "No [PAD].", joined([token for token in USUAL if token != "[PAD]"])),
    lines("no_special", "None of the special tokens.", joined(WORDS)),
    lines("special_last", "The special tokens at the end.", joined(WORDS + FIRST)),
    lines(
        "lower_special", "Special tokens in lower case, their roles as usual.", joined([token.lower() for token in FIRST] + WORDS)
    ),
    lines("tab_columns", "A second column after a tab.", joined([f"{token}\t{row}" for row, token in enumerate(USUAL)])),
    lines("empty", "An empty file.", ""),
    lines("one_line", "One line feed.", "\n"),
]
assert set(FIRST) <= set(TOKENS)
