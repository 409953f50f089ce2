"""Where the tensors of a case are in the models of the library: a table for each architecture.

A table has, for the name of a tensor, the path of a module and a function that picks the tensor among what that module gets and
returns. A model that lacks the module has no such tensor.
"""

import dataclasses


def result(_arguments, output):
    """What a module returns; of several things the first."""
    return output[0] if isinstance(output, tuple) else output


def second_result(_arguments, output):
    """The second of the things that a module returns."""
    return output[1]


def argument(arguments, _output):
    """What a module is called with."""
    return arguments[0]


def third(n):
    """Third n of what a module returns, whose columns are three blocks."""
    return lambda _arguments, output: output.chunk(3, dim=-1)[n]


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The tables of an architecture, and what else its models have their own way."""

    name: str  # what the names of its classes begin with
    layer_class: str  # a layer's class; a layer that is called again counts as the next layer
    body: dict  # forward.NAME, paths from the model without its head
    layer: dict  # forward.layer.N.NAME, paths from the layer
    heads: dict  # for the rest of a class's name: forward.NAME, paths from the model
    intermediate: str = "intermediate_size"  # I in config.json
    has_segments: bool = True  # whether its models take token types
    is_causal: bool = False  # whether a token attends to itself and earlier tokens only


PREDICTIONS = {"mlm.transform": ("cls.predictions.transform", result)}
BERT_LAYER = {
    "query": ("attention.self.query", result),
    "key": ("attention.self.key", result),
    "value": ("attention.self.value", result),
    "context": ("attention.self", result),
    "probabilities": ("attention.self", second_result),
    "attention": ("attention", result),
    "intermediate": ("intermediate", result),
    "output": ("", result),
}
BERT = Architecture(
    name="Bert",
    layer_class="BertLayer",
    body={"embeddings": ("embeddings", result), "pooled": ("pooler", result)},
    layer=BERT_LAYER,
    heads={
        "Model": {},
        "ForPreTraining": PREDICTIONS,
        "ForMaskedLM": PREDICTIONS,
        "ForNextSentencePrediction": {},
        "ForSequenceClassification": {},
        "ForTokenClassification": {},
        "ForQuestionAnswering": {},
        "ForMultipleChoice": {},
    },
)

ROBERTA = Architecture(
    name="Roberta",
    layer_class="RobertaLayer",
    body=BERT.body,
    layer=BERT_LAYER,
    heads={
        "Model": {},
        "ForMaskedLM": {"mlm.transform": ("lm_head.layer_norm", result)},
        "ForSequenceClassification": {"class.transform": ("classifier.out_proj", argument)},
        "ForTokenClassification": {},
        "ForQuestionAnswering": {},
        "ForMultipleChoice": {},
    },
)

DISTILBERT = Architecture(
    name="DistilBert",
    layer_class="TransformerBlock",
    body={"embeddings": ("embeddings", result)},
    layer={
        "query": ("attention.q_lin", result),
        "key": ("attention.k_lin", result),
        "value": ("attention.v_lin", result),
        "context": ("attention.out_lin", argument),
        "probabilities": ("attention", second_result),
        "attention": ("sa_layer_norm", result),
        "intermediate": ("ffn.activation", result),
        "output": ("", result),
    },
    heads={
        "Model": {},
        "ForMaskedLM": {"mlm.transform": ("vocab_layer_norm", result)},
        "ForSequenceClassification": {"class.transform": ("classifier", argument)},
        "ForTokenClassification": {},
        "ForQuestionAnswering": {},
        "ForMultipleChoice": {"class.transform": ("classifier", argument)},
    },
    intermediate="hidden_dim",
    has_segments=False,
)

ALBERT = Architecture(
    name="Albert",
    layer_class="AlbertLayer",
    body={
        "embeddings.norm": ("embeddings", result),
        "embeddings": ("encoder.embedding_hidden_mapping_in", result),
        "pooled": ("pooler_activation", result),
    },
    layer={
        "query": ("attention.query", result),
        "key": ("attention.key", result),
        "value": ("attention.value", result),
        "context": ("attention.dense", argument),
        "probabilities": ("attention", second_result),
        "attention": ("attention", result),
        "intermediate": ("activation", result),
        "output": ("", result),
    },
    heads={
        "Model": {},
        "ForPreTraining": {"mlm.transform": ("predictions.LayerNorm", result)},
        "ForMaskedLM": {"mlm.transform": ("predictions.LayerNorm", result)},
        "ForSequenceClassification": {},
        "ForTokenClassification": {},
        "ForQuestionAnswering": {},
        "ForMultipleChoice": {},
    },
)

GPT2 = Architecture(
    name="GPT2",
    layer_class="GPT2Block",
    body={"embeddings": ("drop", result), "final_norm": ("ln_f", result)},
    layer={
        "norm1": ("ln_1", result),
        "query": ("attn.c_attn", third(0)),
        "key": ("attn.c_attn", third(1)),
        "value": ("attn.c_attn", third(2)),
        "context": ("attn.c_proj", argument),
        "probabilities": ("attn", second_result),
        "attention": ("ln_2", argument),
        "norm2": ("ln_2", result),
        "intermediate": ("mlp.act", result),
        "output": ("", result),
    },
    heads={
        "Model": {},
        "LMHeadModel": {},
        "ForSequenceClassification": {},
        "ForTokenClassification": {},
        "ForQuestionAnswering": {},
    },
    intermediate="n_inner",
    has_segments=False,
    is_causal=True,
)

MOST_FFNS = 4  # as many feed-forward networks as a layer of the published MobileBERT has
MOBILEBERT = Architecture(
    name="MobileBert",
    layer_class="MobileBertLayer",
    body=BERT.body,
    layer=BERT_LAYER
    | {f"bottleneck.{part}": (f"bottleneck.{part}", result) for part in ("input", "attention")}
    | {f"ffn.{k}.{part}": (f"ffn.{k}.{part}", result) for k in range(MOST_FFNS - 1) for part in ("intermediate", "output")},
    heads=BERT.heads,
)

ARCHITECTURES = {
    "bert": BERT,
    "roberta": ROBERTA,
    "distilbert": DISTILBERT,
    "albert": ALBERT,
    "gpt2": GPT2,
    "mobilebert": MOBILEBERT,
}


def architecture_of(model):
    """The architecture of a model of the library."""
    return ARCHITECTURES[model.config.model_type]


def head_of(model):
    """What a model's class is called after its architecture, as in ForMaskedLM."""
    return type(model).__name__.removeprefix(architecture_of(model).name)
