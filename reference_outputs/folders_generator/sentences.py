"""Folders of sentence-transformers: which modules a text goes through, and with which options."""

from sentence_transformers.sentence_transformer.modules import CNN, LSTM, BoW, StaticEmbedding, WeightedLayerPooling, WordWeights
from tokenizers import Tokenizer

from .recipe import Folder, Shared, json_text
from .vocabulary import CASED_JSON, CONFIG, IDS, TOKENIZER_JSON, VOCABULARY, WHOLE_TOKENIZER, config_json
from .weights import layer, saved

KIND = "sentences"
MODEL = Shared("shared/bert/model.safetensors")
H = 8
LONG = (
    "hello the new world wanted the new york cafe naive un able co vid "
    "don the world hello new want wanted the able world covid unwanted hello"
)
TEXTS = ["Hello the new world", "unwanted COVID: 中文 café [MASK]", ""]
OLD = "sentence_transformers.models."
TRANSFORMER = {"name": "0", "path": "", "type": OLD + "Transformer"}
POOLING = {"name": "1", "path": "1_Pooling", "type": OLD + "Pooling"}
NORMALIZE = {"name": "2", "path": "2_Normalize", "type": OLD + "Normalize"}
NEW_MODULES = (
    TRANSFORMER | {"type": "sentence_transformers.base.modules.transformer.Transformer"},
    POOLING | {"type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"},
    NORMALIZE | {"type": "sentence_transformers.base.modules.normalize.Normalize"},
)
NEW_CONFIG = {
    "transformer_task": "feature-extraction",
    "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
    "module_output_name": "token_embeddings",
}
MODES = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")


def old_pooling(*modes, **others):
    """1_Pooling/config.json of version 2: a truth value for each mode."""
    return {"word_embedding_dimension": H} | {"pooling_mode_" + mode: mode in modes for mode in MODES} | others


def new_pooling(mode, **others):
    """1_Pooling/config.json of version 6."""
    return {"embedding_dimension": H, "pooling_mode": mode, "include_prompt": True} | others


def modules(*entries):
    """modules.json: the entries in order, numbered."""
    return [{"idx": row} | entry for row, entry in enumerate(entries)]


def make(name, point, files=None, entries=(TRANSFORMER, POOLING), without=(), texts=(), **options):
    """A folder with a model in its root, mean pooling unless told otherwise, and the files that are given."""
    base = {
        "config.json": CONFIG,
        "model.safetensors": MODEL,
        "vocab.txt": VOCABULARY,
        "modules.json": modules(*entries),
        "sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": False},
        "1_Pooling/config.json": old_pooling("mean_tokens"),
    }
    files = {key: value for key, value in (base | (files or {})).items() if key not in without}
    return Folder(name, point, files, list(texts) + TEXTS, [], options)


def pooling(name, point, config, **options):
    """A folder whose 1_Pooling/config.json is odd."""
    return make("pooling_" + name, point, {"1_Pooling/config.json": config}, **options)


def length(name, point, bert_config, model_max_length=None, **options):
    """A folder whose sentence_bert_config.json and tokenizer_config.json say how long a text may be."""
    files = {"sentence_bert_config.json": bert_config}
    if model_max_length is not None:
        files["tokenizer_config.json"] = {"tokenizer_class": "BertTokenizer", "model_max_length": model_max_length}
    return make("length_" + name, point, files, texts=[LONG], **options)


def dense(name, point, config=None, weights=None, entries=None, without=(), **changes):
    """A folder with a dense layer from 8 to 4 numbers behind the pooling."""
    options = {
        "in_features": H,
        "out_features": 4,
        "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh",
    } | changes
    options = {key: value for key, value in options.items() if key not in without}
    entry = {"name": "2", "path": "2_Dense", "type": OLD + "Dense"}
    weights = layer("Linear", H, 4, seed=5) if weights is None else weights
    files = {"2_Dense/config.json": options if config is None else config, "2_Dense/model.safetensors": weights}
    return make("dense_" + name, point, files, entries or (TRANSFORMER, POOLING, entry))


def tail(name, point, kind, files, before=False, **options):
    """A folder with another module behind or before the pooling."""
    entry = {"name": "2", "path": "2_" + kind, "type": OLD + kind}
    return make(
        "module_" + name, point, files, (TRANSFORMER, entry, POOLING) if before else (TRANSFORMER, POOLING, entry), **options
    )


def prompts(name, point, names=(), **config):
    """A folder with a config_sentence_transformers.json, and the names of prompts to be tried."""
    return make("prompts_" + name, point, {"config_sentence_transformers.json": config}, prompt_names=list(names))


def described(name, point, **config):
    """A folder with a config_sentence_transformers.json."""
    return make("config_" + name, point, {"config_sentence_transformers.json": config})


def new_form(name, point, bert_config, entries=None, texts=()):
    """The files that version 6.2 writes, with changes of sentence_bert_config.json."""
    written = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}
    files = {
        "modules.json": modules(*(entries or NEW_MODULES)),
        "1_Pooling/config.json": new_pooling("mean"),
        "2_Normalize/config.json": written,
        "sentence_bert_config.json": NEW_CONFIG | bert_config,
        "config_sentence_transformers.json": {
            "__version__": {"pytorch": "2.15.0+cu132", "sentence_transformers": "6.2.0", "transformers": "5.23.0"},
            "default_prompt_name": None,
            "model_type": "SentenceTransformer",
            "prompts": {"document": "", "query": ""},
            "similarity_fn_name": "cosine",
        },
        "tokenizer.json": TOKENIZER_JSON,
        "tokenizer_config.json": {
            "backend": "tokenizers",
            "cls_token": "[CLS]",
            "do_lower_case": True,
            "is_local": True,
            "local_files_only": True,
            "mask_token": "[MASK]",
            "model_max_length": 20,
            "pad_token": "[PAD]",
            "sep_token": "[SEP]",
            "strip_accents": None,
            "tokenize_chinese_chars": True,
            "tokenizer_class": "BertTokenizer",
            "unk_token": "[UNK]",
        },
    }
    return make("new_" + name, point, files, without=["vocab.txt"], texts=texts)


def moved(path):
    """The files of a Transformer in a folder of its own."""
    return {
        path + "/config.json": CONFIG,
        path + "/model.safetensors": MODEL,
        path + "/vocab.txt": VOCABULARY,
        path + "/sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": False},
    }


ROOT = ["config.json", "model.safetensors", "vocab.txt", "sentence_bert_config.json"]
QUERY = {"query": "the new: ", "passage": "york: ", "empty": ""}

FOLDERS = [
    make("usual", "Nothing odd: what the others are compared with.", texts=[LONG]),
    # places
    make(
        "in_0_transformer",
        "The Transformer in 0_Transformer.",
        moved("0_Transformer"),
        ({**TRANSFORMER, "path": "0_Transformer"}, POOLING),
        ROOT,
    ),
    make(
        "in_other_path",
        "The Transformer in another folder.",
        moved("encoder/bert"),
        ({**TRANSFORMER, "path": "encoder/bert"}, POOLING),
        ROOT,
    ),
    make(
        "tokenizer_in_root",
        "The Transformer in 0_Transformer, vocab.txt in the root: a vocabulary of the five special tokens in its place.",
        moved("0_Transformer"),
        ({**TRANSFORMER, "path": "0_Transformer"}, POOLING),
        ["0_Transformer/vocab.txt", "config.json", "model.safetensors"],
    ),
    make(
        "no_modules",
        "No modules.json: mean pooling whatever 1_Pooling says, and sentence_bert_config.json isn't read.",
        {
            "1_Pooling/config.json": old_pooling("cls_token"),
            "sentence_bert_config.json": {"max_seq_length": 6, "do_lower_case": False},
        },
        without=["modules.json"],
        texts=[LONG],
    ),
    make(
        "no_modules_prompts",
        "No modules.json: config_sentence_transformers.json isn't read either.",
        {"config_sentence_transformers.json": {"prompts": QUERY, "default_prompt_name": "query", "similarity_fn_name": "dot"}},
        without=["modules.json"],
    ),
    make("no_pooling", "modules.json has no pooling.", entries=(TRANSFORMER,)),
    make("no_transformer", "modules.json has no Transformer.", entries=(POOLING,)),
    make("empty_modules", "modules.json is an empty list.", entries=()),
    make("modules_object", "modules.json is an object.", {"modules.json": {"0": TRANSFORMER}}),
    make("modules_no_path", "A module without a path.", entries=(TRANSFORMER, {"name": "1", "type": OLD + "Pooling"})),
    make("modules_no_name", "A module without a name.", entries=(TRANSFORMER, {"path": "1_Pooling", "type": OLD + "Pooling"})),
    make(
        "modules_same_name",
        "Two modules with one name: the last counts, at the place of the first.",
        {"2_Pooling/config.json": old_pooling("cls_token")},
        (TRANSFORMER, POOLING, {**POOLING, "path": "2_Pooling"}),
    ),
    make(
        "modules_idx",
        "idx contradicts the order of the list, which counts.",
        {"modules.json": [{"idx": 2} | TRANSFORMER, {"idx": 0} | POOLING, {"idx": 1} | NORMALIZE]},
    ),
    make("modules_outside", "A path that leaves the folder.", entries=(TRANSFORMER, {**POOLING, "path": "../1_Pooling"})),
    make("modules_unknown", "A type that isn't known.", entries=(TRANSFORMER, POOLING, {**NORMALIZE, "type": "my_module.Thing"})),
    make(
        "modules_unknown_own",
        "A type of the library that isn't known.",
        entries=(TRANSFORMER, POOLING, {**NORMALIZE, "type": OLD + "Thing"}),
    ),
    make("modules_short_type", "A type without its package.", entries=(TRANSFORMER, {**POOLING, "type": "Pooling"})),
    make(
        "modules_new_types",
        "The types as version 6 writes them.",
        {
            "1_Pooling/config.json": new_pooling("mean"),
            "2_Normalize/config.json": {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"},
        },
        (
            {**TRANSFORMER, "type": "sentence_transformers.base.modules.transformer.Transformer"},
            {**POOLING, "type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"},
            {**NORMALIZE, "type": "sentence_transformers.base.modules.normalize.Normalize"},
        ),
    ),
    make(
        "modules_short_new_types",
        "The types by their shorter new paths.",
        {},
        (
            {**TRANSFORMER, "type": "sentence_transformers.sentence_transformer.modules.Transformer"},
            {**POOLING, "type": "sentence_transformers.sentence_transformer.modules.Pooling"},
        ),
    ),
    make(
        "modules_long_old_types",
        "The types by their longer old paths.",
        {},
        (
            {**TRANSFORMER, "type": "sentence_transformers.models.Transformer.Transformer"},
            {**POOLING, "type": "sentence_transformers.models.Pooling.Pooling"},
        ),
    ),
    # poolings
    pooling("cls", "The first token.", old_pooling("cls_token")),
    pooling("max", "The largest of each number.", old_pooling("max_tokens")),
    pooling("sqrt", "The sum over the root of the count.", old_pooling("mean_sqrt_len_tokens")),
    pooling("weighted", "A mean whose weights are the positions from 1.", old_pooling("weightedmean_tokens")),
    pooling("last", "The last token.", old_pooling("lasttoken")),
    pooling("several", "Two modes in the old form: in a fixed order.", old_pooling("mean_tokens", "cls_token")),
    pooling("all", "All six modes.", old_pooling(*MODES)),
    pooling("none", "No mode is true: mean.", old_pooling()),
    pooling("absent", "The modes are absent: mean.", {"word_embedding_dimension": H}),
    pooling("number", "A mode is 1.", old_pooling("mean_tokens") | {"pooling_mode_cls_token": 1, "pooling_mode_mean_tokens": 0}),
    pooling("string", "A mode is the string false, which is true.", old_pooling() | {"pooling_mode_cls_token": "false"}),
    pooling("new", "The new form.", new_pooling("cls")),
    pooling("new_list_of_one", "The new form with a list of one.", new_pooling(["max"])),
    pooling("new_list", "A list: in the order of the list.", new_pooling(["max", "cls"])),
    pooling("new_old_names", "The new form with the old names of modes.", new_pooling("mean_tokens")),
    pooling("new_unknown", "A mode that isn't known.", new_pooling("median")),
    pooling("new_twice", "A mode twice.", new_pooling(["mean", "mean"])),
    pooling("new_empty", "An empty list.", new_pooling([])),
    pooling("new_and_old", "Both forms: the new one counts.", new_pooling("cls") | {"pooling_mode_max_tokens": True}),
    pooling("both_dimensions", "Both names of the dimension.", new_pooling("cls", word_embedding_dimension=5)),
    pooling("other_dimension", "A dimension that isn't the model's.", new_pooling("cls", embedding_dimension=5)),
    pooling("no_dimension", "No dimension.", {"pooling_mode": "cls"}),
    pooling("unknown_key", "A key that isn't known.", new_pooling("cls", comment="no")),
    make("pooling_no_config", "No 1_Pooling/config.json.", without=["1_Pooling/config.json"]),
    # length
    length("short", "max_seq_length.", {"max_seq_length": 6, "do_lower_case": False}),
    length("equal", "max_seq_length is the number of positions.", {"max_seq_length": 24, "do_lower_case": False}),
    length("above", "max_seq_length above the positions: a long text fails.", {"max_seq_length": 100, "do_lower_case": False}),
    length("null", "max_seq_length null.", {"max_seq_length": None, "do_lower_case": False}),
    length("absent", "max_seq_length absent: the positions.", {"do_lower_case": False}),
    length("tokenizer", "model_max_length only.", {"do_lower_case": False}, 7),
    length("tokenizer_above", "model_max_length above the positions.", {"do_lower_case": False}, 100),
    length("below_tokenizer", "max_seq_length below model_max_length.", {"max_seq_length": 6, "do_lower_case": False}, 9),
    length(
        "above_tokenizer",
        "max_seq_length above model_max_length: max_seq_length counts.",
        {"max_seq_length": 9, "do_lower_case": False},
        6,
    ),
    length("zero", "max_seq_length 0.", {"max_seq_length": 0, "do_lower_case": False}),
    length("one", "max_seq_length 1.", {"max_seq_length": 1, "do_lower_case": False}),
    length("two", "max_seq_length 2: room for special tokens only.", {"max_seq_length": 2, "do_lower_case": False}),
    length("string", "max_seq_length is a string.", {"max_seq_length": "6", "do_lower_case": False}),
    length("fraction", "max_seq_length is 6.0.", {"max_seq_length": 6.0, "do_lower_case": False}),
    length("empty_config", "sentence_bert_config.json is {}.", {}),
    length("unknown_key", "A key that isn't known in sentence_bert_config.json.", {"max_seq_length": 6, "comment": "no"}),
    make("length_no_config", "No sentence_bert_config.json.", without=["sentence_bert_config.json"], texts=[LONG]),
    make(
        "length_other_name",
        "sentence_roberta_config.json in its place.",
        {"sentence_roberta_config.json": {"max_seq_length": 6, "do_lower_case": False}},
        without=["sentence_bert_config.json"],
        texts=[LONG],
    ),
    make(
        "length_tokenizer_args",
        "model_max_length in tokenizer_args of sentence_bert_config.json, against max_seq_length.",
        {"sentence_bert_config.json": {"max_seq_length": 6, "tokenizer_args": {"model_max_length": 8}}},
        texts=[LONG],
    ),
    # lower case
    make(
        "lower_cased",
        "do_lower_case with a cased tokenizer.json.",
        {
            "tokenizer.json": CASED_JSON,
            "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"},
            "sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": True},
        },
        without=["vocab.txt"],
    ),
    make(
        "not_lower_cased",
        "The same without do_lower_case.",
        {
            "tokenizer.json": CASED_JSON,
            "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"},
        },
        without=["vocab.txt"],
    ),
    make(
        "lower_uncased",
        "do_lower_case with an uncased tokenizer.",
        {"sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": True}},
    ),
    make(
        "lower_strips_nothing",
        "do_lower_case lower-cases, and keeps accents.",
        {
            "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": False},
            "sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": True},
        },
        texts=["Café É CAFÉ Naïve", "e\u0301 E\u0301"],
    ),
    make(
        "lower_added",
        "do_lower_case and an added token in capitals.",
        {
            "tokenizer_config.json": {
                "tokenizer_class": "BertTokenizer",
                "do_lower_case": False,
                "additional_special_tokens": ["HELLO", "[MASK]"],
            },
            "sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": True},
        },
        texts=["HELLO [mask] Hello"],
    ),
    make(
        "lower_string",
        "do_lower_case is the string false.",
        {
            "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": False},
            "sentence_bert_config.json": {"do_lower_case": "false"},
        },
    ),
    make(
        "tokenizer_no_pad",
        "A tokenizer.json whose roles nobody says: no padding token.",
        {"tokenizer.json": TOKENIZER_JSON, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}},
        without=["vocab.txt"],
    ),
    make("spaces", "Texts with white space around them.", texts=["  Hello the new world\n", "\t", "hello\n\nworld"]),
    # prompts
    prompts("named", "Prompts by their names.", ["query", "passage", "empty", "other"], prompts=QUERY),
    prompts("default", "A default prompt.", ["query", "passage", "empty"], prompts=QUERY, default_prompt_name="query"),
    prompts("default_unknown", "A default prompt that isn't there.", prompts=QUERY, default_prompt_name="other"),
    prompts("default_null", "No default prompt.", prompts=QUERY, default_prompt_name=None),
    prompts("default_alone", "A default prompt without prompts.", default_prompt_name="query"),
    prompts("null", "A prompt that is null.", ["query", "passage"], prompts={"query": None, "passage": "york: "}),
    prompts("document", "A prompt for documents.", ["document"], prompts={"document": "york: ", "query": "the new: "}),
    prompts("list", "prompts is a list.", prompts=["the new: "]),
    prompts("prompts_null", "prompts is null.", prompts=None),
    prompts("mask", "A prompt with a special token, and one without a space.", ["a", "b"], prompts={"a": "[MASK] ", "b": "new"}),
    make(
        "prompts_excluded",
        "include_prompt false: the prompt's tokens, [CLS] among them, aren't averaged.",
        {
            "config_sentence_transformers.json": {"prompts": QUERY},
            "1_Pooling/config.json": old_pooling("mean_tokens", include_prompt=False),
        },
        prompt_names=["query", "passage", "empty"],
    ),
    make(
        "prompts_excluded_cls",
        "include_prompt false with the first token.",
        {
            "config_sentence_transformers.json": {"prompts": QUERY},
            "1_Pooling/config.json": new_pooling("cls", include_prompt=False),
        },
        prompt_names=["query"],
    ),
    make(
        "prompts_excluded_others",
        "include_prompt false with the other modes.",
        {
            "config_sentence_transformers.json": {"prompts": QUERY},
            "1_Pooling/config.json": new_pooling(
                ["max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"], include_prompt=False
            ),
        },
        prompt_names=["query"],
    ),
    make(
        "prompts_truncated",
        "A prompt longer than the longest text.",
        {
            "config_sentence_transformers.json": {"prompts": {"query": "the new world the new world the new world: "}},
            "sentence_bert_config.json": {"max_seq_length": 6, "do_lower_case": False},
            "1_Pooling/config.json": new_pooling("mean", include_prompt=False),
        },
        prompt_names=["query"],
    ),
    # the rest of config_sentence_transformers.json
    described("dot", "similarity_fn_name dot.", similarity_fn_name="dot"),
    described("euclidean", "similarity_fn_name euclidean.", similarity_fn_name="euclidean"),
    described("manhattan", "similarity_fn_name manhattan.", similarity_fn_name="manhattan"),
    described("cosine", "similarity_fn_name cosine.", similarity_fn_name="cosine"),
    described("dot_product", "similarity_fn_name dot_product.", similarity_fn_name="dot_product"),
    described("similarity_unknown", "A similarity that isn't known.", similarity_fn_name="jaccard"),
    described("similarity_null", "similarity_fn_name null.", similarity_fn_name=None),
    described("truncate", "truncate_dim.", truncate_dim=3),
    make(
        "config_truncate_normalized",
        "truncate_dim cuts after the normalization.",
        {"config_sentence_transformers.json": {"truncate_dim": 3}},
        (TRANSFORMER, POOLING, NORMALIZE),
    ),
    described("newer", "A version that is newer.", **{"__version__": {"sentence_transformers": "99.0.0"}}),
    described(
        "older",
        "An old version's file.",
        **{"__version__": {"sentence_transformers": "2.0.0", "transformers": "4.7.0", "pytorch": "1.9.0+cu102"}}
    ),
    described("model_type", "model_type SentenceTransformer.", model_type="SentenceTransformer"),
    described("sparse", "model_type SparseEncoder.", model_type="SparseEncoder"),
    described("cross", "model_type CrossEncoder.", model_type="CrossEncoder"),
    described("unknown", "Keys that aren't known.", comment="no"),
    described("empty", "An empty object."),
    # normalization
    make("normalize", "Normalize, without a folder of its own.", entries=(TRANSFORMER, POOLING, NORMALIZE)),
    make(
        "normalize_twice",
        "Normalize twice.",
        entries=(TRANSFORMER, POOLING, NORMALIZE, {**NORMALIZE, "name": "3", "path": "3_Normalize"}),
    ),
    make(
        "normalize_first",
        "Normalize before the pooling: there is nothing to normalize yet.",
        entries=(TRANSFORMER, NORMALIZE, {**POOLING, "name": "3"}),
    ),
    make(
        "normalize_tokens",
        "Normalize of the tokens' vectors.",
        {"2_Normalize/config.json": {"module_input_name": "token_embeddings"}},
        (TRANSFORMER, NORMALIZE, {**POOLING, "name": "3"}),
    ),
    make(
        "normalize_unknown_key",
        "A key that isn't known.",
        {"2_Normalize/config.json": {"comment": "no"}},
        (TRANSFORMER, POOLING, NORMALIZE),
    ),
    # dense layers
    dense("tanh", "A dense layer with Tanh."),
    dense("identity", "Identity.", activation_function="torch.nn.modules.linear.Identity"),
    dense("identity_short", "Identity by its shorter path.", activation_function="torch.nn.Identity"),
    dense("relu", "ReLU.", activation_function="torch.nn.modules.activation.ReLU"),
    dense("gelu", "GELU.", activation_function="torch.nn.modules.activation.GELU"),
    dense("sigmoid", "Sigmoid.", activation_function="torch.nn.modules.activation.Sigmoid"),
    dense("silu", "SiLU.", activation_function="torch.nn.modules.activation.SiLU"),
    dense("leaky", "LeakyReLU.", activation_function="torch.nn.modules.activation.LeakyReLU"),
    dense("softmax", "Softmax, which has no axis.", activation_function="torch.nn.modules.activation.Softmax"),
    dense("function", "A function of torch.", activation_function="torch.tanh"),
    dense("own", "A class of one's own: Tanh in its place.", activation_function="my_module.Activation"),
    dense("old_name", "The old name of a class without its module.", activation_function="Identity"),
    dense("activation_null", "activation_function null.", activation_function=None),
    dense("activation_absent", "No activation_function: Tanh.", without=["activation_function"]),
    dense("no_bias", "No bias.", weights=layer("Linear", H, 4, bias=False, seed=5), bias=False),
    dense("bias_absent", "bias isn't said.", without=["bias"]),
    dense("bias_missing", "The file has no bias, the configuration has.", weights=layer("Linear", H, 4, bias=False, seed=5)),
    dense("bias_extra", "The file has a bias, the configuration hasn't.", bias=False),
    dense("wider", "From 8 to 12 numbers.", weights=layer("Linear", H, 12, seed=6), out_features=12),
    dense("other_input", "in_features isn't the pooling's.", weights=layer("Linear", 5, 4, seed=6), in_features=5),
    dense("other_shape", "The file has another shape.", weights=layer("Linear", H, 5, seed=6)),
    dense("unknown_key", "A key that isn't known.", comment="no"),
    dense("old_names", "A file with names of torch alone.", weights=layer("Linear", H, 4, seed=5, prefix="")),
    dense(
        "residual", "use_residual with equal widths.", weights=layer("Linear", H, H, seed=7), out_features=H, use_residual=True
    ),
    dense("residual_missing", "use_residual with other widths, and no matrix for it.", use_residual=True),
    dense(
        "tokens",
        "A dense layer on the tokens' vectors, before the pooling.",
        weights=layer("Linear", H, H, seed=7),
        out_features=H,
        module_input_name="token_embeddings",
        entries=(TRANSFORMER, {"name": "2", "path": "2_Dense", "type": OLD + "Dense"}, {**POOLING, "name": "3"}),
    ),
    dense("output_name", "Another name for the result.", module_output_name="other"),
    dense(
        "normalized",
        "Normalize, Dense, Normalize.",
        entries=(
            TRANSFORMER,
            POOLING,
            {**NORMALIZE, "name": "3"},
            {"name": "2", "path": "2_Dense", "type": OLD + "Dense"},
            {**NORMALIZE, "name": "4"},
        ),
    ),
    dense(
        "new_type",
        "The type as version 6 writes it.",
        entries=(
            TRANSFORMER,
            POOLING,
            {"name": "2", "path": "2_Dense", "type": "sentence_transformers.base.modules.dense.Dense"},
        ),
    ),
    dense("no_config", "An empty configuration.", config={}),
    # other modules
    tail(
        "layer_norm",
        "LayerNorm.",
        "LayerNorm",
        {
            "2_LayerNorm/config.json": {"dimension": H},
            "2_LayerNorm/model.safetensors": layer("LayerNorm", H, seed=8, prefix="norm."),
        },
    ),
    tail("dropout", "Dropout: nothing when vectors are made.", "Dropout", {"2_Dropout/config.json": {"dropout": 0.5}}),
    tail(
        "word_weights",
        "WordWeights.",
        "WordWeights",
        saved(WordWeights(list(IDS), {"hello": 2.0, "the": 0.5}), 3, "2_WordWeights"),
        before=True,
    ),
    tail(
        "weighted_layers",
        "WeightedLayerPooling.",
        "WeightedLayerPooling",
        saved(WeightedLayerPooling(H, num_hidden_layers=1, layer_start=0), 3, "2_WeightedLayerPooling"),
        before=True,
    ),
    tail("lstm", "LSTM.", "LSTM", saved(LSTM(H, 4), 3, "2_LSTM"), before=True),
    tail("cnn", "CNN.", "CNN", saved(CNN(H, 4, [1, 3]), 3, "2_CNN"), before=True),
    make(
        "module_bow",
        "BoW in place of the Transformer.",
        saved(BoW(["hello", "world"]), 3, "0_BoW"),
        ({"name": "0", "path": "0_BoW", "type": OLD + "BoW"},),
    ),
    make(
        "module_static",
        "StaticEmbedding in place of the Transformer: a file of one matrix.",
        saved(StaticEmbedding(Tokenizer.from_str(json_text(WHOLE_TOKENIZER)), embedding_dim=4), 3, ""),
        ({"name": "0", "path": "", "type": OLD + "StaticEmbedding"},),
        ["config.json", "vocab.txt", "sentence_bert_config.json"],
    ),
    # what version 6.2 writes
    new_form("saved", "All files as version 6.2 writes them: the longest text is in tokenizer_config.json.", {}, texts=[LONG]),
    new_form("processing", "processing_kwargs cut a text.", {"processing_kwargs": {"text": {"max_length": 6}}}, texts=[LONG]),
    new_form("processor", "processor_kwargs say the longest text.", {"processor_kwargs": {"model_max_length": 6}}, texts=[LONG]),
    new_form("old_length", "max_seq_length beside the new keys, against model_max_length.", {"max_seq_length": 6}, texts=[LONG]),
    new_form(
        "query_length", "query_length and document_length cut queries and documents.", {"query_length": 4, "document_length": 5}
    ),
    new_form("half", "model_kwargs say another type.", {"model_kwargs": {"dtype": "float16"}}),
    new_form("task_unknown", "A transformer_task that isn't known.", {"transformer_task": "nosuch"}),
    new_form("task_masked", "transformer_task fill-mask: there are no vectors of tokens.", {"transformer_task": "fill-mask"}),
    new_form("no_output_name", "No module_output_name.", {"module_output_name": None}),
    new_form(
        "pooler",
        "The text's vector is the pooler's output, without a pooling.",
        {
            "modality_config": {"text": {"method": "forward", "method_output_name": "pooler_output"}},
            "module_output_name": "sentence_embedding",
        },
        entries=(TRANSFORMER,),
    ),
    # the model below
    make(
        "masked_lm",
        "The model's file is that of a BertForMaskedLM.",
        {
            "config.json": config_json(architectures=["BertForMaskedLM"]),
            "model.safetensors": Shared("shared/masked_lm/model.safetensors"),
        },
    ),
    make("half", "dtype float16 in config.json.", {"config.json": config_json(dtype="float16")}),
    make("positions", "max_position_embeddings contradicts the file.", {"config.json": config_json(max_position_embeddings=16)}),
]
