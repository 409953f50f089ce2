"""The vocabulary of the folders, and a tokenizer.json for it."""

from .recipe import Changed, Shared

SPECIAL = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
RENAMED = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]  # the roles' names in other models, here ordinary tokens
LETTERS = list("acdehlnorstuvw")
WORDS = """
hello Hello HELLO the The world World wo want wanted un able new york co vid don ca cafe café Café naive naïve unused é
É Ü 中 文 中文 0 1 19
""".split()
PIECES = """##ing ##ed ##able ##want ##wanted ##vid ##fe ##fé ##ld ##llo ##文 ##é ##0 ##1 ##19""".split()

TOKENS = SPECIAL + RENAMED + list("!\"#'(),-./:<>?[]_") + LETTERS + ["##" + letter for letter in LETTERS] + WORDS + PIECES
IDS = {token: id for id, token in enumerate(TOKENS)}
V = len(TOKENS)
assert len(IDS) == V

VOCABULARY = Shared("shared/vocab.txt")  # the tokens above, one a line
CONFIG = Shared("shared/config.json")  # of a small BertModel: WHOLE_CONFIG below
TOKENIZER_JSON = Shared("shared/tokenizer.json")  # WHOLE_TOKENIZER below
CASED_JSON = Shared("shared/cased.json")  # the same with lowercase false

TEXTS = ["Hello the unwanted café", "COVID-19 Café: naïve, 中文 <s>!", "hello[MASK]covid <mask> zzz"]
PAIRS = [["Hello", "中文"]]


def added(content, id=None, special=True, **flags):
    """An added token as tokenizer.json lists it; without an id as tokenizer_config.json does."""
    token = {} if id is None else {"id": id}
    token |= {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": not special}
    return token | {"special": special} | flags


def template(single, pair, ids):
    """A TemplateProcessing: elements like "[CLS]:0" and "$A:0", separated by spaces."""

    def element(text):
        name, type_id = text.rsplit(":", 1)
        kind, name = ("Sequence", name[1:]) if name.startswith("$") else ("SpecialToken", name)
        return {kind: {"id": name, "type_id": int(type_id)}}

    special = {name: {"id": name, "ids": [id], "tokens": [name]} for name, id in ids.items()}
    return {
        "type": "TemplateProcessing",
        "single": [element(e) for e in single.split()],
        "pair": [element(e) for e in pair.split()],
        "special_tokens": special,
    }


BERT_TEMPLATE = template(
    "[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", {"[CLS]": IDS["[CLS]"], "[SEP]": IDS["[SEP]"]}
)
BERT_NORMALIZER = {
    "type": "BertNormalizer",
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": None,
    "lowercase": True,
}
CASED_NORMALIZER = BERT_NORMALIZER | {"lowercase": False}
WORDPIECE = {
    "type": "WordPiece",
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
    "vocab": IDS,
}
ADDED = [added(token, IDS[token]) for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]


WHOLE_TOKENIZER = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": ADDED,
    "normalizer": BERT_NORMALIZER,
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": BERT_TEMPLATE,
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "model": WORDPIECE,
}
WHOLE_CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "vocab_size": V,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 24,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
    "dtype": "float32",
}


def tokenizer_json(without=(), **changes):
    """The shared tokenizer.json, some entries of which are left out or set."""
    return Changed(TOKENIZER_JSON.path, list(without), changes)


def config_json(without=(), **changes):
    """The shared config.json of a small BertModel, some entries of which are left out or set."""
    return Changed(CONFIG.path, list(without), changes)
