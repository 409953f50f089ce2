"""Other spellings of a pipeline in tokenizer.json, read as they are written."""

from .recipe import Folder, json_text
from .vocabulary import (
    ADDED,
    BERT_NORMALIZER,
    BERT_TEMPLATE,
    CASED_NORMALIZER,
    CONFIG,
    IDS,
    PAIRS,
    TEXTS,
    V,
    WHOLE_TOKENIZER,
    WORDPIECE,
    added,
    template,
    tokenizer_json,
)

KIND = "spellings"
LINES = ["HELLO wörld É Ünder Café e\u0301", "don't un-able, 中文! x_y 19,0"]
ROLES = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}


def json(name, point, without=(), texts=(), truncated=False, raw=None, pairs=(), **changes):
    """A tokenizer.json with some entries changed, of the class that takes it as it is."""
    files = {
        "tokenizer.json": raw or tokenizer_json(without, **changes),
        "config.json": CONFIG,
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"} | ROLES,
    }
    return Folder(name, point, files, list(texts) + LINES + TEXTS, list(pairs) + PAIRS, {"truncated": truncated})


def sequence(what, *elements):
    """A Sequence of normalizers, pre_tokenizers, processors or decoders."""
    return {"type": "Sequence", what: list(elements)}


def normalizers(name, point, *elements):
    """Normalizers in a Sequence."""
    return json("normalizer_" + name, point, normalizer=sequence("normalizers", *elements))


def t(kind, **options):
    """An element of a pipeline."""
    return {"type": kind} | options


def model(**changes):
    """The model with changes; None leaves an entry out."""
    return {key: value for key, value in (WORDPIECE | changes).items() if value is not None}


PUNCTUATION = t("Punctuation", behavior="Isolated")
SPACES = t("WhitespaceSplit")
BERT_PROCESSING = t("BertProcessing", sep=["[SEP]", 5], cls=["[CLS]", 4])
ROBERTA = t("RobertaProcessing", sep=["[SEP]", 5], cls=["[CLS]", 4], trim_offsets=True, add_prefix_space=False)
BYTES = t("ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)
NO_PAIR = template("[CLS]:0 $A:0 [SEP]:0", "$A:0 $B:1", {"[CLS]": 4, "[SEP]": 5})
AB = {"[CLS]": 4, "[SEP]": 5, "<s>": 7, "</s>": 9}

FOLDERS = [
    json("usual", "Nothing odd: what the others are compared with."),
    # normalizers
    normalizers("sequence_of_one", "A Sequence of one BertNormalizer.", BERT_NORMALIZER),
    normalizers("sequence_of_none", "An empty Sequence."),
    normalizers("nested", "A Sequence within a Sequence.", sequence("normalizers", BERT_NORMALIZER)),
    normalizers("nfd_lower_strip", "NFD, Lowercase, StripAccents.", t("NFD"), t("Lowercase"), t("StripAccents")),
    normalizers("nfkd_lower_strip", "NFKD, Lowercase, StripAccents.", t("NFKD"), t("Lowercase"), t("StripAccents")),
    normalizers(
        "lower_strip", "Lowercase, StripAccents: composed letters keep their accents.", t("Lowercase"), t("StripAccents")
    ),
    normalizers("strip_nfd", "StripAccents, NFD: too late.", t("Lowercase"), t("StripAccents"), t("NFD")),
    normalizers("nfc_bert", "NFC, then a BertNormalizer.", t("NFC"), BERT_NORMALIZER),
    normalizers("nfkc_bert", "NFKC, then a BertNormalizer that is cased.", t("NFKC"), CASED_NORMALIZER),
    normalizers(
        "bert_twice",
        "Two BertNormalizers: one for Chinese characters, one for letters.",
        CASED_NORMALIZER,
        t("BertNormalizer", clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=True),
    ),
    normalizers(
        "replace_strip",
        "Strip, Replace, Lowercase.",
        t("Strip", strip_left=True, strip_right=True),
        t("Replace", pattern={"String": "-"}, content=" "),
        t("Lowercase"),
    ),
    normalizers(
        "replace_regex",
        "Replace by a regular expression.",
        t("Replace", pattern={"Regex": "[0-9]+"}, content="0"),
        BERT_NORMALIZER,
    ),
    normalizers("prepend", "Prepend.", t("Prepend", prepend="the "), BERT_NORMALIZER),
    json("normalizer_lowercase", "Lowercase alone.", normalizer=t("Lowercase")),
    json("normalizer_nfc", "NFC alone.", normalizer=t("NFC")),
    json("normalizer_nfkc", "NFKC alone.", normalizer=t("NFKC"), texts=["ﬁ ½ ｈｅｌｌｏ"]),
    json(
        "normalizer_strip_accents",
        "StripAccents alone: only accents that are characters of their own.",
        normalizer=t("StripAccents"),
    ),
    json("normalizer_null", "No normalizer.", normalizer=None),
    json("normalizer_absent", "The entry is missing.", ["normalizer"]),
    json("normalizer_bert_defaults", "A BertNormalizer without any option.", normalizer=t("BertNormalizer")),
    json("normalizer_bert_some", "A BertNormalizer with some options.", normalizer=t("BertNormalizer", lowercase=False)),
    json("normalizer_unknown", "A type that isn't known.", normalizer=t("NoSuchNormalizer")),
    json(
        "normalizer_unknown_option",
        "A BertNormalizer with an option that isn't known.",
        normalizer=BERT_NORMALIZER | {"comment": "no"},
    ),
    # pre-tokenizers
    json("pre_whitespace", "Whitespace: words of letters, digits and _, and the rest.", pre_tokenizer=t("Whitespace")),
    json("pre_whitespace_split", "WhitespaceSplit.", pre_tokenizer=SPACES),
    json(
        "pre_sequence_of_one",
        "A Sequence of one BertPreTokenizer.",
        pre_tokenizer=sequence("pretokenizers", t("BertPreTokenizer")),
    ),
    json(
        "pre_split_punctuation",
        "WhitespaceSplit, then Punctuation: the same as BertPreTokenizer.",
        pre_tokenizer=sequence("pretokenizers", SPACES, PUNCTUATION),
    ),
    json("pre_punctuation", "Punctuation alone: spaces stay in words.", pre_tokenizer=PUNCTUATION),
    json(
        "pre_punctuation_removed",
        "Punctuation that is removed.",
        pre_tokenizer=sequence("pretokenizers", SPACES, PUNCTUATION | {"behavior": "Removed"}),
    ),
    json(
        "pre_punctuation_merged",
        "Punctuation that stays with what comes before.",
        pre_tokenizer=sequence("pretokenizers", SPACES, PUNCTUATION | {"behavior": "MergedWithPrevious"}),
    ),
    json(
        "pre_punctuation_contiguous",
        "Runs of punctuation stay together.",
        texts=["hello!! the"],
        pre_tokenizer=sequence("pretokenizers", SPACES, PUNCTUATION | {"behavior": "Contiguous"}),
    ),
    json(
        "pre_punctuation_default",
        "Punctuation without a behavior.",
        pre_tokenizer=sequence("pretokenizers", SPACES, t("Punctuation")),
    ),
    json(
        "pre_digits",
        "BertPreTokenizer, then Digits.",
        pre_tokenizer=sequence("pretokenizers", t("BertPreTokenizer"), t("Digits", individual_digits=True)),
    ),
    json(
        "pre_digits_runs",
        "The same, runs of digits together.",
        pre_tokenizer=sequence("pretokenizers", t("BertPreTokenizer"), t("Digits", individual_digits=False)),
    ),
    json("pre_delimiter", "CharDelimiterSplit.", pre_tokenizer=t("CharDelimiterSplit", delimiter="-")),
    json(
        "pre_bert_twice",
        "BertPreTokenizer twice.",
        pre_tokenizer=sequence("pretokenizers", t("BertPreTokenizer"), t("BertPreTokenizer")),
    ),
    json("pre_byte_level", "ByteLevel.", pre_tokenizer=BYTES),
    json("pre_metaspace", "Metaspace.", pre_tokenizer=t("Metaspace", replacement="▁", prepend_scheme="always", split=True)),
    json("pre_null", "No pre-tokenizer.", pre_tokenizer=None),
    json("pre_absent", "The entry is missing.", ["pre_tokenizer"]),
    # post-processors
    json("post_bert", "BertProcessing.", post_processor=BERT_PROCESSING),
    json("post_roberta", "RobertaProcessing: two separators between texts, all types 0.", post_processor=ROBERTA),
    json(
        "post_roberta_defaults",
        "RobertaProcessing without its options.",
        post_processor=t("RobertaProcessing", sep=["[SEP]", 5], cls=["[CLS]", 4]),
    ),
    json("post_sequence_of_one", "A Sequence of one TemplateProcessing.", post_processor=sequence("processors", BERT_TEMPLATE)),
    json("post_sequence_of_none", "An empty Sequence.", post_processor=sequence("processors")),
    json(
        "post_sequence_of_two", "ByteLevel, then TemplateProcessing.", post_processor=sequence("processors", BYTES, BERT_TEMPLATE)
    ),
    json(
        "post_sequence_of_templates",
        "Two templates.",
        post_processor=sequence("processors", BERT_TEMPLATE, template("<s>:0 $A:0", "<s>:0 $A:0 $B:1", AB)),
    ),
    json("post_byte_level", "ByteLevel alone.", post_processor=BYTES),
    json("post_null", "No post-processor: no special tokens.", post_processor=None),
    json("post_absent", "The entry is missing.", ["post_processor"]),
    json("post_no_special", "A template without special tokens.", post_processor=template("$A:0", "$A:0 $B:1", {})),
    json("post_no_sep", "A pair without a separator.", post_processor=NO_PAIR),
    json(
        "post_reversed",
        "A pair in reverse.",
        post_processor=template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $B:1 [SEP]:1 $A:0 [SEP]:0", AB),
    ),
    json(
        "post_types", "Other type ids.", post_processor=template("[CLS]:2 $A:3 [SEP]:4", "[CLS]:2 $A:3 [SEP]:4 $B:5 [SEP]:6", AB)
    ),
    json(
        "post_renamed",
        "Other special tokens.",
        post_processor=template("<s>:0 $A:0 </s>:0", "<s>:0 $A:0 </s>:0 </s>:0 $B:0 </s>:0", AB),
    ),
    json(
        "post_several_ids",
        "A special token that stands for several ids.",
        post_processor=BERT_TEMPLATE
        | {
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [4, 7], "tokens": ["[CLS]", "<s>"]},
                "[SEP]": {"id": "[SEP]", "ids": [5], "tokens": ["[SEP]"]},
            }
        },
    ),
    json(
        "post_other_id",
        "A special token whose id isn't the vocabulary's.",
        post_processor=BERT_TEMPLATE
        | {
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [50], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [5], "tokens": ["[SEP]"]},
            }
        },
    ),
    json(
        "post_high_id",
        "A special token with an id above the vocabulary.",
        post_processor=t("BertProcessing", sep=["[SEP]", 5], cls=["[CLS]", V + 5]),
    ),
    json(
        "post_missing_special",
        "A template that uses a special token without an id.",
        post_processor=BERT_TEMPLATE | {"special_tokens": {}},
    ),
    json(
        "post_strings",
        "A template of strings.",
        post_processor=BERT_TEMPLATE | {"single": "[CLS] $A [SEP]", "pair": "[CLS] $A [SEP] $B:1 [SEP]:1"},
    ),
    json(
        "post_text_twice",
        "A template that has a text twice.",
        post_processor=template("[CLS]:0 $A:0 [SEP]:0 $A:1", "[CLS]:0 $A:0 [SEP]:0 $B:1", AB),
    ),
    json(
        "post_no_text", "A template without a text.", post_processor=template("[CLS]:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1", AB)
    ),
    # added tokens
    json(
        "added_twice",
        "An added token listed twice, with other flags.",
        texts=["hello COVID covid"],
        added_tokens=ADDED + [added("covid", V, special=False), added("covid", V, special=False, normalized=False)],
    ),
    json(
        "added_twice_ids",
        "An added token listed twice, with two ids.",
        texts=["hello covid new york"],
        added_tokens=ADDED + [added("covid", V), added("covid", V + 1), added("new york", V + 2)],
    ),
    json(
        "added_gap",
        "Ids of added tokens fill a gap in the vocabulary.",
        texts=["covid new york ##19 co19"],
        model=model(vocab={token: id + 2 * (id > 100) for token, id in IDS.items()}),
        added_tokens=ADDED + [added("covid", 101), added("new york", 102)],
    ),
    json(
        "added_gap_unordered",
        "The same in another order.",
        texts=["covid new york ##19 co19"],
        model=model(vocab={token: id + 2 * (id > 100) for token, id in IDS.items()}),
        added_tokens=ADDED + [added("covid", 102), added("new york", 101)],
    ),
    json(
        "added_gap_above",
        "Ids of added tokens leave a gap above the vocabulary.",
        texts=["covid new york"],
        added_tokens=ADDED + [added("covid", V + 3), added("new york", V + 7)],
    ),
    json(
        "added_id_taken",
        "A new added token has the id of a token of the vocabulary.",
        texts=["covid hello the"],
        added_tokens=ADDED + [added("covid", IDS["hello"])],
    ),
    json(
        "added_id_other",
        "An added token of the vocabulary has another id there.",
        texts=["hello the HELLO"],
        added_tokens=ADDED + [added("hello", IDS["the"])],
    ),
    json(
        "added_id_other_special", "[MASK] has another id than in the vocabulary.", added_tokens=ADDED[:4] + [added("[MASK]", 11)]
    ),
    json(
        "added_unordered",
        "Added tokens in no order.",
        texts=["covid new york"],
        added_tokens=[added("new york", V + 1), added("covid", V)] + ADDED[::-1],
    ),
    json("added_none", "No added tokens: those with a role in tokenizer_config.json are added.", added_tokens=[]),
    json("added_absent", "The entry is missing.", ["added_tokens"]),
    json("added_no_id", "An added token without an id.", added_tokens=ADDED + [added("covid")]),
    json("added_no_flags", "An added token with id and content only.", added_tokens=ADDED + [{"id": V, "content": "covid"}]),
    json("added_empty", "An empty added token.", added_tokens=ADDED + [added("", V)]),
    # truncation and padding
    json(
        "truncation",
        "A truncation section: no call uses it, since truncation goes by model_max_length.",
        truncated=True,
        truncation={"direction": "Right", "max_length": 6, "strategy": "LongestFirst", "stride": 0},
    ),
    json(
        "truncation_left",
        "Truncation on the left, with a stride.",
        truncated=True,
        truncation={"direction": "Left", "max_length": 6, "strategy": "OnlyFirst", "stride": 2},
    ),
    json(
        "padding",
        "A padding section: no call pads that doesn't ask for it; the side becomes the tokenizer's.",
        truncated=True,
        padding={
            "strategy": {"Fixed": 12},
            "direction": "Left",
            "pad_to_multiple_of": 8,
            "pad_id": 9,
            "pad_type_id": 1,
            "pad_token": "[unused0]",
        },
    ),
    json(
        "padding_longest",
        "The same, to the longest.",
        padding={
            "strategy": "BatchLongest",
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "[PAD]",
        },
    ),
    # the model
    json("model_no_type", "No type.", model=model(type=None)),
    json("model_no_unk", "No unk_token.", model=model(unk_token=None)),
    json("model_unk_null", "unk_token null.", model=WORDPIECE | {"unk_token": None}),
    json("model_unk_missing", "unk_token isn't in the vocabulary.", model=model(unk_token="<strange>")),
    json(
        "model_unk_added",
        "unk_token is an added token only.",
        model=model(unk_token="<strange>"),
        added_tokens=ADDED + [added("<strange>", V)],
    ),
    json("model_prefix", "Another prefix.", model=model(continuing_subword_prefix="")),
    json("model_no_prefix", "No prefix given.", model=model(continuing_subword_prefix=None)),
    json(
        "model_longest",
        "max_input_chars_per_word.",
        model=model(max_input_chars_per_word=5),
        texts=["world worlds hello unwanted"],
    ),
    json(
        "model_no_longest",
        "max_input_chars_per_word not given: 100.",
        model=model(max_input_chars_per_word=None),
        texts=["un" * 50, "un" * 50 + "c"],
    ),
    json("model_empty_vocabulary", "An empty vocabulary.", model=model(vocab={}), added_tokens=[]),
    json("model_list_vocabulary", "The vocabulary as a list.", model=model(vocab=list(IDS))),
    json("model_same_id", "Two tokens of the vocabulary with one id.", model=model(vocab=IDS | {"zzz": IDS["the"]})),
    json("model_negative_id", "A negative id.", model=model(vocab=IDS | {"zzz": -1})),
    json("model_string_id", "An id that is a string.", model=model(vocab=IDS | {"zzz": "105"})),
    json("model_high_id", "A very high id.", model=model(vocab=IDS | {"zzz": 1000000})),
    json("model_empty_token", "An empty token in the vocabulary.", model=model(vocab=IDS | {"": V})),
    json("model_wordlevel", "A WordLevel model.", model={"type": "WordLevel", "unk_token": "[UNK]", "vocab": IDS}),
    json(
        "model_bpe",
        "A BPE model.",
        model={"type": "BPE", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "vocab": IDS, "merges": []},
    ),
    json("model_unknown", "A type that isn't known.", model=model(type="NoSuchModel")),
    json("model_unknown_key", "A key that isn't known.", model=model(comment="no")),
    # the rest
    json("decoder_absent", "No decoder entry.", ["decoder"]),
    json("decoder_null", "The decoder is null.", decoder=None),
    json(
        "decoder_other",
        "A decoder of another kind.",
        decoder=t("ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True),
    ),
    json(
        "decoder_sequence", "A Sequence of one decoder.", decoder=sequence("decoders", t("WordPiece", prefix="##", cleanup=False))
    ),
    json("version_absent", "No version.", ["version"]),
    json("version_other", "Another version.", version="2.0"),
    json("unknown_entry", "An entry that isn't known.", comment="no"),
    json("order", "The model comes first.", raw=dict(reversed(WHOLE_TOKENIZER.items()))),
    json("double_key", "A key twice.", raw='{"version": "1.0", ' + json_text(WHOLE_TOKENIZER)[1:]),
    json("bom", "A byte order mark.", raw="\ufeff" + json_text(WHOLE_TOKENIZER)),
]
