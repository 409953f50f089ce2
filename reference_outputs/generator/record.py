"""What the transformers library computes for a batch, under the names that cases use.

Letters: B sequences, L positions, A heads, D = H / A, H hidden width, I intermediate width, V vocabulary, C classes.
"""

import torch
from torch.nn.functional import cross_entropy

from .architectures import architecture_of, head_of

# How the library calls what a case calls input.* and label.*.
ARGUMENTS = {
    "input.ids": "input_ids",
    "input.segments": "token_type_ids",
    "input.mask": "attention_mask",
    "label.mlm": "labels",
    "label.lm": "labels",
    "label.tokens": "labels",
    "label.class": "labels",
    "label.value": "labels",
    "label.multi": "labels",
    "label.choice": "labels",
    "label.next_sentence": "labels",
    "label.sentence_order": "sentence_order_label",
    "label.start": "start_positions",
    "label.end": "end_positions",
}

# Which of a head's outputs is which logits.
LOGITS = {
    "Model": {},
    "ForPreTraining": {"prediction_logits": "mlm", "seq_relationship_logits": "nsp", "sop_logits": "sop"},
    "ForMaskedLM": {"logits": "mlm"},
    "LMHeadModel": {"logits": "lm"},
    "ForNextSentencePrediction": {"logits": "nsp"},
    "ForSequenceClassification": {"logits": "class"},
    "ForTokenClassification": {"logits": "tokens"},
    "ForQuestionAnswering": {"start_logits": "start", "end_logits": "end"},
    "ForMultipleChoice": {"logits": "choice"},
}


def call(model, batch):
    """Runs the model on a batch of input.* and label.*; returns the library's own output object."""
    names = dict(ARGUMENTS)
    if head_of(model) == "ForPreTraining":
        names["label.next_sentence"] = "next_sentence_label"
    arguments = {names[name]: tensor for name, tensor in batch.items()}
    if not architecture_of(model).has_segments:
        del arguments["token_type_ids"]
    if head_of(model) == "ForMultipleChoice":  # a case has [examples x endings, L], the library takes [examples, endings, L]
        examples = len(batch["label.choice"])
        for name in {"input_ids", "token_type_ids", "attention_mask"} & arguments.keys():
            arguments[name] = arguments[name].unflatten(0, (examples, -1))
    return model(**arguments)


def reach(module, path):
    """The module at a path, or None."""
    try:
        return module.get_submodule(path)
    except AttributeError:
        return None


class Forward:
    """Runs a model once and keeps the forward tensors (`tensors`), the losses (`losses`) and the library's `output`."""

    def __init__(self, model, batch):
        self.tensors = {}
        self._layers = 0
        self._hooks = []
        try:
            self._listen(model)
            self.output = call(model, batch)
        finally:
            for hook in self._hooks:
                hook.remove()
        self._add_scores(batch["input.mask"], architecture_of(model).is_causal)
        for field, name in LOGITS[head_of(model)].items():
            if field in self.output:
                self.tensors[f"forward.logits.{name}"] = self.output[field]
        self.losses = self._losses(batch)

    def _listen(self, model):
        """Keeps what the architecture's tables name."""
        architecture = architecture_of(model)
        self._keep(model.base_model, "forward.", architecture.body)
        self._keep(model, "forward.", architecture.heads[head_of(model)])
        for layer in model.base_model.modules():
            if type(layer).__name__ == architecture.layer_class:
                self._hooks.append(layer.register_forward_pre_hook(self._count))
                self._keep(layer, "forward.layer.{n}.", architecture.layer)

    def _count(self, _layer, _arguments):
        """A layer begins. ALBERT calls the same one several times."""
        self._layers += 1

    def _keep(self, root, prefix, table):
        """Keeps the tensors of a table of modules below root."""
        for name, (path, pick) in table.items():
            module = reach(root, path)
            if module is not None:
                self._hooks.append(module.register_forward_hook(self._keeper(prefix + name, pick)))

    def _keeper(self, name, pick):
        """The hook that keeps a tensor; {n} in its name is the number of the layer that runs."""

        def keep(_module, arguments, output):
            self.tensors[name.format(n=self._layers - 1)] = pick(arguments, output)

        return keep

    def _add_scores(self, mask, is_causal):
        """Scores are no module's output: computed as eager attention does, and held to its probabilities."""
        masked = (1 - mask)[:, None, None, :].to(torch.bool)
        if is_causal:
            masked = masked | torch.ones(mask.shape[1], mask.shape[1], dtype=torch.bool).triu(1)
        for n in range(self._layers):
            probabilities = self.tensors[f"forward.layer.{n}.probabilities"]  # [B, A, L, L]
            query, key = (
                self.tensors[f"forward.layer.{n}.{part}"].unflatten(-1, (probabilities.shape[1], -1)).transpose(1, 2)
                for part in ("query", "key")
            )
            scores = torch.matmul(query, key.transpose(2, 3)) * query.shape[-1] ** -0.5
            again = scores.masked_fill(masked, -torch.inf).softmax(-1)
            assert torch.allclose(again, probabilities, rtol=1e-5 if scores.dtype == torch.float32 else 1e-14, atol=0)
            assert (probabilities * masked == 0).all(), "a masked key has a probability"
            self.tensors[f"forward.layer.{n}.scores"] = scores

    def _losses(self, batch):
        total = getattr(self.output, "loss", None)
        if total is None:
            return {}
        if "label.lm" in batch:
            return self._next_token_losses(batch["label.lm"], total)
        losses = {}
        for name, label in (("mlm", "mlm"), ("nsp", "next_sentence"), ("sop", "sentence_order")):
            if f"label.{label}" in batch:
                logits = self.tensors[f"forward.logits.{name}"].flatten(0, -2)
                losses[f"loss.{name}"] = cross_entropy(logits, batch[f"label.{label}"].flatten())
        if losses:  # the parts are ours, their sum is the library's
            assert torch.allclose(sum(losses.values()), total, rtol=1e-6 if total.dtype == torch.float32 else 1e-14, atol=0)
        return {**losses, "loss.total": total}

    def _next_token_losses(self, labels, total):
        """The library computes this loss in float32, whatever the model's precision is; so ours is kept, and held to it."""
        logits = self.tensors["forward.logits.lm"][:, :-1]
        loss = cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten())
        assert torch.allclose(loss.float(), total, rtol=1e-6)
        return {"loss.lm": loss, "loss.total": loss}


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
