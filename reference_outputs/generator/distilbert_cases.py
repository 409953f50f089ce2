"""The cases of DistilBERT: BERT without token types and pooler, under names of its own."""

from .case import Case, classes, words
from .cases import recipe


def config(V, H, layers, A, I, positions, **others):
    """A config from the letters."""
    return {
        "vocab_size": V,
        "dim": H,
        "n_layers": layers,
        "n_heads": A,
        "hidden_dim": I,
        "max_position_embeddings": positions,
        "activation": "gelu",
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "qa_dropout": 0.0,
        "seq_classif_dropout": 0.0,
        "pad_token_id": 0,
    } | others


def training(optimizer, **changes):
    """Training steps; most norms are called layer_norm."""
    return recipe(optimizer, no_decay=["bias", "LayerNorm", "layer_norm"], **changes)


def cut_hole(batch):
    """Zeros of the mask inside a sequence, with ordinary ids."""
    batch["input.mask"][0, 3:5] = 0


CASES = [
    Case(
        name="distilbert_base",
        note="No head, no pooler, no token types: the segments of the input are zeros that nothing uses.",
        class_name="DistilBertModel",
        seed=201,
        config=config(V=41, H=22, layers=3, A=2, I=27, positions=13),
        lengths=[9, 3, 1],
    ),
    Case(
        name="distilbert_masked_lm",
        note="GELU's tanh form in the layers and in the masked-LM head; a tied decoder whose bias has a name of its own.",
        class_name="DistilBertForMaskedLM",
        seed=202,
        config=config(V=57, H=15, layers=2, A=5, I=34, positions=14, activation="gelu_new"),
        lengths=[8, 11, 2],
        labels={"label.mlm": words(unlabelled=2)},
        train=training("adamw"),
    ),
    Case(
        name="distilbert_sinusoidal",
        note="Positions of sines and cosines, of an odd width: the table is the file's, and it is trained.",
        class_name="DistilBertForMaskedLM",
        seed=203,
        config=config(V=37, H=21, layers=1, A=3, I=29, positions=11, sinusoidal_pos_embds=True),
        lengths=[10, 7, 1, 4],
        labels={"label.mlm": words(unlabelled=3)},
        train=training("bert_adam", learning_rate=0.003),
        weights={"kept": "position_embeddings"},
    ),
    Case(
        name="distilbert_sequence_multi_label",
        note="A classifier with a dense layer and ReLU on the first token, not tanh; several labels for a text.",
        class_name="DistilBertForSequenceClassification",
        seed=204,
        config=config(V=49, H=18, layers=2, A=3, I=31, positions=12, num_labels=7, problem_type="multi_label_classification"),
        lengths=[4, 10, 1, 8, 5],
        labels={
            "label.multi": [
                [1, 0, 0, 1, 0, 1, 1],
                [0, 0, 0, 0, 0, 0, 0],
                [0, 1, 1, 0, 0, 0, 1],
                [1, 1, 0, 1, 1, 0, 0],
                [0, 0, 1, 0, 1, 1, 0],
            ]
        },
        train=training("bert_adam", learning_rate=0.003),
        sizes={"C": 7},
    ),
    Case(
        name="distilbert_token_classification",
        note="A class for each token; zeros of the mask inside a sequence, with ordinary ids; ReLU.",
        class_name="DistilBertForTokenClassification",
        seed=205,
        config=config(V=47, H=14, layers=2, A=2, I=33, positions=15, num_labels=5, activation="relu"),
        lengths=[11, 5, 8, 1],
        change=cut_hole,
        labels={"label.tokens": classes(unlabelled=2)},
        train=training("lamb"),
        sizes={"C": 5},
    ),
    Case(
        name="distilbert_question_answering",
        note="A span's start and end from the last output; a start at the length is ignored.",
        class_name="DistilBertForQuestionAnswering",
        seed=206,
        config=config(V=53, H=14, layers=2, A=2, I=35, positions=13),
        lengths=[11, 11, 11],
        labels={"label.start": [11, 0, 3], "label.end": [5, 10, 3]},
        sizes={"C": 2},
    ),
    Case(
        name="distilbert_multiple_choice",
        note="One score for each ending through a dense layer and ReLU; endings of different lengths.",
        class_name="DistilBertForMultipleChoice",
        seed=207,
        config=config(V=45, H=15, layers=2, A=3, I=26, positions=10),
        lengths=[7, 9, 3, 5, 1, 8],
        labels={"label.choice": [1, 2]},
        sizes={"examples": 2, "endings": 3},
    ),
]
