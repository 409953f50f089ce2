"""The cases of ALBERT: narrow embeddings, and layers that share their parameters."""

from .case import Case, classes, words
from .cases import config_of, recipe


def config(E, **others):
    """A config from the letters; E is the width of the embeddings."""
    return config_of(**{"hidden_act": "gelu_new"} | others) | {"embedding_size": E, "classifier_dropout_prob": 0.0}


def training(optimizer, **changes):
    """Training steps; a layer's last norm is called full_layer_layer_norm."""
    return recipe(optimizer, no_decay=["bias", "LayerNorm", "layer_norm"], **changes)


def cut_hole(batch):
    """Zeros of the mask inside a sequence, with ordinary ids."""
    batch["input.mask"][2, 2:5] = 0


CASES = [
    Case(
        name="albert_base",
        note="No head: three layers with one set of parameters; embeddings narrower than the layers; a pooler.",
        class_name="AlbertModel",
        seed=301,
        config=config(V=41, E=9, H=20, layers=3, A=5, I=33, positions=13),
        lengths=[6, 11, 1],
    ),
    Case(
        name="albert_pretraining",
        note="Masked LM in the embeddings' width, and sentence order; gradients of shared parameters add up over layers.",
        class_name="AlbertForPreTraining",
        seed=302,
        config=config(V=53, E=11, H=15, layers=2, A=3, I=37, positions=14),
        lengths=[12, 2, 7],
        labels={"label.mlm": words(unlabelled=2), "label.sentence_order": [1, 0, 1]},
        train=training("lamb"),
    ),
    Case(
        name="albert_pretraining_labels",
        note="The sentence-order classifier has as many outputs as the configuration has labels, here three.",
        class_name="AlbertForPreTraining",
        seed=303,
        config=config(V=37, E=5, H=14, layers=2, A=2, I=23, positions=9, num_labels=3),
        lengths=[4, 9, 1],
        without_loss="the library computes it for two labels only",
        sizes={"C": 3},
    ),
    Case(
        name="albert_masked_lm",
        note="Embeddings wider than the layers, so that no width is mistaken for another; GELU's erf form; no pooler.",
        class_name="AlbertForMaskedLM",
        seed=304,
        config=config(V=47, E=19, H=14, layers=2, A=2, I=31, positions=15, hidden_act="gelu"),
        lengths=[3, 11, 8],
        labels={"label.mlm": words(unlabelled=0)},
        train=training("adamw"),
    ),
    Case(
        name="albert_groups",
        note="Five layers in two groups of unequal size: 0 0 0 1 1.",
        class_name="AlbertForMaskedLM",
        seed=305,
        config=config(V=43, E=7, H=12, layers=5, A=4, I=25, positions=11, num_hidden_groups=2),
        lengths=[9, 5, 1],
        labels={"label.mlm": words(unlabelled=1)},
        train=training("bert_adam", learning_rate=0.003),
    ),
    Case(
        name="albert_inner_groups",
        note="Two inner layers in each layer, which count as two; three layers in two groups; ReLU; a hole in the mask.",
        class_name="AlbertForTokenClassification",
        seed=336,
        config=config(
            V=39, E=8, H=15, layers=3, A=3, I=22, positions=12,
            num_labels=7, hidden_act="relu", num_hidden_groups=2, inner_group_num=2,
        ),
        lengths=[5, 1, 10],
        change=cut_hole,
        labels={"label.tokens": classes(unlabelled=1)},
        train=training("adamw"),
        sizes={"C": 7},
    ),
    Case(
        name="albert_sequence_regression",
        note="One number for a text from the pooler's vector: mean squared error.",
        class_name="AlbertForSequenceClassification",
        seed=337,
        config=config(V=49, E=10, H=18, layers=2, A=3, I=35, positions=13, num_labels=1, problem_type="regression"),
        lengths=[4, 11, 1, 7],
        labels={"label.value": [1.75, -2.5, 0.3, 4.0]},
        train=training("lamb"),
        sizes={"C": 1},
    ),
    Case(
        name="albert_token_classification",
        note="A class for each token, some without a label; three token types of the embeddings' width; no pooler.",
        class_name="AlbertForTokenClassification",
        seed=308,
        config=config(V=45, E=13, H=20, layers=2, A=4, I=27, positions=14, num_labels=5, type_vocab_size=3),
        lengths=[11, 6, 2],
        labels={"label.tokens": classes(unlabelled=2)},
        sizes={"C": 5},
    ),
    Case(
        name="albert_question_answering",
        note="A span's start and end; an end beyond the length is ignored; a padding id that isn't 0.",
        class_name="AlbertForQuestionAnswering",
        seed=328,
        config=config(V=51, E=9, H=14, layers=2, A=2, I=33, positions=13, pad_token_id=5),
        lengths=[11, 11, 11],
        labels={"label.start": [2, 0, 7], "label.end": [100, 10, 7]},
        sizes={"C": 2},
    ),
    Case(
        name="albert_multiple_choice",
        note="One score for each ending from the pooler's vector; endings of different lengths.",
        class_name="AlbertForMultipleChoice",
        seed=330,
        config=config(V=47, E=11, H=15, layers=2, A=5, I=26, positions=10),
        lengths=[7, 9, 3, 5, 1, 8],
        labels={"label.choice": [2, 1]},
        sizes={"examples": 2, "endings": 3},
    ),
]
