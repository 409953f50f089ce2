"""What tensors are called in google-research/bert, and in model folders."""

import re

from .errors import InputError

OPTIMIZER = re.compile(
    r"(^|/)(adam_m|adam_v|lamb_m|lamb_v|global_step|beta1_power|beta2_power|bad_steps|good_steps|loss_scale)(_\d+)?$"
)
WHOLE = {  # names that end otherwise than in kernel, bias, gamma or beta
    "cls/predictions/output_bias": "cls.predictions.bias",
    "cls/seq_relationship/output_weights": "cls.seq_relationship.weight",
    "cls/seq_relationship/output_bias": "cls.seq_relationship.bias",
    "cls/squad/output_weights": "qa_outputs.weight",
    "cls/squad/output_bias": "qa_outputs.bias",
    "output_weights": "classifier.weight",
    "output_bias": "classifier.bias",
}
LAST = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
EMBEDDING = re.compile(r"bert/embeddings/(word|position|token_type)_embeddings")
BODY = re.compile(
    r"bert/(embeddings/LayerNorm|pooler/dense|encoder/layer_\d+/(attention/self/(query|key|value)|attention/output/dense|"
    r"attention/output/LayerNorm|intermediate/dense|output/dense|output/LayerNorm))/(kernel|bias|gamma|beta)"
)
MLM = re.compile(r"cls/predictions/transform/(dense|LayerNorm)/(kernel|bias|gamma|beta)")


def is_of_model(name):
    """Whether a tensor of a TensorFlow checkpoint belongs to the model, not to its training."""
    return not OPTIMIZER.search(name) and name != "_CHECKPOINTABLE_OBJECT_GRAPH"


def from_tensorflow(name):
    """The name in a model folder, and whether the matrix is transposed: there a dense layer's is [out, in]."""
    if name in WHOLE:
        return WHOLE[name], False
    if EMBEDDING.fullmatch(name):
        return name.replace("/", ".") + ".weight", False
    if BODY.fullmatch(name) or MLM.fullmatch(name):
        path, last = name.rsplit("/", 1)
        return re.sub(r"layer_(\d+)", r"layer.\1", path).replace("/", ".") + "." + LAST[last], last == "kernel"
    raise InputError(f"{name}: expected a tensor of BERT")


def from_pytorch(name):
    """The present name of a tensor in pytorch_model.bin, whose norms were once called as in TensorFlow."""
    return re.sub(r"LayerNorm\.(gamma|beta)$", lambda match: "LayerNorm." + LAST[match[1]], name)


def architecture(names):
    """The class that has these tensors."""

    def some(prefix):
        return any(name.startswith(prefix) for name in names)

    if some("cls.predictions."):
        return "BertForPreTraining" if some("cls.seq_relationship.") else "BertForMaskedLM"
    if some("cls.seq_relationship."):
        return "BertForNextSentencePrediction"
    if some("qa_outputs."):
        return "BertForQuestionAnswering"
    if some("classifier."):
        return "BertForSequenceClassification" if some("bert.pooler.") else "BertForTokenClassification"
    return "BertModel"
