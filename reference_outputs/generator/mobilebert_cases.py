"""The cases of MobileBERT: layers that are narrow inside, several feed-forward networks, and scale and shift instead of norms."""

from .case import Case, classes, words
from .cases import config_of, recipe


SMALL = {"matrix_std": 0.22}  # without layer norms, numbers grow from layer to layer


def config(E, bottleneck, ffns, **others):
    """A config from the letters; bottleneck is the width inside a layer, and ffns counts its feed-forward networks."""
    return config_of(**{"hidden_act": "relu"} | others) | {
        "embedding_size": E,
        "intra_bottleneck_size": bottleneck,
        "num_feedforward_networks": ffns,
    }


def in_layers(layers, *names):
    """The names of parameters that every layer has, with weight and bias."""
    return tuple(
        f"mobilebert.encoder.layer.{n}.{name}.{part}" for n in range(layers) for name in names for part in ("weight", "bias")
    )


CASES = [
    Case(
        name="mobilebert_base",
        note="No head; a pooler without parameters: the first token's output as it is.",
        class_name="MobileBertModel",
        seed=501,
        config=config(V=41, E=7, H=17, bottleneck=12, layers=3, A=3, I=23, ffns=2, positions=12, classifier_activation=False),
        lengths=[6, 10, 1],
        weights=SMALL,
    ),
    Case(
        name="mobilebert_pretraining",
        note="The published form: embeddings joined with both neighbours', even padding's; a decoder of two matrices.",
        class_name="MobileBertForPreTraining",
        seed=552,
        config=config(V=47, E=7, H=16, bottleneck=10, layers=2, A=2, I=13, ffns=4, positions=13),
        lengths=[11, 2, 7],
        weights=SMALL,
        labels={"label.mlm": words(unlabelled=2), "label.next_sentence": [1, 0, 1]},
        train=recipe("adamw"),
    ),
    Case(
        name="mobilebert_masked_lm",
        note="Embeddings widened without their neighbours'; one feed-forward network in a layer; GELU; no pooler.",
        class_name="MobileBertForMaskedLM",
        seed=503,
        config=config(
            V=53, E=6, H=17, bottleneck=10, layers=2, A=5, I=25, ffns=1, positions=14,
            trigram_input=False, hidden_act="gelu",
        ),
        lengths=[9, 12, 1],
        weights=SMALL,
        labels={"label.mlm": words(unlabelled=0)},
        train=recipe("lamb"),
    ),
    Case(
        name="mobilebert_next_sentence",
        note="A pooler without parameters under a head: its gradient is that of the first token's output.",
        class_name="MobileBertForNextSentencePrediction",
        seed=504,
        config=config(V=43, E=6, H=14, bottleneck=8, layers=2, A=2, I=19, ffns=3, positions=11, classifier_activation=False),
        lengths=[5, 9, 1, 7],
        weights=SMALL,
        labels={"label.next_sentence": [1, 0, 0, 1]},
    ),
    Case(
        name="mobilebert_sequence_classes",
        note="One of five classes for a text from the pooler's vector, with its tanh; three token types.",
        class_name="MobileBertForSequenceClassification",
        seed=545,
        config=config(V=45, E=6, H=15, bottleneck=12, layers=2, A=4, I=17, ffns=2, positions=11, num_labels=5, type_vocab_size=3),
        lengths=[4, 9, 1, 7],
        weights=SMALL,
        labels={"label.class": [3, 0, 4, 1]},
        train=recipe("bert_adam", learning_rate=0.003),
        sizes={"C": 5},
    ),
    Case(
        name="mobilebert_token_classification",
        note="Zeros of the mask inside a sequence: no token attends to them, but their embeddings enter their neighbours'.",
        class_name="MobileBertForTokenClassification",
        seed=506,
        config=config(V=41, E=6, H=17, bottleneck=10, layers=2, A=2, I=15, ffns=2, positions=13, num_labels=7),
        lengths=[11, 5, 2],
        weights=SMALL,
        change=lambda batch: batch["input.mask"][0, 2:4].zero_(),
        labels={"label.tokens": classes(unlabelled=2)},
        sizes={"C": 7},
    ),
    Case(
        name="mobilebert_question_answering",
        note="A span's start and end; a start at the length is ignored; heads of width 2.",
        class_name="MobileBertForQuestionAnswering",
        seed=507,
        config=config(V=39, E=5, H=14, bottleneck=8, layers=2, A=4, I=19, ffns=2, positions=12),
        lengths=[10, 10, 10],
        weights=SMALL,
        labels={"label.start": [10, 0, 6], "label.end": [4, 9, 6]},
        sizes={"C": 2},
    ),
    Case(
        name="mobilebert_multiple_choice",
        note="One score for each ending from the pooler's vector; endings of different lengths.",
        class_name="MobileBertForMultipleChoice",
        seed=508,
        config=config(V=37, E=7, H=13, bottleneck=10, layers=2, A=2, I=16, ffns=2, positions=10),
        lengths=[7, 8, 3, 5, 1, 6],
        weights=SMALL,
        labels={"label.choice": [1, 2]},
        sizes={"examples": 2, "endings": 3},
    ),
    Case(
        name="mobilebert_layer_norm",
        note="Layer norms; that of the embeddings and one in each layer have epsilon 1e-5, whatever the configuration says.",
        class_name="MobileBertForMaskedLM",
        seed=509,
        config=config(
            V=43, E=4, H=17, bottleneck=15, layers=2, A=3, I=21, ffns=2, positions=12,
            normalization_type="layer_norm", layer_norm_eps=0.03,
        ),
        lengths=[10, 1, 6],
        labels={"label.mlm": words(unlabelled=1)},
        train=recipe("adamw"),
    ),
    Case(
        name="mobilebert_bottleneck_attention",
        note="Queries, keys, values and the residual are computed from one bottleneck.",
        class_name="MobileBertForTokenClassification",
        seed=530,
        config=config(
            V=37, E=5, H=16, bottleneck=10, layers=2, A=2, I=13, ffns=3, positions=11,
            num_labels=3, use_bottleneck_attention=True, key_query_shared_bottleneck=False,
        ),
        lengths=[3, 9, 6],
        weights=SMALL,
        labels={"label.tokens": classes(unlabelled=0)},
        sizes={"C": 3},
    ),
    Case(
        name="mobilebert_idle_bottleneck",
        note="One bottleneck for attention and residual, and a second one in the file, which is unused.",
        class_name="MobileBertForSequenceClassification",
        seed=511,
        config=config(
            V=35, E=6, H=14, bottleneck=10, layers=2, A=5, I=17, ffns=1, positions=10,
            num_labels=4, use_bottleneck_attention=True, problem_type="multi_label_classification",
        ),
        lengths=[8, 2, 5],
        weights=SMALL,
        labels={"label.multi": [[1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]]},
        sizes={"C": 4},
        unused=in_layers(2, "bottleneck.attention.dense", "bottleneck.attention.LayerNorm"),
    ),
    Case(
        name="mobilebert_whole_input",
        note="Queries and keys from a layer's whole input; the library can only do so if the bottleneck is as wide as H.",
        class_name="MobileBertForNextSentencePrediction",
        seed=512,
        config=config(V=33, E=7, H=12, bottleneck=12, layers=2, A=3, I=19, ffns=2, positions=9, key_query_shared_bottleneck=False),
        lengths=[5, 8, 1],
        weights=SMALL,
        labels={"label.next_sentence": [0, 1, 1]},
    ),
    Case(
        name="mobilebert_no_bottleneck",
        note="Layers without bottlenecks; embeddings as wide as the layers: the matrix that widens them is unused.",
        class_name="MobileBertForQuestionAnswering",
        seed=513,
        config=config(
            V=41, E=14, H=14, bottleneck=5, layers=2, A=2, I=23, ffns=2, positions=11,
            use_bottleneck=False, trigram_input=False,
        ),
        lengths=[9, 9, 9],
        weights=SMALL,
        labels={"label.start": [2, 0, 7], "label.end": [5, 8, 7]},
        sizes={"C": 2},
        unused=("mobilebert.embeddings.embedding_transformation.weight", "mobilebert.embeddings.embedding_transformation.bias"),
    ),
]
