"""Files beside vocab.txt or tokenizer.json that say something about tokens, and which of them wins."""

from .recipe import Folder
from .vocabulary import ADDED, CONFIG, PAIRS, TEXTS, TOKENIZER_JSON, V, VOCABULARY, added, tokenizer_json

KIND = "companions"
BERT = {"tokenizer_class": "BertTokenizer"}
FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}
RENAMED = {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
USUAL = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
FILES = {
    "config": "tokenizer_config.json",
    "special": "special_tokens_map.json",
    "tokens": "added_tokens.json",
    "vocabulary": "vocab.txt",
    "other": "other.txt",
}
SMALL = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nthe\n"
NEW = ["covid new york", "NEW YORK COVID"]


def plain(name, point, texts=NEW, without=(), **files):
    """Files beside a vocab.txt, by the short names of FILES."""
    return make(name, point, {"vocab.txt": VOCABULARY, "config.json": CONFIG}, texts, without, files)


def beside_json(name, point, texts=NEW, without=(), json=TOKENIZER_JSON, **files):
    """Files beside a tokenizer.json, by the short names of FILES."""
    return make(name, point, {"tokenizer.json": json, "config.json": CONFIG}, texts, without, files)


def make(name, point, base, texts, without, files):
    """A folder of the usual files and those given by their short names; with truncation where a longest text is said."""
    files = base | {FILES[short]: file for short, file in files.items()}
    files = {name: file for name, file in files.items() if name not in without}
    return Folder(name, point, files, list(texts) + TEXTS, PAIRS, {"truncated": "_max_" in name or name == "config_sides"})


OTHERS = [added("[PAD]", 0), added("[UNK]", 3), added("[CLS]", 4), added("[SEP]", 5), added("[MASK]", 6), added("covid", V)]
AS_DECODER = {str(token["id"]): {key: value for key, value in token.items() if key != "id"} for token in OTHERS}
FOUR_DECODERS = {id: token for id, token in AS_DECODER.items() if token["content"] != "covid"}

FOLDERS = [
    # vocab.txt without tokenizer.json
    plain("nothing", "vocab.txt and config.json, nothing else."),
    plain("vocabulary_alone", "vocab.txt alone.", without=["config.json"]),
    plain(
        "no_model_config",
        "vocab.txt with a tokenizer_config.json that names the class, no config.json.",
        without=["config.json"],
        config=BERT,
    ),
    plain(
        "no_model_config_no_class",
        "vocab.txt with a tokenizer_config.json that names no class, no config.json.",
        without=["config.json"],
        config={"do_lower_case": False},
    ),
    plain("added_tokens", "added_tokens.json with the next ids.", tokens={"covid": V, "new york": V + 1}),
    plain(
        "added_tokens_order",
        "added_tokens.json out of order: the ids decide.",
        tokens={"covid": V + 1, "new york": V},
        config=BERT,
    ),
    plain(
        "added_tokens_ids",
        "added_tokens.json with ids that aren't free, or leave gaps.",
        tokens={"covid": 3, "new york": V + 7},
        config=BERT,
    ),
    plain(
        "added_tokens_special",
        "A token of added_tokens.json that is also in additional_special_tokens.",
        tokens={"covid": V, "new york": V + 1},
        config=BERT | {"additional_special_tokens": ["new york"]},
    ),
    plain(
        "added_tokens_and_map",
        "Tokens of added_tokens.json that special_tokens_map.json gives a role.",
        tokens={"covid": V, "<c>": V + 1},
        special={"cls_token": "<c>", "additional_special_tokens": ["covid"]},
        config=BERT,
    ),
    plain(
        "added_tokens_and_decoder",
        "added_tokens_decoder is there: added_tokens.json isn't read.",
        tokens={"new york": V},
        config=BERT | {"added_tokens_decoder": AS_DECODER},
    ),
    plain(
        "empty_decoder",
        "An empty added_tokens_decoder is there, too: neither added_tokens.json nor special_tokens_map.json is read.",
        tokens={"new york": V},
        special=RENAMED,
        config=BERT | {"added_tokens_decoder": {}},
    ),
    plain("map_renamed", "special_tokens_map.json gives the roles to tokens with other names.", special=RENAMED),
    plain(
        "map_against_config",
        "special_tokens_map.json against tokenizer_config.json: the map wins.",
        special=RENAMED,
        config=BERT | USUAL,
    ),
    plain(
        "map_against_config_decoder",
        "The same with an added_tokens_decoder: tokenizer_config.json wins.",
        special=RENAMED,
        config=BERT | USUAL | {"added_tokens_decoder": FOUR_DECODERS},
    ),
    plain(
        "map_partly",
        "special_tokens_map.json and tokenizer_config.json have different roles each.",
        special={"cls_token": "<s>", "mask_token": "<mask>"},
        config=BERT | {"sep_token": "</s>", "mask_token": "[MASK]"},
    ),
    plain(
        "map_objects",
        "Objects in special_tokens_map.json; special is true whatever they say.",
        special={"mask_token": added("[MASK]", lstrip=True, special=False), "cls_token": {"content": "<s>"}},
        config=BERT,
    ),
    plain(
        "map_additional",
        "additional_special_tokens in special_tokens_map.json.",
        special={"additional_special_tokens": ["covid"]},
        config=BERT,
    ),
    plain(
        "map_additional_objects",
        "Objects there.",
        special={"additional_special_tokens": [added("covid", lstrip=True), added("New York", normalized=True)]},
        config=BERT,
    ),
    plain(
        "map_additional_against",
        "additional_special_tokens in both files.",
        special={"additional_special_tokens": ["covid"]},
        config=BERT | {"additional_special_tokens": ["new york"]},
    ),
    plain(
        "map_extra_against",
        "extra_special_tokens, a list, in both files: both lists count.",
        special={"extra_special_tokens": ["covid"]},
        config=BERT | {"extra_special_tokens": ["new york"]},
    ),
    plain(
        "map_additional_config_extra",
        "additional_special_tokens in the map, extra_special_tokens in tokenizer_config.json.",
        special={"additional_special_tokens": ["covid"]},
        config=BERT | {"extra_special_tokens": ["new york"]},
    ),
    plain(
        "map_extra_dict",
        "extra_special_tokens by names in the map.",
        special={"extra_special_tokens": {"city_token": "new york"}},
        config=BERT,
    ),
    plain("config_renamed", "All roles in tokenizer_config.json, as strings.", config=BERT | RENAMED),
    plain(
        "config_renamed_objects",
        "All roles in tokenizer_config.json, as objects with __type.",
        config=BERT | {role: {"__type": "AddedToken"} | added(token) for role, token in RENAMED.items()},
    ),
    plain("config_objects_without_type", "Roles as objects without __type.", config=BERT | {"cls_token": added("<s>")}),
    plain(
        "config_mask_object",
        "The mask as an object that takes white space.",
        ["hello [MASK] the"],
        config=BERT | {"mask_token": {"__type": "AddedToken"} | added("[MASK]", lstrip=True)},
    ),
    plain(
        "config_mask_decoder",
        "The mask as a string, its flags in added_tokens_decoder.",
        ["hello [MASK] the"],
        config=BERT | {"mask_token": "[MASK]", "added_tokens_decoder": {"6": added("[MASK]", lstrip=True)}},
    ),
    plain(
        "config_mask_contradicts",
        "The mask as an object, and with other flags in added_tokens_decoder.",
        ["hello [MASK] the"],
        config=BERT
        | {
            "mask_token": {"__type": "AddedToken"} | added("[MASK]", lstrip=True),
            "added_tokens_decoder": {"6": added("[MASK]", rstrip=True)},
        },
    ),
    plain("config_null_roles", "Roles that are null.", config=BERT | {"mask_token": None, "pad_token": None}),
    plain("config_null_cls", "cls_token and sep_token null.", config=BERT | {"cls_token": None, "sep_token": None}),
    plain("config_null_unk", "unk_token null.", config=BERT | {"unk_token": None}),
    plain("config_number_role", "A role that is a number.", config=BERT | {"mask_token": 6}),
    plain(
        "config_new_roles",
        "Roles whose tokens aren't in the vocabulary get new ids.",
        config=BERT | {"cls_token": "<begin>", "sep_token": "<end>", "mask_token": "<blank>"},
    ),
    plain("config_new_unk", "unk_token isn't in the vocabulary.", config=BERT | {"unk_token": "<strange>"}),
    plain("config_same_token", "One token for two roles.", config=BERT | {"cls_token": "[SEP]"}),
    plain(
        "config_bos_eos", "bos_token and eos_token beside the others.", config=BERT | {"bos_token": "<s>", "eos_token": "<end>"}
    ),
    plain("config_own_role", "A role of the model's own.", config=BERT | {"city_token": "new york"}),
    plain(
        "config_additional",
        "additional_special_tokens and extra_special_tokens in tokenizer_config.json.",
        config=BERT | {"additional_special_tokens": ["covid"], "extra_special_tokens": ["new york"]},
    ),
    plain(
        "config_additional_empty_extra",
        "additional_special_tokens beside an empty extra_special_tokens.",
        config=BERT | {"additional_special_tokens": ["covid"], "extra_special_tokens": []},
    ),
    plain(
        "config_extra_dict", "extra_special_tokens by names.", config=BERT | {"extra_special_tokens": {"city_token": "new york"}}
    ),
    plain(
        "config_extra_and_additional_dict",
        "additional_special_tokens beside extra_special_tokens by names.",
        config=BERT | {"additional_special_tokens": ["covid"], "extra_special_tokens": {"city_token": "new york"}},
    ),
    plain(
        "config_extra_role",
        "An extra special token that is the mask of another model.",
        ["hello <mask>"],
        config=BERT | {"extra_special_tokens": ["<mask>"]},
    ),
    plain("config_cased", "do_lower_case false.", config=BERT | {"do_lower_case": False}),
    plain(
        "config_cased_strip",
        "do_lower_case false, strip_accents true.",
        config=BERT | {"do_lower_case": False, "strip_accents": True},
    ),
    plain("config_keep_accents", "strip_accents false.", config=BERT | {"strip_accents": False}),
    plain("config_chinese", "tokenize_chinese_chars false.", config=BERT | {"tokenize_chinese_chars": False}),
    plain(
        "config_null_options",
        "Options that are null.",
        config=BERT | {"do_lower_case": None, "tokenize_chinese_chars": None, "strip_accents": None},
    ),
    plain("config_null_lower", "do_lower_case null.", config=BERT | {"do_lower_case": None}),
    plain("config_string_lower", "do_lower_case is a string.", config=BERT | {"do_lower_case": "false"}),
    plain("config_number_lower", "do_lower_case is a number.", config=BERT | {"do_lower_case": 0}),
    plain(
        "config_old_options",
        "Options of older versions: do_basic_tokenize, never_split.",
        config=BERT | {"do_basic_tokenize": False, "never_split": ["covid"], "do_wordpiece_only": True},
    ),
    plain("config_max_length", "model_max_length.", config=BERT | {"model_max_length": 8}),
    plain("config_max_len", "Its older name, max_len.", config=BERT | {"max_len": 8}),
    plain("config_max_both", "Both names.", config=BERT | {"max_len": 8, "model_max_length": 9}),
    plain("config_max_null", "model_max_length null beside max_len.", config=BERT | {"max_len": 8, "model_max_length": None}),
    plain("config_max_huge", "model_max_length 1e30.", config=BERT | {"model_max_length": 1e30}),
    plain("config_max_fraction", "model_max_length 8.0.", config=BERT | {"model_max_length": 8.0}),
    plain("config_max_string", "model_max_length is a string.", config=BERT | {"model_max_length": "8"}),
    plain(
        "config_sides",
        "Both sides left.",
        config=BERT | {"padding_side": "left", "truncation_side": "left", "model_max_length": 8},
    ),
    plain("config_side_unknown", "A side that isn't known.", config=BERT | {"padding_side": "up"}),
    plain("config_side_null", "A side that is null.", config=BERT | {"padding_side": None}),
    plain("config_broken", "tokenizer_config.json isn't JSON.", config='{"do_lower_case": false,}'),
    plain("config_list", "tokenizer_config.json is a list.", config="[]\n"),
    plain("config_empty", "tokenizer_config.json is {}.", config={}),
    plain(
        "config_names_files",
        "tokenizer_config.json names another vocab_file.",
        config=BERT | {"vocab_file": "other.txt"},
        other=SMALL,
    ),
    # tokenizer.json
    beside_json("json_alone", "tokenizer.json and config.json, nothing else."),
    beside_json("json_quite_alone", "tokenizer.json alone.", without=["config.json"]),
    beside_json(
        "json_map",
        "special_tokens_map.json beside tokenizer.json, class BertTokenizer: the map's roles also make the post-processor.",
        special=RENAMED,
        config=BERT,
    ),
    beside_json("json_map_fast", "The same with the class PreTrainedTokenizerFast.", special=RENAMED, config=FAST),
    beside_json(
        "json_map_against_config", "special_tokens_map.json against tokenizer_config.json.", special=RENAMED, config=FAST | USUAL
    ),
    beside_json(
        "json_map_decoder",
        "The same with an added_tokens_decoder.",
        special=RENAMED,
        config=FAST | USUAL | {"added_tokens_decoder": FOUR_DECODERS},
    ),
    beside_json(
        "json_config_renamed",
        "tokenizer_config.json gives the roles to other tokens; class PreTrainedTokenizerFast.",
        config=FAST | RENAMED,
    ),
    beside_json("json_config_renamed_bert", "The same with the class BertTokenizer.", config=BERT | RENAMED),
    beside_json("json_no_roles", "No file gives roles; class PreTrainedTokenizerFast.", config=FAST),
    beside_json(
        "json_added_tokens",
        "added_tokens.json beside tokenizer.json.",
        tokens={"covid": V, "new york": V + 1},
        config=FAST | USUAL,
    ),
    beside_json(
        "json_added_tokens_bert", "The same with the class BertTokenizer.", tokens={"covid": V, "new york": V + 1}, config=BERT
    ),
    beside_json(
        "json_decoder_more",
        "added_tokens_decoder has a token that tokenizer.json doesn't have.",
        config=FAST | USUAL | {"added_tokens_decoder": AS_DECODER},
    ),
    beside_json(
        "json_decoder_more_bert", "The same with the class BertTokenizer.", config=BERT | {"added_tokens_decoder": AS_DECODER}
    ),
    beside_json(
        "json_decoder_less",
        "tokenizer.json has an added token that added_tokens_decoder doesn't have.",
        json=tokenizer_json(added_tokens=ADDED + [added("covid", V)]),
        config=FAST | USUAL | {"added_tokens_decoder": FOUR_DECODERS},
    ),
    beside_json(
        "json_decoder_less_bert",
        "The same with the class BertTokenizer: the token isn't found.",
        json=tokenizer_json(added_tokens=ADDED + [added("covid", V)]),
        config=BERT | {"added_tokens_decoder": FOUR_DECODERS},
    ),
    beside_json(
        "json_no_decoder_bert",
        "The same without added_tokens_decoder: it is found.",
        json=tokenizer_json(added_tokens=ADDED + [added("covid", V)]),
        config=BERT,
    ),
    beside_json(
        "json_flags",
        "added_tokens_decoder gives the mask and another token other flags than tokenizer.json does.",
        ["hello [MASK] the covid COVID  x"],
        json=tokenizer_json(added_tokens=ADDED + [added("covid", V, special=False)]),
        config=FAST
        | USUAL
        | {"added_tokens_decoder": FOUR_DECODERS | {"6": added("[MASK]", lstrip=True), str(V): added("covid", rstrip=True)}},
    ),
    beside_json(
        "json_flags_bert",
        "The same with the class BertTokenizer.",
        ["hello [MASK] the covid COVID  x"],
        json=tokenizer_json(added_tokens=ADDED + [added("covid", V, special=False)]),
        config=BERT
        | {"added_tokens_decoder": FOUR_DECODERS | {"6": added("[MASK]", lstrip=True), str(V): added("covid", rstrip=True)}},
    ),
    beside_json(
        "json_decoder_ids",
        "added_tokens_decoder exchanges the ids of two added tokens of tokenizer.json.",
        json=tokenizer_json(added_tokens=ADDED + [added("covid", V), added("new york", V + 1)]),
        config=FAST | USUAL | {"added_tokens_decoder": {str(V): added("new york"), str(V + 1): added("covid")}},
    ),
    beside_json(
        "json_decoder_ids_bert",
        "The same with the class BertTokenizer.",
        json=tokenizer_json(added_tokens=ADDED + [added("covid", V), added("new york", V + 1)]),
        config=BERT | {"added_tokens_decoder": {str(V): added("new york"), str(V + 1): added("covid")}},
    ),
    beside_json(
        "json_additional",
        "additional_special_tokens beside tokenizer.json.",
        config=FAST | USUAL | {"additional_special_tokens": ["covid"]},
    ),
    beside_json(
        "json_vocabulary",
        "vocab.txt contradicts tokenizer.json, which wins; class BertTokenizer.",
        json=tokenizer_json(),
        config=BERT,
        vocabulary=SMALL,
    ),
    beside_json(
        "json_max_length",
        "model_max_length and sides beside tokenizer.json.",
        config=FAST | USUAL | {"model_max_length": 8, "padding_side": "left", "truncation_side": "left"},
    ),
]
