"""The cases of RoBERTa: BERT without token types, whose positions count the ids that aren't the padding id."""

from .case import Case, classes, words
from .cases import config_of, recipe


def config(**others):
    """A config from the letters, with the values that all published models have."""
    return config_of(**others, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)


def training(optimizer, **changes):
    """Training steps; the masked-LM head's norm is called layer_norm."""
    return recipe(optimizer, no_decay=["bias", "LayerNorm", "layer_norm"], **changes)


def cut_hole(batch):
    """Zeros of the mask inside a sequence, with ordinary ids: they count as positions."""
    batch["input.mask"][2, 3:5] = 0


CASES = [
    Case(
        name="roberta_base",
        note="No head: positions start after the padding id and don't count it, even as a real token; one token type.",
        class_name="RobertaModel",
        seed=101,
        config=config(V=43, H=21, layers=3, A=3, I=33, positions=13),
        lengths=[7, 11, 1],
        first=2,
    ),
    Case(
        name="roberta_masked_lm",
        note="ReLU in the layers but GELU in the masked-LM head, which has parameter names of its own; a tied decoder.",
        class_name="RobertaForMaskedLM",
        seed=102,
        config=config(V=59, H=15, layers=2, A=3, I=37, positions=17, hidden_act="relu"),
        lengths=[9, 2, 12],
        first=2,
        labels={"label.mlm": words(unlabelled=1)},
        train=training("adamw"),
    ),
    Case(
        name="roberta_sequence_classes",
        note="A classifier with a dense layer and tanh of its own on the first token; no pooler.",
        class_name="RobertaForSequenceClassification",
        seed=103,
        config=config(V=53, H=18, layers=2, A=3, I=35, positions=12, num_labels=5),
        lengths=[4, 10, 1, 8],
        first=2,
        labels={"label.class": [3, 0, 4, 1]},
        train=training("bert_adam", learning_rate=0.003),
        sizes={"C": 5},
    ),
    Case(
        name="roberta_token_classification",
        note="Zeros of the mask inside a sequence: positions count their ids, but not a padding id that is a real token.",
        class_name="RobertaForTokenClassification",
        seed=104,
        config=config(V=47, H=14, layers=2, A=2, I=31, positions=13, num_labels=7),
        lengths=[11, 5, 11, 2],
        first=2,
        change=cut_hole,
        labels={"label.tokens": classes(unlabelled=1)},
        train=training("lamb"),
        sizes={"C": 7},
    ),
    Case(
        name="roberta_question_answering",
        note="A span's start and end, one end ignored; sequences as long as the table of positions allows.",
        class_name="RobertaForQuestionAnswering",
        seed=134,
        config=config(V=51, H=14, layers=2, A=2, I=29, positions=13, hidden_act="gelu_new"),
        lengths=[11, 11, 11],
        first=2,
        labels={"label.start": [2, 0, 7], "label.end": [5, 11, 7]},
        sizes={"C": 2},
    ),
    Case(
        name="roberta_multiple_choice",
        note="One score for each ending from the pooler's vector, unlike the classes of a text; endings of different lengths.",
        class_name="RobertaForMultipleChoice",
        seed=123,
        config=config(V=45, H=15, layers=2, A=5, I=26, positions=12),
        lengths=[7, 9, 3, 5, 1, 8],
        first=2,
        labels={"label.choice": [2, 0]},
        sizes={"examples": 2, "endings": 3},
    ),
]
