"""tokenizer.json against tokenizer_config.json, for each class that may read them."""

from .recipe import Folder
from .vocabulary import (
    ADDED,
    BERT_NORMALIZER,
    CASED_JSON,
    IDS,
    PAIRS,
    TEXTS,
    TOKENIZER_JSON,
    VOCABULARY,
    WORDPIECE,
    added,
    config_json,
    template,
    tokenizer_json,
)

KIND = "contradictions"
CLASSES = [
    "BertTokenizer",
    "BertTokenizerFast",
    "PreTrainedTokenizerFast",
    "PreTrainedTokenizer",
    "TokenizersBackend",
    "PythonBackend",
    "DistilBertTokenizer",
    "DistilBertTokenizerFast",
    "ElectraTokenizer",
    "ElectraTokenizerFast",
    "MobileBertTokenizer",
    "LayoutLMTokenizer",
    "ConvBertTokenizer",
    "MPNetTokenizer",
    "MPNetTokenizerFast",
    "LxmertTokenizer",
    "FunnelTokenizer",
    "SqueezeBertTokenizer",
    "HerbertTokenizer",
    "RoFormerTokenizer",
    "BertTokenizerLegacy",
    "NoSuchTokenizer",
    "MyTokenizerFast",
    "berttokenizer",
    "",
    None,
]
TEXT = {"vocab.txt": VOCABULARY}
UPPER = ["HELLO Hello World, É Café"]


def json_folder(name, point, json, model_config=None, texts=(), pairs=(), truncated=False, others=None, **tokenizer_config):
    """A tokenizer.json with a tokenizer_config.json; a config.json of bert unless another is given."""
    files = {
        "tokenizer.json": json,
        "tokenizer_config.json": tokenizer_config,
        "config.json": config_json() if model_config is None else model_config,
    }
    files |= others or {}
    return Folder(name, point, files, UPPER + list(texts) + TEXTS, list(pairs) + PAIRS, {"truncated": truncated})


def of_class(name):
    """A cased tokenizer.json, read by a class that lower-cases unless it is told otherwise."""
    said = {} if name is None else {"tokenizer_class": name}
    return json_folder(
        "class_" + (name or ("empty" if name == "" else "none")),
        "A cased tokenizer.json without a post-processor, " f"tokenizer_class {'absent' if name is None else repr(name)}.",
        tokenizer_json(["post_processor"], normalizer=BERT_NORMALIZER | {"lowercase": False}),
        **said,
    )


def of_model_type(model_type, **tokenizer_config):
    """The same without a class: the model's type decides."""
    name = "type_" + (model_type or "none")
    config = config_json(
        ["architectures"] + ([] if model_type else ["model_type"]), **({"model_type": model_type} if model_type else {})
    )
    return json_folder(
        name,
        f"A cased tokenizer.json without a class, model_type {model_type or 'absent'}.",
        CASED_JSON,
        config,
        **tokenizer_config,
    )


BERT, FAST = "BertTokenizer", "PreTrainedTokenizerFast"
ROBERTA = {
    "type": "RobertaProcessing",
    "sep": ["</s>", IDS["</s>"]],
    "cls": ["<s>", IDS["<s>"]],
    "trim_offsets": True,
    "add_prefix_space": False,
}
LEFT_TYPES = template("[SEP]:2 $A:3 [CLS]:4", "[SEP]:0 $A:1 [CLS]:2 $B:3 [SEP]:4", {"[SEP]": IDS["[SEP]"], "[CLS]": IDS["[CLS]"]})
SMALL = {"type": "WordPiece", "unk_token": "<unk>", "continuing_subword_prefix": "", "max_input_chars_per_word": 5, "vocab": IDS}
TRUNCATION = {"direction": "Left", "max_length": 6, "strategy": "LongestFirst", "stride": 0}
PADDING = {
    "strategy": {"Fixed": 12},
    "direction": "Left",
    "pad_to_multiple_of": None,
    "pad_id": 9,
    "pad_type_id": 1,
    "pad_token": "[unused0]",
}

FOLDERS = [of_class(name) for name in CLASSES]
FOLDERS += [
    of_model_type(name)
    for name in ("bert", "distilbert", "electra", "mpnet", "roberta", "albert", "mobilebert", "gpt2", "nosuch", None)
]
FOLDERS += [
    json_folder(
        "model_config_class",
        "config.json names the class, tokenizer_config.json doesn't.",
        CASED_JSON,
        config_json(tokenizer_class="PreTrainedTokenizerFast"),
    ),
    json_folder(
        "model_config_class_against",
        "config.json names another class than tokenizer_config.json.",
        CASED_JSON,
        config_json(tokenizer_class="PreTrainedTokenizerFast"),
        tokenizer_class=BERT,
    ),
    json_folder(
        "roberta_type_bert_class",
        "model_type roberta, tokenizer_class BertTokenizer.",
        CASED_JSON,
        config_json(model_type="roberta"),
        tokenizer_class=BERT,
    ),
    json_folder(
        "roberta_type_fast_class",
        "model_type roberta, tokenizer_class PreTrainedTokenizerFast.",
        CASED_JSON,
        config_json(model_type="roberta"),
        tokenizer_class=FAST,
    ),
    json_folder(
        "distilbert_type_distilbert_class",
        "model_type and class of DistilBERT: its own class, which lower-cases.",
        CASED_JSON,
        config_json(model_type="distilbert"),
        tokenizer_class="DistilBertTokenizer",
    ),
    json_folder(
        "lower_bert",
        "do_lower_case true, tokenizer.json cased, class BertTokenizer.",
        CASED_JSON,
        tokenizer_class=BERT,
        do_lower_case=True,
    ),
    json_folder(
        "lower_fast", "The same with the class PreTrainedTokenizerFast.", CASED_JSON, tokenizer_class=FAST, do_lower_case=True
    ),
    json_folder(
        "cased_bert",
        "do_lower_case false, tokenizer.json uncased, class BertTokenizer.",
        TOKENIZER_JSON,
        tokenizer_class=BERT,
        do_lower_case=False,
    ),
    json_folder(
        "cased_fast",
        "The same with the class PreTrainedTokenizerFast.",
        TOKENIZER_JSON,
        tokenizer_class=FAST,
        do_lower_case=False,
    ),
    json_folder(
        "cased_no_type",
        "The same with the class BertTokenizer and without config.json's model_type.",
        TOKENIZER_JSON,
        config_json(["model_type"]),
        tokenizer_class=BERT,
        do_lower_case=False,
    ),
    json_folder(
        "accents_bert",
        "strip_accents false against true, class BertTokenizer.",
        tokenizer_json(normalizer=BERT_NORMALIZER | {"strip_accents": True}),
        tokenizer_class=BERT,
        strip_accents=False,
    ),
    json_folder(
        "accents_absent_bert",
        "strip_accents true in tokenizer.json only, which is cased; class BertTokenizer.",
        tokenizer_json(normalizer=BERT_NORMALIZER | {"strip_accents": True, "lowercase": False}),
        tokenizer_class=BERT,
        do_lower_case=False,
    ),
    json_folder(
        "accents_fast",
        "strip_accents false against true, class PreTrainedTokenizerFast.",
        tokenizer_json(normalizer=BERT_NORMALIZER | {"strip_accents": True}),
        tokenizer_class=FAST,
        strip_accents=False,
    ),
    json_folder(
        "chinese_bert",
        "tokenize_chinese_chars false against handle_chinese_chars true, class BertTokenizer.",
        TOKENIZER_JSON,
        tokenizer_class=BERT,
        tokenize_chinese_chars=False,
    ),
    json_folder(
        "chinese_fast",
        "The same with the class PreTrainedTokenizerFast.",
        TOKENIZER_JSON,
        tokenizer_class=FAST,
        tokenize_chinese_chars=False,
    ),
    json_folder(
        "unclean_bert",
        "clean_text false in tokenizer.json; class BertTokenizer always cleans.",
        tokenizer_json(normalizer=BERT_NORMALIZER | {"clean_text": False}),
        texts=["hel\u200dlo\u0000", "the\u0001 hello"],
        tokenizer_class=BERT,
    ),
    json_folder(
        "unclean_fast",
        "The same with the class PreTrainedTokenizerFast.",
        tokenizer_json(normalizer=BERT_NORMALIZER | {"clean_text": False}),
        texts=["hel\u200dlo\u0000", "the\u0001 hello"],
        tokenizer_class=FAST,
    ),
    json_folder(
        "normalizer_null_bert",
        "No normalizer in tokenizer.json; class BertTokenizer has its own.",
        tokenizer_json(normalizer=None),
        tokenizer_class=BERT,
    ),
    json_folder(
        "normalizer_null_fast",
        "The same with the class PreTrainedTokenizerFast.",
        tokenizer_json(normalizer=None),
        tokenizer_class=FAST,
    ),
    json_folder(
        "pre_tokenizer_bert",
        "WhitespaceSplit in tokenizer.json; class BertTokenizer has its own.",
        tokenizer_json(pre_tokenizer={"type": "WhitespaceSplit"}),
        tokenizer_class=BERT,
    ),
    json_folder(
        "pre_tokenizer_fast",
        "The same with the class PreTrainedTokenizerFast.",
        tokenizer_json(pre_tokenizer={"type": "WhitespaceSplit"}),
        tokenizer_class=FAST,
    ),
    json_folder(
        "post_processor_bert",
        "RobertaProcessing in tokenizer.json; class BertTokenizer.",
        tokenizer_json(post_processor=ROBERTA),
        tokenizer_class=BERT,
    ),
    json_folder(
        "post_processor_fast",
        "The same with the class PreTrainedTokenizerFast.",
        tokenizer_json(post_processor=ROBERTA),
        tokenizer_class=FAST,
    ),
    json_folder(
        "template_bert",
        "An unusual template in tokenizer.json; class BertTokenizer.",
        tokenizer_json(post_processor=LEFT_TYPES),
        tokenizer_class=BERT,
    ),
    json_folder(
        "template_fast",
        "The same with the class PreTrainedTokenizerFast.",
        tokenizer_json(post_processor=LEFT_TYPES),
        tokenizer_class=FAST,
    ),
    json_folder(
        "template_ids_bert",
        "A template whose ids contradict the vocabulary; class BertTokenizer.",
        tokenizer_json(
            post_processor=template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", {"[CLS]": 50, "[SEP]": 51})
        ),
        tokenizer_class=BERT,
    ),
    json_folder(
        "template_ids_fast",
        "The same with the class PreTrainedTokenizerFast.",
        tokenizer_json(
            post_processor=template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", {"[CLS]": 50, "[SEP]": 51})
        ),
        tokenizer_class=FAST,
    ),
    json_folder(
        "no_post_processor_bert",
        "No post-processor; class BertTokenizer.",
        tokenizer_json(["post_processor"]),
        tokenizer_class=BERT,
    ),
    json_folder(
        "no_post_processor_fast",
        "The same with the class PreTrainedTokenizerFast.",
        tokenizer_json(["post_processor"]),
        tokenizer_class=FAST,
    ),
    json_folder(
        "no_post_processor_fast_bos",
        "The same, with add_bos_token and bos_token, add_eos_token and eos_token.",
        tokenizer_json(["post_processor"]),
        tokenizer_class=FAST,
        add_bos_token=True,
        bos_token="<s>",
        add_eos_token=True,
        eos_token="</s>",
    ),
    json_folder(
        "model_bert",
        "Another unk_token, prefix and longest word in tokenizer.json; class BertTokenizer has its own.",
        tokenizer_json(model=SMALL),
        texts=["thenewhello thehello zz"],
        tokenizer_class=BERT,
    ),
    json_folder(
        "model_fast",
        "The same with the class PreTrainedTokenizerFast.",
        tokenizer_json(model=SMALL),
        texts=["thenewhello thehello zz"],
        tokenizer_class=FAST,
    ),
    json_folder(
        "model_bert_unk",
        "The same unk_token in both files; class BertTokenizer.",
        tokenizer_json(model=SMALL),
        tokenizer_class=BERT,
        unk_token="<unk>",
    ),
    json_folder(
        "model_fast_unk",
        "tokenizer_config.json has another unk_token; class PreTrainedTokenizerFast.",
        TOKENIZER_JSON,
        tokenizer_class=FAST,
        unk_token="<unk>",
    ),
    json_folder(
        "gap_bert",
        "An id is free in tokenizer.json's vocabulary; class BertTokenizer.",
        tokenizer_json(
            model=WORDPIECE | {"vocab": {token: id + 3 * (id > 100) for token, id in IDS.items()}},
            added_tokens=ADDED + [added("covid", 102)],
        ),
        texts=["covid x##vid ##19 new york"],
        tokenizer_class=BERT,
        additional_special_tokens=["new york"],
    ),
    json_folder(
        "gap_fast",
        "The same with the class PreTrainedTokenizerFast.",
        tokenizer_json(
            model=WORDPIECE | {"vocab": {token: id + 3 * (id > 100) for token, id in IDS.items()}},
            added_tokens=ADDED + [added("covid", 102)],
        ),
        texts=["covid x##vid ##19 new york"],
        tokenizer_class=FAST,
        additional_special_tokens=["new york"],
    ),
    json_folder(
        "truncation_bert",
        "truncation in tokenizer.json; class BertTokenizer.",
        tokenizer_json(truncation=TRUNCATION),
        truncated=True,
        tokenizer_class=BERT,
    ),
    json_folder(
        "truncation_fast",
        "The same with the class PreTrainedTokenizerFast.",
        tokenizer_json(truncation=TRUNCATION),
        truncated=True,
        tokenizer_class=FAST,
    ),
    json_folder(
        "truncation_max_length",
        "The same beside a model_max_length and a side.",
        tokenizer_json(truncation=TRUNCATION),
        truncated=True,
        tokenizer_class=BERT,
        model_max_length=5,
        truncation_side="right",
    ),
    json_folder(
        "padding_bert", "padding in tokenizer.json; class BertTokenizer.", tokenizer_json(padding=PADDING), tokenizer_class=BERT
    ),
    json_folder(
        "padding_fast", "The same with the class PreTrainedTokenizerFast.", tokenizer_json(padding=PADDING), tokenizer_class=FAST
    ),
    json_folder(
        "padding_against",
        "The same beside a pad_token and a side.",
        tokenizer_json(padding=PADDING),
        tokenizer_class=BERT,
        pad_token="[PAD]",
        padding_side="right",
    ),
    json_folder(
        "old_form",
        "A tokenizer.json without a type of its model; class BertTokenizer.",
        tokenizer_json(model={key: value for key, value in WORDPIECE.items() if key != "type"}),
        tokenizer_class=BERT,
    ),
    json_folder(
        "bpe_bert",
        "tokenizer.json holds another kind of model; class BertTokenizer.",
        tokenizer_json(model={"type": "BPE", "unk_token": "[UNK]", "vocab": IDS, "merges": []}),
        tokenizer_class=BERT,
    ),
    json_folder(
        "wordlevel_bert",
        "tokenizer.json holds a WordLevel model; class BertTokenizer.",
        tokenizer_json(model={"type": "WordLevel", "unk_token": "[UNK]", "vocab": IDS}),
        tokenizer_class=BERT,
    ),
    json_folder(
        "broken_bert",
        "tokenizer.json isn't JSON, vocab.txt is there; class BertTokenizer.",
        '{"model": }',
        others=TEXT,
        tokenizer_class=BERT,
    ),
    json_folder(
        "empty_bert", "tokenizer.json is {}, vocab.txt is there; class BertTokenizer.", "{}\n", others=TEXT, tokenizer_class=BERT
    ),
]
