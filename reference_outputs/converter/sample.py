"""A tiny checkpoint as google-research/bert writes them: its variables, and, run by a Python that has TensorFlow, its files.

python -m converter.sample FOLDER    # in reference_outputs, with tensorflow-cpu 2.21.0; made converter/sample/
"""

import json
import pathlib
import sys

import numpy

CONFIG = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 6,
    "initializer_range": 0.02,
    "intermediate_size": 5,
    "max_position_embeddings": 8,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "type_vocab_size": 2,
    "vocab_size": 11,
}
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "new", "world", "##s", "!", "a"]


def shapes(config=None):
    """The shape of each variable of a BERT for pre-training, by its name in google-research/bert."""
    config = config or CONFIG
    H, I, V = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    found = {}

    def dense(name, rows, columns):
        found[name + "/kernel"], found[name + "/bias"] = (rows, columns), (columns,)

    def norm(name):
        found[name + "/LayerNorm/beta"] = found[name + "/LayerNorm/gamma"] = (H,)

    found["bert/embeddings/word_embeddings"] = (V, H)
    found["bert/embeddings/position_embeddings"] = (config["max_position_embeddings"], H)
    found["bert/embeddings/token_type_embeddings"] = (config["type_vocab_size"], H)
    norm("bert/embeddings")
    for layer in range(config["num_hidden_layers"]):
        place = f"bert/encoder/layer_{layer}"
        for part in ("query", "key", "value"):
            dense(f"{place}/attention/self/{part}", H, H)
        dense(place + "/attention/output/dense", H, H)
        norm(place + "/attention/output")
        dense(place + "/intermediate/dense", H, I)
        dense(place + "/output/dense", I, H)
        norm(place + "/output")
    dense("bert/pooler/dense", H, H)
    dense("cls/predictions/transform/dense", H, H)
    norm("cls/predictions/transform")
    found["cls/predictions/output_bias"] = (V,)
    found["cls/seq_relationship/output_weights"], found["cls/seq_relationship/output_bias"] = (2, H), (2,)
    return found


def variables(config=None):
    """The variables with numbers that differ everywhere, and those of the optimizer."""
    values = {}
    for seed, (name, shape) in enumerate(shapes(config).items()):
        rng = numpy.random.default_rng(seed)
        values[name] = rng.standard_normal(shape).astype(numpy.float32)
        for moment in ("adam_m", "adam_v"):
            values[f"{name}/{moment}"] = rng.standard_normal(shape).astype(numpy.float32)
    values["global_step"] = numpy.array(1000, numpy.int64)
    return values


def write_others(folder):
    """bert_config.json and vocab.txt."""
    (folder / "bert_config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    (folder / "vocab.txt").write_text("".join(token + "\n" for token in VOCABULARY))


def main():
    """Writes the checkpoint by TensorFlow's own saver."""
    import tensorflow as tf

    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in variables().items():
            tf.compat.v1.get_variable(name, initializer=tf.constant(value), use_resource=False)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(folder / "bert_model.ckpt"), write_meta_graph=False, write_state=False)
    write_others(folder)


if __name__ == "__main__":
    main()
