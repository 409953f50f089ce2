"""What the transformers library computes for a batch, under the names that cases use.

Letters: B sequences, L positions, A heads, D = H / A, H hidden width, I intermediate width, V vocabulary, C classes.
"""

import torch
from torch.nn.functional import cross_entropy

# How the library calls what a case calls input.* and label.*.
ARGUMENTS = {
    "input.ids": "input_ids",
    "input.segments": "token_type_ids",
    "input.mask": "attention_mask",
    "label.mlm": "labels",
    "label.tokens": "labels",
    "label.class": "labels",
    "label.value": "labels",
    "label.multi": "labels",
    "label.choice": "labels",
    "label.next_sentence": "labels",
    "label.start": "start_positions",
    "label.end": "end_positions",
}

# Which of a head's outputs is which logits.
LOGITS = {
    "BertModel": {},
    "BertForPreTraining": {"prediction_logits": "mlm", "seq_relationship_logits": "nsp"},
    "BertForMaskedLM": {"logits": "mlm"},
    "BertForNextSentencePrediction": {"logits": "nsp"},
    "BertForSequenceClassification": {"logits": "class"},
    "BertForTokenClassification": {"logits": "tokens"},
    "BertForQuestionAnswering": {"start_logits": "start", "end_logits": "end"},
    "BertForMultipleChoice": {"logits": "choice"},
}


def call(model, batch):
    """Runs the model on a batch of input.* and label.*; returns the library's own output object."""
    arguments = {ARGUMENTS[name]: tensor for name, tensor in batch.items()}
    kind = type(model).__name__
    if kind == "BertForPreTraining" and "label.mlm" in batch:
        arguments["labels"] = batch["label.mlm"]
        arguments["next_sentence_label"] = batch["label.next_sentence"]
    if kind == "BertForMultipleChoice":  # a case has [examples x endings, L], the library takes [examples, endings, L]
        examples = len(batch["label.choice"])
        for name in ("input_ids", "token_type_ids", "attention_mask"):
            arguments[name] = arguments[name].unflatten(0, (examples, -1))
    return model(**arguments)


def base_of(model):
    """The BertModel inside a model with a head, or the model itself."""
    return getattr(model, "bert", model)


class Forward:
    """Runs a model once and keeps the forward tensors (`tensors`), the losses (`losses`) and the library's `output`."""

    def __init__(self, model, batch):
        self.tensors = {}
        self._hooks = []
        try:
            self._listen(model)
            self.output = call(model, batch)
        finally:
            for hook in self._hooks:
                hook.remove()
        self._add_scores(model, batch["input.mask"])
        for field, name in LOGITS[type(model).__name__].items():
            self.tensors[f"forward.logits.{name}"] = getattr(self.output, field)
        self.losses = self._losses(batch)

    def _keep(self, module, *names):
        """Keeps what a module returns; for a tuple one name an element."""

        def hook(_module, _inputs, output):
            for name, tensor in zip(names, output if isinstance(output, tuple) else (output,)):
                self.tensors[f"forward.{name}"] = tensor

        self._hooks.append(module.register_forward_hook(hook))

    def _listen(self, model):
        base = base_of(model)
        self._keep(base.embeddings, "embeddings")
        for n, layer in enumerate(base.encoder.layer):
            attention = layer.attention.self
            for part in ("query", "key", "value"):
                self._keep(getattr(attention, part), f"layer.{n}.{part}")
            self._keep(attention, f"layer.{n}.context", f"layer.{n}.probabilities")
            self._keep(layer.attention, f"layer.{n}.attention")
            self._keep(layer.intermediate, f"layer.{n}.intermediate")
            self._keep(layer, f"layer.{n}.output")
        if base.pooler is not None:
            self._keep(base.pooler, "pooled")
        if hasattr(model, "cls") and hasattr(model.cls, "predictions"):
            self._keep(model.cls.predictions.transform, "mlm.transform")

    def _add_scores(self, model, mask):
        """Scores are no module's output: computed as eager attention does, and held to its probabilities."""
        D = base_of(model).encoder.layer[0].attention.self.attention_head_size
        masked = (1 - mask)[:, None, None, :].to(torch.bool)
        for n in range(len(base_of(model).encoder.layer)):
            query, key = (
                self.tensors[f"forward.layer.{n}.{part}"].unflatten(-1, (-1, D)).transpose(1, 2) for part in ("query", "key")
            )
            scores = torch.matmul(query, key.transpose(2, 3)) * D**-0.5  # [B, A, L, L]
            probabilities = self.tensors[f"forward.layer.{n}.probabilities"]
            again = scores.masked_fill(masked, -torch.inf).softmax(-1)
            assert torch.allclose(again, probabilities, rtol=1e-5 if scores.dtype == torch.float32 else 1e-14, atol=0)
            assert (probabilities * masked == 0).all(), "a masked key has a probability"
            self.tensors[f"forward.layer.{n}.scores"] = scores

    def _losses(self, batch):
        total = getattr(self.output, "loss", None)
        if total is None:
            return {}
        losses = {}
        if "label.mlm" in batch:
            losses["loss.mlm"] = cross_entropy(self.tensors["forward.logits.mlm"].flatten(0, 1), batch["label.mlm"].flatten())
        if "label.next_sentence" in batch:
            losses["loss.nsp"] = cross_entropy(self.tensors["forward.logits.nsp"], batch["label.next_sentence"])
        if losses:  # the parts are ours, their sum is the library's
            assert torch.allclose(sum(losses.values()), total, rtol=1e-6 if total.dtype == torch.float32 else 1e-14, atol=0)
        return {**losses, "loss.total": total}


def forward_and_gradients(model, batch):
    """Every forward.*, loss.* and grad.* of a case, as detached tensors. Without labels: forward.* alone."""
    model.zero_grad(set_to_none=True)
    run = Forward(model, batch)
    result = {**run.tensors, **run.losses}
    if run.losses:
        watched = {
            name: tensor
            for name, tensor in run.tensors.items()
            if name == "forward.embeddings" or (name.startswith("forward.layer.") and name.endswith(".output"))
        }
        for tensor in watched.values():
            tensor.retain_grad()
        run.losses["loss.total"].backward()
        result |= {f"grad.{name}": tensor.grad for name, tensor in watched.items()}
        result |= {f"grad.{name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {name: tensor.detach().clone() for name, tensor in result.items()}
