"""The cases of GPT-2: a token attends to itself and earlier tokens, and norms come before attention and feed-forward network."""

from .case import Case, classes, own_ids
from .cases import recipe


def config(V, H, layers, A, positions, I=None, **others):
    """A config from the letters; without I, the feed-forward network is 4 H wide. As published, the last id ends a text."""
    return {
        "vocab_size": V,
        "n_embd": H,
        "n_layer": layers,
        "n_head": A,
        "n_inner": I,
        "n_positions": positions,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "summary_first_dropout": 0.0,
        "classifier_dropout": 0.0,
        "bos_token_id": V - 1,
        "eos_token_id": V - 1,
        "pad_token_id": V - 1,
    } | others


def training(optimizer, **changes):
    """Training steps; norms are called ln_1, ln_2 and ln_f."""
    return recipe(optimizer, no_decay=["bias", "ln_"], **changes)


def end_with_padding_id(batch):
    """The last real token of a text is the padding id, as it is if texts end with the id that also pads."""
    batch["input.ids"][3, 7] = batch["input.ids"][0, -1]


def end_with_0(batch):
    """The last token is the one that a reader may take for padding."""
    batch["input.ids"][0, -1] = 0


def cut_hole(batch):
    """Zeros of the mask inside a sequence, with ordinary ids."""
    batch["input.mask"][1, 2:4] = 0


CASES = [
    Case(
        name="gpt2_base",
        note="No head: causal attention; a norm before each part of a layer, and a last one after all layers.",
        class_name="GPT2Model",
        seed=401,
        config=config(V=41, H=15, layers=3, A=5, positions=12),
        lengths=[9, 5, 1],
    ),
    Case(
        name="gpt2_lm",
        note="Next-token loss with the table as decoder, no bias; labels are shifted inside; I isn't 4 H; no padding id.",
        class_name="GPT2LMHeadModel",
        seed=402,
        config=config(V=53, H=14, layers=2, A=2, positions=13, I=37, pad_token_id=None),
        lengths=[2, 11, 8, 5],
        labels={"label.lm": own_ids(unlabelled=2)},
        train=training("adamw"),
    ),
    Case(
        name="gpt2_sequence_classes",
        note="Scores come from the rightmost id that isn't the padding id, even if a later token is real.",
        class_name="GPT2ForSequenceClassification",
        seed=403,
        config=config(V=47, H=12, layers=2, A=3, positions=11, num_labels=5),
        lengths=[4, 10, 1, 8],
        change=end_with_padding_id,
        labels={"label.class": [3, 0, 4, 1]},
        train=training("adamw"),  # not LAMB: its ratio is a tensor's, and c_attn holds three layers
        sizes={"C": 5},
    ),
    Case(
        name="gpt2_sequence_regression",
        note="Without a padding id the score is the last token's, whatever its id; one text, mean squared error; ReLU.",
        class_name="GPT2ForSequenceClassification",
        seed=404,
        config=config(
            V=37, H=15, layers=1, A=3, positions=9,
            pad_token_id=None, num_labels=1, problem_type="regression", activation_function="relu",
        ),
        lengths=[7],
        change=end_with_0,
        labels={"label.value": [1.5]},
        sizes={"C": 1},
    ),
    Case(
        name="gpt2_token_classification",
        note="A class for each token; zeros of the mask inside a sequence: later tokens keep their positions.",
        class_name="GPT2ForTokenClassification",
        seed=405,
        config=config(V=43, H=14, layers=2, A=2, positions=12, num_labels=7),
        lengths=[6, 11, 2],
        change=cut_hole,
        labels={"label.tokens": classes(unlabelled=2)},
        train=training("bert_adam", learning_rate=0.003),
        sizes={"C": 7},
    ),
    Case(
        name="gpt2_question_answering",
        note="A span's start and end from causal states; a start beyond the length is ignored.",
        class_name="GPT2ForQuestionAnswering",
        seed=406,
        config=config(V=45, H=14, layers=2, A=2, positions=13),
        lengths=[11, 11, 11],
        labels={"label.start": [2, 0, 12], "label.end": [5, 10, 7]},
        sizes={"C": 2},
    ),
]
