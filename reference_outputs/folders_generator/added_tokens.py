"""Added tokens: what is found where, in raw or normalized text, and which id it gets."""

from .recipe import Folder
from .vocabulary import CONFIG, IDS, TEXTS, V, VOCABULARY, added

KIND = "added_tokens"


def folder(name, point, texts, pairs=(), **tokenizer_config):
    """A vocab.txt whose tokenizer_config.json adds tokens."""
    files = {
        "vocab.txt": VOCABULARY,
        "config.json": CONFIG,
        "tokenizer_config.json": {"tokenizer_class": "BertTokenizer"} | tokenizer_config,
    }
    return Folder(name, point, files, list(texts) + TEXTS[2:], list(pairs))


def decoder(*tokens):
    """added_tokens_decoder with the ids that follow those of the vocabulary."""
    return {str(V + row): token for row, token in enumerate(tokens)}


WORDS = ["COVID covid Covid", "covid-19 covid19 xcovid covidcovid", "co vid"]
NEW_YORK = [
    "hello new york world",
    "hello  new york  world",
    "newyork new  york new york",
    "New York anew york new yorker new york!",
]
ECLAIR = ["éclair Éclair ÉCLAIR eclair ECLAIR", "hello ÉCLAIR, éclairs", "e\u0301clair E\u0301CLAIR"]

FOLDERS = [
    folder(
        "covid",
        "A token of additional_special_tokens isn't in the vocabulary: COVID, lower-cased, is cut into pieces, since an "
        "added token is never a piece.",
        WORDS,
        [["covid", "COVID"]],
        additional_special_tokens=["covid"],
    ),
    folder(
        "covid_ordinary",
        "The same as an ordinary token of added_tokens_decoder, which is normalized: all three are found.",
        WORDS,
        added_tokens_decoder=decoder(added("covid", special=False)),
    ),
    folder(
        "covid_cased",
        "The same without lower-casing.",
        WORDS,
        do_lower_case=False,
        added_tokens_decoder=decoder(added("covid", special=False)),
    ),
    folder(
        "in_vocabulary",
        "An added token that is in the vocabulary keeps its id, and is still a piece: HELLO becomes hello.",
        ["HELLO hello helloworld unhello", "hello!"],
        additional_special_tokens=["hello"],
    ),
    folder(
        "in_vocabulary_upper",
        "An added token in upper case that is in the vocabulary: found in raw text only.",
        ["HELLO hello HELLOworld"],
        additional_special_tokens=["HELLO"],
    ),
    folder(
        "piece",
        "An added token with the prefix of continuations.",
        ["covid co##vid ##vid un##vid"],
        additional_special_tokens=["##vid"],
    ),
    folder(
        "long",
        "An added token longer than any token of the vocabulary, with spaces in it.",
        ["the longest token of all, by far, and wide", "x the longest token of all, by far, and wide!"],
        added_tokens_decoder=decoder(added("the longest token of all, by far, and wide")),
    ),
    folder(
        "longer_than_a_word",
        "An added token of 150 characters, more than a word may have.",
        ["un" * 75, "x" + "un" * 75, "UN" * 75],
        added_tokens_decoder=decoder(added("un" * 75, special=False)),
    ),
    folder(
        "single_word",
        "single_word: not within words, where digits and _ are parts of words, and a hyphen isn't.",
        WORDS + ["covid_ covid. 中covid文 éCovid covid\u0301"],
        added_tokens_decoder=decoder(added("covid", special=False, single_word=True)),
    ),
    folder(
        "single_word_raw",
        "single_word of a token that is found in raw text.",
        WORDS + ["covid_ covid. 中covid文 écovid covid\u0301"],
        added_tokens_decoder=decoder(added("covid", single_word=True)),
    ),
    folder(
        "lstrip",
        "lstrip takes the white space before it.",
        NEW_YORK,
        added_tokens_decoder=decoder(added("new york", lstrip=True)),
    ),
    folder(
        "rstrip", "rstrip takes the white space after it.", NEW_YORK, added_tokens_decoder=decoder(added("new york", rstrip=True))
    ),
    folder(
        "strip_normalized",
        "lstrip and rstrip of a token that is found in normalized text.",
        NEW_YORK,
        added_tokens_decoder=decoder(added("New York", special=False, lstrip=True, rstrip=True)),
    ),
    folder(
        "all_flags",
        "All flags at once.",
        NEW_YORK,
        added_tokens_decoder=decoder(added("new york", special=False, single_word=True, lstrip=True, rstrip=True)),
    ),
    folder(
        "upper_normalized",
        "A normalized token with capitals and accents is normalized itself before it is looked for.",
        ECLAIR,
        added_tokens_decoder=decoder(added("ÉCLAIR", special=False)),
    ),
    folder(
        "upper_raw",
        "A token with capitals and accents that isn't normalized is found only as it is written.",
        ECLAIR,
        added_tokens_decoder=decoder(added("ÉCLAIR", special=False, normalized=False)),
    ),
    folder(
        "special_normalized",
        "Special and normalized at once.",
        ECLAIR,
        added_tokens_decoder=decoder(added("ÉCLAIR", normalized=True)),
    ),
    # Two tokens that are equal once normalized aren't here: which of their ids is found changes from one loading to the next.
    folder(
        "raw_and_normalized",
        "One in raw text, one in normalized text, which overlap.",
        ECLAIR + ["éclair eclairs ÉCLAIRS"],
        added_tokens_decoder=decoder(added("ÉCLAIR"), added("eclairs", special=False)),
    ),
    folder(
        "chinese",
        "A normalized token of two Chinese characters, around which the normalizer puts spaces.",
        ["中文 x中文x 中 文 中文中文"],
        added_tokens_decoder=decoder(added("中文字", special=False), added("文x", special=False)),
    ),
    folder(
        "overlapping",
        "Tokens that begin with others: the longest that begins first.",
        ["new york city", "new york citynew york", "york city new"],
        additional_special_tokens=["new york", "new york city", "york city new", "york"],
    ),
    folder(
        "id_of_another",
        "added_tokens_decoder gives a new token the id of a token of the vocabulary.",
        ["the newest hello thing", "thing"],
        added_tokens_decoder={str(IDS["hello"]): added("thing")},
    ),
    folder(
        "id_gap",
        "added_tokens_decoder leaves gaps above the vocabulary.",
        ["alpha beta gamma"],
        added_tokens_decoder={str(V + 9): added("gamma"), str(V + 2): added("beta"), str(V + 5): added("alpha")},
    ),
    folder(
        "id_order",
        "The ids of added_tokens_decoder, as numbers, decide the order.",
        ["alpha beta gamma"],
        added_tokens_decoder={str(V + 1): added("beta"), str(V): added("gamma"), "1000": added("alpha")},
    ),
    folder(
        "id_below",
        "Only small ids, none of them its own.",
        ["alpha beta"],
        added_tokens_decoder={"2": added("alpha"), "1": added("beta")},
    ),
    folder(
        "id_swapped",
        "added_tokens_decoder exchanges the ids of two tokens of the vocabulary.",
        ["hello world"],
        added_tokens_decoder={str(IDS["hello"]): added("world"), str(IDS["world"]): added("hello")},
    ),
    folder(
        "twice",
        "The same token twice in additional_special_tokens, and in added_tokens_decoder with other flags.",
        ["hello covid covid"],
        additional_special_tokens=["covid", "covid"],
        added_tokens_decoder=decoder(added("covid", special=False, lstrip=True), added("covid", special=False, rstrip=True)),
    ),
    folder("empty", "An empty token.", ["hello world"], additional_special_tokens=[""]),
    folder(
        "space",
        "A token that is a space, and one that is a line feed.",
        ["hello world", "hello\nworld  the\n\nhello"],
        additional_special_tokens=[" ", "\n"],
    ),
    folder(
        "space_normalized",
        "An ordinary token with spaces at both ends.",
        ["hello the world", "hello  the  world", "the world the"],
        added_tokens_decoder=decoder(added(" the ", special=False)),
    ),
    folder(
        "accent_alone",
        "An ordinary token that the normalizer deletes: a combining accent.",
        ["hello e\u0301 world", "hello"],
        added_tokens_decoder=decoder(added("\u0301", special=False)),
    ),
    folder(
        "unused",
        "[unused0] is an added token, [unused1] isn't.",
        ["[unused0] [unused1] [UNUSED0]"],
        additional_special_tokens=["[unused0]"],
    ),
    folder(
        "objects",
        "Objects with flags in additional_special_tokens.",
        NEW_YORK,
        additional_special_tokens=[{"__type": "AddedToken"} | added("new york", lstrip=True, rstrip=True)],
    ),
    folder(
        "objects_without_type",
        "Objects without __type in additional_special_tokens.",
        NEW_YORK,
        additional_special_tokens=[added("new york", lstrip=True, rstrip=True)],
    ),
    folder("strings_in_decoder", "Strings in added_tokens_decoder.", NEW_YORK, added_tokens_decoder={str(V): "new york"}),
    folder(
        "flags_missing",
        "An object in added_tokens_decoder that has its content only.",
        NEW_YORK + ["NEW YORK"],
        added_tokens_decoder={str(V): {"content": "New York"}},
    ),
    folder(
        "flags_special_only",
        "An object in added_tokens_decoder with content and special: its flag normalized.",
        NEW_YORK + ["NEW YORK"],
        added_tokens_decoder={str(V): {"content": "New York", "special": True}},
    ),
    folder(
        "flags_unknown",
        "An object in added_tokens_decoder with a key that isn't known.",
        NEW_YORK,
        added_tokens_decoder={str(V): added("new york") | {"comment": "a city"}},
    ),
    folder(
        "split",
        "split_special_tokens: special tokens in a text are text; ordinary added tokens are found.",
        ["hello [MASK] covid new york"],
        split_special_tokens=True,
        additional_special_tokens=["covid"],
        added_tokens_decoder=decoder(added("new york", special=False), added("covid")),
    ),
    folder("role_lower", "The mask's name in lower case, in a text and as a role.", ["hello [mask] [MASK]"], mask_token="[mask]"),
]
