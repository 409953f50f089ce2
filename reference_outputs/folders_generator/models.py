"""config.json: labels, class, numbers' type and sizes, and what the library makes of contradictions."""

from .recipe import Folder, Shared
from .vocabulary import config_json

KIND = "models"
PLAIN, CLASSIFIER = Shared("shared/bert/model.safetensors"), Shared("shared/classifier/model.safetensors")
THREE = {"0": "bad", "1": "fair", "2": "good"}


def labels(name, point, **changes):
    """The configuration of a classifier of three labels, as the file has them."""
    config = config_json(architectures=["BertForSequenceClassification"], **changes)
    return Folder("labels_" + name, point, {"config.json": config, "model.safetensors": CLASSIFIER}, options={"classifier": True})


def architecture(name, point, model=CLASSIFIER, without=(), **changes):
    """The configuration of a classifier that says odd things of its class."""
    changes = {"id2label": THREE} | changes
    return Folder(
        "class_" + name,
        point,
        {"config.json": config_json(without, **changes), "model.safetensors": model},
        options={"classifier": True},
    )


def plain(name, point, without=(), **changes):
    """The configuration of a plain BERT."""
    return Folder(name, point, {"config.json": config_json(without, **changes), "model.safetensors": PLAIN})


def act(name, **options):
    """A plain BERT whose activation has this name."""
    title = "null" if name is None else name.replace("-", "_") or "empty"
    return plain("act_" + title, f"hidden_act {name!r}.", hidden_act=name, **options)


def dtype(name, point, **changes):
    """A plain BERT, stored in float32, whose configuration says another type."""
    return plain("dtype_" + name, point, ["dtype"], **changes)


FOLDERS = [
    # labels
    labels("three", "id2label with three labels.", id2label=THREE),
    labels("number", "num_labels alone.", num_labels=3),
    labels("none", "Neither num_labels nor id2label: two labels, and the file has three."),
    labels("fewer", "num_labels 2 against three labels.", num_labels=2, id2label=THREE),
    labels("more", "num_labels 4 against three labels.", num_labels=4, id2label=THREE),
    labels("too_few", "num_labels 3 against two labels.", num_labels=3, id2label={"0": "bad", "1": "good"}),
    labels("too_few_alone", "Two labels, and the file has three.", id2label={"0": "bad", "1": "good"}),
    labels("numbers", "Labels that are numbers.", id2label={"0": 1, "1": 2.5, "2": True}),
    labels("null", "Labels that are null.", id2label={"0": None, "1": None, "2": "good"}),
    labels("from_one", "Numbered from 1.", id2label={"1": "bad", "2": "fair", "3": "good"}),
    labels("gap", "A gap in the numbers.", id2label={"0": "bad", "1": "fair", "5": "good"}),
    labels("unsorted", "In another order.", id2label={"2": "good", "0": "bad", "1": "fair"}),
    labels("words", "Keys that aren't numbers.", id2label={"a": "bad", "b": "fair", "c": "good"}),
    labels("spelled", "Keys that are numbers in other spellings.", id2label={" 0": "bad", "01": "fair", "+2": "good"}),
    labels("fractions", "Keys that are numbers with a point.", id2label={"0.0": "bad", "1.0": "fair", "2.0": "good"}),
    labels("negative", "A negative key.", id2label={"0": "bad", "1": "fair", "-1": "good"}),
    labels("same_key", "Two keys with one number.", id2label={"0": "bad", "00": "worse", "1": "fair"}),
    labels("list", "id2label is a list.", id2label=["bad", "fair", "good"]),
    labels("empty", "id2label is empty.", id2label={}, num_labels=3),
    labels("null_map", "id2label is null.", id2label=None, num_labels=3),
    labels("same_labels", "The same label three times.", id2label={"0": "x", "1": "x", "2": "x"}),
    labels("inverse", "label2id contradicts id2label.", id2label=THREE, label2id={"bad": 2, "fair": 1, "good": 0}),
    labels("inverse_alone", "label2id alone, with num_labels.", label2id={"bad": 0, "fair": 1, "good": 2}, num_labels=3),
    labels("inverse_only", "label2id alone.", label2id={"bad": 0, "fair": 1, "good": 2}),
    labels("inverse_null", "label2id null.", id2label=THREE, label2id=None),
    labels("string_number", "num_labels is a string.", num_labels="3"),
    labels("zero", "num_labels 0.", num_labels=0),
    labels("negative_number", "num_labels -1.", num_labels=-1),
    labels("null_number", "num_labels null.", num_labels=None, id2label=THREE),
    labels("old_number", "_num_labels, as older versions wrote.", _num_labels=3),
    # problem_type
    labels(
        "problem_single", "problem_type single_label_classification.", id2label=THREE, problem_type="single_label_classification"
    ),
    labels(
        "problem_multi", "problem_type multi_label_classification.", id2label=THREE, problem_type="multi_label_classification"
    ),
    labels("problem_regression", "problem_type regression with three outputs.", id2label=THREE, problem_type="regression"),
    labels("problem_null", "problem_type null.", id2label=THREE, problem_type=None),
    labels("problem_unknown", "A problem_type that isn't known.", id2label=THREE, problem_type="ranking"),
    labels("problem_task", "finetuning_task.", id2label=THREE, finetuning_task="mnli"),
    # classes
    architecture("empty", "architectures is empty.", architectures=[]),
    architecture("null", "architectures is null.", architectures=None),
    architecture("absent", "No architectures.", without=["architectures"]),
    architecture("string", "architectures is a string.", architectures="BertForSequenceClassification"),
    architecture("unknown", "A class that isn't known.", architectures=["MyBert"]),
    architecture("unknown_plain", "A class that isn't known, over a plain BERT.", PLAIN, architectures=["MyBert"]),
    architecture("two", "Two classes.", architectures=["BertForMaskedLM", "BertForSequenceClassification"]),
    architecture("body", "BertModel, and the file has a head.", architectures=["BertModel"]),
    architecture(
        "head_missing", "A classifier, and the file has no head.", PLAIN, architectures=["BertForSequenceClassification"]
    ),
    architecture("other_family", "The class of another model.", architectures=["RobertaForSequenceClassification"]),
    architecture("number", "architectures has a number.", architectures=[1]),
    architecture("type_absent", "No model_type.", without=["model_type"]),
    architecture("type_null", "model_type null.", model_type=None),
    architecture("type_upper", "model_type BERT.", model_type="BERT"),
    architecture("type_unknown", "A model_type that isn't known.", model_type="mybert"),
    architecture("type_roberta", "model_type roberta over BERT's file.", model_type="roberta"),
    architecture("type_distilbert", "model_type distilbert over BERT's file.", model_type="distilbert"),
    # the numbers' type
    dtype("absent", "No dtype."),
    dtype("half", "dtype float16.", dtype="float16"),
    dtype("torch_half", "dtype torch.float16.", dtype="torch.float16"),
    dtype("old_half", "torch_dtype float16.", torch_dtype="float16"),
    dtype("old_torch_half", "torch_dtype torch.float16.", torch_dtype="torch.float16"),
    dtype("both", "dtype against torch_dtype.", dtype="float64", torch_dtype="float16"),
    dtype("both_null", "dtype null beside torch_dtype.", dtype=None, torch_dtype="float16"),
    dtype("auto", "dtype auto.", dtype="auto"),
    dtype("old_auto", "torch_dtype auto.", torch_dtype="auto"),
    dtype("null", "dtype null.", dtype=None),
    dtype("double", "dtype float64.", dtype="float64"),
    dtype("bfloat16", "dtype bfloat16.", dtype="bfloat16"),
    dtype("integer", "dtype int8.", dtype="int8"),
    dtype("unknown", "A dtype that isn't known.", dtype="float13"),
    dtype("number", "dtype is a number.", dtype=16),
    # positions
    plain("position_null", "position_embedding_type null.", position_embedding_type=None),
    plain("position_absolute", "position_embedding_type absolute.", position_embedding_type="absolute"),
    plain(
        "position_relative",
        "position_embedding_type relative_key: the file has no table for it, and absolute positions are used.",
        position_embedding_type="relative_key",
    ),
    plain("position_relative_query", "position_embedding_type relative_key_query.", position_embedding_type="relative_key_query"),
    plain("position_unknown", "A position_embedding_type that isn't known.", position_embedding_type="mine"),
    # activations
    *[
        act(name)
        for name in (
            "gelu",
            "GELU",
            "gelu_new",
            "gelu_python",
            "gelu_fast",
            "gelu_accurate",
            "gelu_pytorch_tanh",
            "gelu_python_tanh",
            "gelu_10",
            "quick_gelu",
            "relu",
            "relu2",
            "relu6",
            "silu",
            "swish",
            "mish",
            "tanh",
            "sigmoid",
            "linear",
            "leaky_relu",
            "laplace",
            "prelu",
            "softplus",
            "mine",
            "",
            None,
        )
    ],
    # sizes
    plain("size_vocabulary", "vocab_size isn't the file's.", vocab_size=104),
    plain("size_positions", "max_position_embeddings isn't the file's.", max_position_embeddings=23),
    plain("size_types", "type_vocab_size isn't the file's.", type_vocab_size=3),
    plain("size_intermediate", "intermediate_size isn't the file's.", intermediate_size=13),
    plain("size_heads", "A number of heads that doesn't divide the width.", num_attention_heads=3),
    plain("size_heads_other", "Another number of heads, which the file can't tell.", num_attention_heads=4),
    plain("size_fewer_layers", "No layer, and the file has one.", num_hidden_layers=0),
    plain("size_more_layers", "Two layers, and the file has one.", num_hidden_layers=2),
    plain("size_string", "hidden_size is a string.", hidden_size="8"),
    plain("size_fraction", "hidden_size is 8.0.", hidden_size=8.0),
    plain("size_absent", "No hidden_size: 768.", ["hidden_size"]),
    plain("epsilon_string", "layer_norm_eps is a string.", layer_norm_eps="1e-12"),
    plain("epsilon_large", "layer_norm_eps 0.5.", layer_norm_eps=0.5),
    plain("epsilon_null", "layer_norm_eps null.", layer_norm_eps=None),
    plain("epsilon_absent", "No layer_norm_eps.", ["layer_norm_eps"]),
    plain("dropout_string", "hidden_dropout_prob is a string.", hidden_dropout_prob="0.1"),
    plain("dropout_null", "hidden_dropout_prob null.", hidden_dropout_prob=None),
    plain("dropout_above", "hidden_dropout_prob 1.5.", hidden_dropout_prob=1.5),
    # other keys
    plain("pad_null", "pad_token_id null.", pad_token_id=None),
    plain("pad_above", "pad_token_id above the vocabulary.", pad_token_id=500),
    plain("pad_negative", "pad_token_id -1.", pad_token_id=-1),
    plain("decoder", "is_decoder: a token sees those before it.", is_decoder=True),
    plain("chunks", "chunk_size_feed_forward, which changes nothing.", chunk_size_feed_forward=2),
    plain("pruned", "pruned_heads.", pruned_heads={"0": [1]}),
    plain("unknown_key", "A key that isn't known.", comment="no"),
    plain("embedding_size", "embedding_size, which BERT doesn't have.", embedding_size=4),
    plain("hidden_states", "output_hidden_states and return_dict false.", output_hidden_states=True, return_dict=False),
    plain("quantized", "quantization_config.", quantization_config={"quant_method": "nosuch"}),
    plain("version", "transformers_version of another version.", transformers_version="99.0.0"),
    Folder("config_list", "config.json is a list.", {"config.json": "[]\n", "model.safetensors": PLAIN}),
    Folder("config_broken", "config.json isn't JSON.", {"config.json": '{"model_type": bert}\n', "model.safetensors": PLAIN}),
    Folder("config_bom", "A byte order mark before config.json.", {"config.json": "\ufeff{}\n", "model.safetensors": PLAIN}),
    Folder("config_empty", "config.json is {}.", {"config.json": {}, "model.safetensors": PLAIN}),
    Folder("config_none", "No config.json.", {"model.safetensors": PLAIN}),
    Folder(
        "config_infinite",
        "Infinity and NaN in config.json.",
        {
            "config.json": '{"model_type": "bert", "layer_norm_eps": NaN, "hidden_dropout_prob": Infinity}\n',
            "model.safetensors": PLAIN,
        },
    ),
]
