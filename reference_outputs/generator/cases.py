"""The cases with random weights: for each what it is there to catch, its sizes, its batch and its training steps."""

import numpy
import torch

from .build import make_input, make_labels, make_model
from .case import not_differentiated
from .folder import sizes_of, write_case

SAME = {  # in every case's config.json, unless the case says otherwise
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
    "hidden_act": "gelu",
}


def recipe(optimizer, **changes):
    """Training steps; the first has the learning rate 0, for which moments change and parameters don't."""
    return {
        "optimizer": optimizer,
        "learning_rate": 0.01,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-4,
        "weight_decay": 0.01,
        "no_decay": ["bias", "LayerNorm"],
        "max_grad_norm": 1.0,
        "clip_epsilon": 1e-6,
        "schedule": {"type": "linear", "warmup_steps": 1, "total_steps": 5},
        "steps": 4,
    } | changes


def config_of(V, H, layers, A, I, positions, **others):
    """A config from the letters."""
    return SAME | {
        "vocab_size": V,
        "hidden_size": H,
        "num_hidden_layers": layers,
        "num_attention_heads": A,
        "intermediate_size": I,
        "max_position_embeddings": positions,
    } | others


def pretraining(name, seed, note, config, lengths, unlabelled, train, matrix_std=0.3, change=None, left_out=None):
    """A case of BertForPreTraining; `change` may alter the batch."""
    rng = numpy.random.default_rng(seed)
    model = make_model("BertForPreTraining", config, rng, matrix_std)
    batch = make_input(rng, config, lengths)
    if change is not None:
        change(batch)
    batch["label.mlm"] = make_labels(rng, batch, config["vocab_size"], unlabelled)
    batch["label.next_sentence"] = torch.from_numpy(rng.permutation(len(lengths)) % 2)
    write_case(name, note, model, batch, seed, sizes_of(model, batch), train, left_out)


def pretraining_gelu():
    pretraining(
        "pretraining_gelu",
        seed=1,
        note="The whole of BERT at sizes that can't be mistaken: padding, repeated ids, a sequence without labels.",
        config=config_of(V=101, H=15, layers=2, A=3, I=37, positions=17),
        lengths=[11, 2, 7],
        unlabelled=2,
        train=recipe("adamw"),
    )


def pretraining_gelu_new():
    pretraining(
        "pretraining_gelu_new",
        seed=2,
        note="GELU's tanh form in the layers and in the MLM head; three segment types; the original optimizer with its epsilon.",
        config=config_of(V=89, H=14, layers=3, A=2, I=31, positions=19, hidden_act="gelu_new", type_vocab_size=3),
        lengths=[5, 13, 1, 8],
        unlabelled=3,
        train=recipe("bert_adam", learning_rate=0.003, epsilon=1e-6),
        left_out={"train.parameter.*.key.bias": "its gradient is rounding alone, which so small an epsilon makes a step of"},
    )


def pretraining_relu():
    pretraining(
        "pretraining_relu",
        seed=3,
        note="ReLU, a LayerNorm epsilon that matters, a padding id that isn't 0; LAMB, nothing clipped.",
        config=config_of(V=97, H=18, layers=2, A=3, I=41, positions=16, hidden_act="relu", layer_norm_eps=0.03, pad_token_id=7),
        lengths=[9, 4, 13],
        unlabelled=1,
        train=recipe("lamb", max_grad_norm=1000.0, schedule={"type": "linear", "warmup_steps": 2, "total_steps": 7}, steps=5),
    )


def pretraining_one():
    pretraining(
        "pretraining_one",
        seed=4,
        note="One sequence of one token, one layer, one head: every axis that may be 1 is 1; attention has no choice.",
        config=config_of(V=23, H=7, layers=1, A=1, I=11, positions=3),
        lengths=[1],
        unlabelled=None,
        train=recipe("adamw"),
    )


def pretraining_many_heads():
    pretraining(
        "pretraining_many_heads",
        seed=5,
        note="More heads than a head is wide: 11 heads of 3; a sequence of one token beside longer ones.",
        config=config_of(V=67, H=33, layers=2, A=11, I=59, positions=17),
        lengths=[11, 1, 6],
        unlabelled=0,
        matrix_std=0.2,
        train=None,
        left_out={"train.*": "to keep the case small"},
    )


def pretraining_hole():
    def cut_holes(batch):
        batch["input.mask"][0, 4:6] = 0  # two positions inside, with ordinary ids
        batch["input.mask"][1, 1] = 0

    pretraining(
        "pretraining_hole",
        seed=6,
        note="Zeros of the mask inside a sequence: the tokens behind them keep their positions, and nobody attends to the hole.",
        config=config_of(V=59, H=20, layers=2, A=4, I=29, positions=12),
        lengths=[11, 6, 9],
        unlabelled=2,
        change=cut_holes,
        train=recipe("bert_adam", learning_rate=0.002),
    )


def masked_lm():
    config = config_of(V=79, H=22, layers=2, A=2, I=43, positions=15)
    rng = numpy.random.default_rng(7)
    model = make_model("BertForMaskedLM", config, rng, 0.3)
    batch = make_input(rng, config, [3, 12, 9])
    batch["label.mlm"] = make_labels(rng, batch, 79, unlabelled=2)
    note = "The masked-word head alone, tied to the embedding, which gets gradients from both sides; no pooler."
    write_case("masked_lm", note, model, batch, 7, sizes_of(model, batch), recipe("lamb"))


def masked_lm_untied():
    config = config_of(V=73, H=21, layers=2, A=3, I=47, positions=14, tie_word_embeddings=False)
    rng = numpy.random.default_rng(8)
    model = make_model("BertForMaskedLM", config, rng, 0.3)
    batch = make_input(rng, config, [10, 4, 8])
    batch["label.mlm"] = make_labels(rng, batch, 73, unlabelled=1)
    note = "A decoder with its own matrix and bias, which the file holds beside the embedding; cls.predictions.bias is idle."
    unused = ("cls.predictions.bias",)
    write_case("masked_lm_untied", note, model, batch, 8, sizes_of(model, batch), recipe("adamw"), unused=unused)


def next_sentence():
    config = config_of(V=61, H=16, layers=2, A=2, I=33, positions=13)
    rng = numpy.random.default_rng(9)
    model = make_model("BertForNextSentencePrediction", config, rng, 0.3)
    batch = make_input(rng, config, [6, 11, 1, 9, 3])
    batch["label.next_sentence"] = torch.tensor([1, 0, 0, 1, 0])
    note = "The pooler and the next-sentence head without the masked words: gradients enter by the first token alone."
    write_case("next_sentence", note, model, batch, 9, sizes_of(model, batch), recipe("bert_adam", learning_rate=0.003))


def sequence_classification(name, seed, note, C, label, problem_type, train, activation):
    """A case of BertForSequenceClassification; `label` draws label.* from (rng, B)."""
    config = config_of(V=53, H=21, layers=2, A=3, I=35, positions=12, hidden_act=activation)
    others = {"num_labels": C, "problem_type": problem_type}
    rng = numpy.random.default_rng(seed)
    model = make_model("BertForSequenceClassification", config | others, rng, 0.3)
    batch = make_input(rng, config, [4, 10, 1, 8])
    label_name, values = label(rng, 4)
    batch[label_name] = torch.from_numpy(values)
    write_case(name, note, model, batch, seed, sizes_of(model, batch, C=C), train)


def sequence_classes():
    sequence_classification(
        "sequence_classes",
        seed=10,
        note="One of five classes for a text: softmax and cross-entropy over the pooled vector.",
        C=5,
        label=lambda rng, B: ("label.class", rng.integers(0, 5, size=B)),
        problem_type="single_label_classification",
        train=recipe("adamw"),
        activation="gelu",
    )


def sequence_regression():
    sequence_classification(
        "sequence_regression",
        seed=11,
        note="A number for a text: one output, mean squared error.",
        C=1,
        label=lambda rng, B: ("label.value", 2.5 * rng.standard_normal(B)),
        problem_type="regression",
        train=recipe("lamb"),
        activation="relu",
    )


def sequence_multi_label():
    sequence_classification(
        "sequence_multi_label",
        seed=12,
        note="Several labels for a text: a sigmoid and a binary cross-entropy for each, the mean over texts and labels.",
        C=6,
        label=lambda rng, B: ("label.multi", rng.integers(0, 2, size=(B, 6)).astype(numpy.float64)),
        problem_type="multi_label_classification",
        train=recipe("bert_adam", learning_rate=0.003),
        activation="gelu_new",
    )


def token_classification():
    config = config_of(V=71, H=24, layers=2, A=3, I=45, positions=16)
    rng = numpy.random.default_rng(13)
    model = make_model("BertForTokenClassification", config | {"num_labels": 7}, rng, 0.3)
    batch = make_input(rng, config, [13, 5, 2, 9])
    batch["label.tokens"] = make_labels(rng, batch, 7, unlabelled=1, fraction=0.6)
    note = "A class for each token, some without a label: the mean goes over the labels of the batch, not over sequences."
    write_case("token_classification", note, model, batch, 13, sizes_of(model, batch, C=7), recipe("adamw"))


def question_answering():
    config = config_of(V=83, H=18, layers=2, A=2, I=39, positions=15)
    rng = numpy.random.default_rng(14)
    model = make_model("BertForQuestionAnswering", config, rng, 0.3)
    batch = make_input(rng, config, [13, 13, 13])
    batch["label.start"] = torch.tensor([2, 0, 7])
    batch["label.end"] = torch.tensor([5, 12, 7])
    note = "A span's start and end: softmax over positions, the mean of both losses; the first and last position, a span of one."
    write_case("question_answering", note, model, batch, 14, sizes_of(model, batch, C=2), recipe("lamb"))


def question_answering_ignored():
    config = config_of(V=47, H=15, layers=1, A=5, I=26, positions=11)
    rng = numpy.random.default_rng(15)
    model = make_model("BertForQuestionAnswering", config, rng, 0.3)
    batch = make_input(rng, config, [9, 9, 9, 9])
    batch["label.start"] = torch.tensor([3, 9, 1, 100])  # L is 9: the second and the fourth are ignored
    batch["label.end"] = torch.tensor([9, 10, 8, 4])  # ... here the first and the second
    note = "Starts and ends at or beyond the length are ignored, each on its own: the mean goes over those that count."
    write_case("question_answering_ignored", note, model, batch, 15, sizes_of(model, batch, C=2), recipe("adamw"))


def multiple_choice():
    config = config_of(V=67, H=20, layers=2, A=5, I=34, positions=13)
    rng = numpy.random.default_rng(16)
    model = make_model("BertForMultipleChoice", config, rng, 0.3)
    batch = make_input(rng, config, [7, 11, 3, 5, 1, 10])
    batch["label.choice"] = torch.tensor([2, 0])
    note = "Two examples of three endings: one score for each ending, softmax within an example; endings of different lengths."
    sizes = sizes_of(model, batch, examples=2, endings=3)
    write_case("multiple_choice", note, model, batch, 16, sizes, recipe("bert_adam", learning_rate=0.003))


def base_with_pooler():
    config = config_of(V=43, H=28, layers=3, A=4, I=51, positions=15)
    rng = numpy.random.default_rng(17)
    model = make_model("BertModel", config, rng, 0.3)
    batch = make_input(rng, config, [5, 13, 1])
    note = "No head: the file's names have no prefix, the last output and the pooled vector are the result."
    write_case("base_with_pooler", note, model, batch, 17, sizes_of(model, batch), left_out=not_differentiated())


def base_without_pooler():
    config = config_of(V=41, H=22, layers=4, A=11, I=27, positions=10)
    rng = numpy.random.default_rng(18)
    model = make_model("BertModel", config, rng, 0.3, add_pooling_layer=False)
    batch = make_input(rng, config, [9, 3])
    note = "No head and no pooler: the file holds none, and nobody may ask for one; heads of width 2, four layers."
    write_case("base_without_pooler", note, model, batch, 18, sizes_of(model, batch), left_out=not_differentiated())


CASES = {
    case.__name__: case
    for case in (
        pretraining_gelu,
        pretraining_gelu_new,
        pretraining_relu,
        pretraining_one,
        pretraining_many_heads,
        pretraining_hole,
        masked_lm,
        masked_lm_untied,
        next_sentence,
        sequence_classes,
        sequence_regression,
        sequence_multi_label,
        token_classification,
        question_answering,
        question_answering_ignored,
        multiple_choice,
        base_with_pooler,
        base_without_pooler,
    )
}
