"""Makes the case of a variant, variants/pre_norm: BERT with the layer norms in front of the sub-layers, and names of its own.

PyTorch has such a block, torch.nn.TransformerEncoderLayer with norm_first. It stores query, key and value as one matrix; the
model here has them apart, and its blocks are held to PyTorch's.
"""

import copy
import json

import numpy
import safetensors.torch
import torch
from generator.build import make_input, make_labels
from generator.folder import PROJECT, generator_note, write_json
from generator.training import train, train_by_torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention

FOLDER = PROJECT / "reference_outputs" / "variants" / "pre_norm"
CONFIG = {  # with the variant's own names for hidden_size and num_hidden_layers
    "model_type": "pre_norm",
    "architectures": ["PreNormTagger"],
    "vocab_size": 61,
    "width": 24,
    "depth": 2,
    "num_attention_heads": 3,
    "intermediate_size": 45,
    "max_position_embeddings": 12,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-6,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "pad_token_id": 0,
    "id2label": {str(c): f"LABEL_{c}" for c in range(5)},
}
RECIPE = {
    "optimizer": "adamw",
    "learning_rate": 0.01,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-4,
    "weight_decay": 0.01,
    "no_decay": ["bias", "norm"],
    "max_grad_norm": 1.0,
    "clip_epsilon": 1e-6,
    "schedule": {"type": "linear", "warmup_steps": 1, "total_steps": 5},
    "steps": 4,
}
H, A, I, EPSILON = CONFIG["width"], CONFIG["num_attention_heads"], CONFIG["intermediate_size"], CONFIG["layer_norm_eps"]


def modules(**named):
    """A module that holds others under these names."""
    holder = nn.Module()
    for name, module in named.items():
        holder.add_module(name, module)
    return holder


class Block(nn.Module):
    """x + attention(norm1(x)), and to that the network of norm2 of it."""

    def __init__(self):
        super().__init__()
        parts = modules(query=nn.Linear(H, H), key=nn.Linear(H, H), value=nn.Linear(H, H))
        self.attention = modules(self=parts, out=nn.Linear(H, H))
        self.norm1, self.norm2 = nn.LayerNorm(H, EPSILON), nn.LayerNorm(H, EPSILON)
        self.linear1 = nn.Linear(H, I)
        self.output = modules(dense=nn.Linear(I, H))

    def forward(self, x, mask):
        """x: [B, L, H]; mask: [B, L], true for a token."""
        normed, parts = self.norm1(x), self.attention.get_submodule("self")
        query, key, value = (
            part(normed).unflatten(-1, (A, -1)).transpose(1, 2) for part in (parts.query, parts.key, parts.value)
        )
        context = scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        x = x + self.attention.out(context.transpose(1, 2).flatten(2))
        return x + self.output.dense(gelu(self.linear1(self.norm2(x))))

    def as_torch(self):
        """The same block as a module of PyTorch's own."""
        layer = nn.TransformerEncoderLayer(
            H, A, I, dropout=0.0, activation=gelu, layer_norm_eps=EPSILON, batch_first=True, norm_first=True
        ).double()
        parts = [self.attention.get_submodule("self").get_submodule(name) for name in ("query", "key", "value")]
        layer.load_state_dict(
            {
                "self_attn.in_proj_weight": torch.cat([part.weight for part in parts]),
                "self_attn.in_proj_bias": torch.cat([part.bias for part in parts]),
                **{f"self_attn.out_proj.{name}": p for name, p in self.attention.out.named_parameters()},
                **{f"linear2.{name}": p for name, p in self.output.dense.named_parameters()},
                **{
                    f"{module}.{name}": p
                    for module in ("linear1", "norm1", "norm2")
                    for name, p in self.get_submodule(module).named_parameters()
                },
            }
        )
        return layer


class Tagger(nn.Module):
    """BERT's embeddings, the blocks, and a linear layer on every token."""

    def __init__(self):
        super().__init__()
        tables = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": "type_vocab_size"}
        embeddings = modules(**{f"{name}_embeddings": nn.Embedding(CONFIG[size], H) for name, size in tables.items()})
        embeddings.word_embeddings.padding_idx = CONFIG["pad_token_id"]
        embeddings.LayerNorm = nn.LayerNorm(H, EPSILON)
        self.tagger = modules(embeddings=embeddings, blocks=nn.ModuleList(Block() for _ in range(CONFIG["depth"])))
        self.tags = nn.Linear(H, len(CONFIG["id2label"]))

    def forward(self, batch):
        """Every forward.* and the loss."""
        tables, mask = self.tagger.embeddings, batch["input.mask"] == 1
        positions = torch.arange(mask.shape[1]).expand(mask.shape)
        rows = tables.word_embeddings(batch["input.ids"]) + tables.token_type_embeddings(batch["input.segments"])
        x = tables.LayerNorm(rows + tables.position_embeddings(positions))
        result = {"forward.embeddings": x}
        for n, block in enumerate(self.tagger.blocks):
            y = block(x, mask)
            theirs = block.as_torch()(x, src_key_padding_mask=~mask)
            assert torch.allclose(y[mask], theirs[mask], rtol=1e-12, atol=1e-12), f"block {n} differs from PyTorch's"
            x = result[f"forward.layer.{n}.output"] = y
        logits = result["forward.logits.tokens"] = self.tags(x)
        result["loss.total"] = cross_entropy(logits.flatten(0, 1), batch["label.tokens"].flatten())
        return result


def make_model(rng):
    """A model whose float32 weights are drawn from rng, wide, in float64."""
    model = Tagger()
    with torch.no_grad():
        for name, p in model.named_parameters():
            std, center = (0.4 if p.dim() == 2 else 0.3), (1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0)
            drawn = center + std * rng.standard_normal(tuple(p.shape))
            p.copy_(torch.from_numpy(drawn.astype(numpy.float32)))
    return model


def main():
    """Writes the folder."""
    torch.set_num_threads(1)
    seed = 41
    rng = numpy.random.default_rng(seed)
    stored = make_model(rng)
    model = copy.deepcopy(stored).double()
    batch = make_input(rng, CONFIG, [10, 4, 7])
    batch["label.tokens"] = make_labels(rng, batch, len(CONFIG["id2label"]), unlabelled=1)

    computed = model(batch)
    embeddings = computed["forward.embeddings"]
    embeddings.retain_grad()
    computed["loss.total"].backward()
    expected = {name: tensor.detach().clone() for name, tensor in computed.items()}
    expected["grad.forward.embeddings"] = embeddings.grad
    expected |= {f"grad.{name}": p.grad for name, p in model.named_parameters()}
    student, other = (copy.deepcopy(stored).double() for _ in range(2))
    expected |= train(student, lambda: student(batch)["loss.total"], RECIPE)
    for name, p in train_by_torch(other, lambda: other(batch)["loss.total"], RECIPE).items():
        assert torch.allclose(p, expected[name], rtol=1e-12, atol=1e-13), name

    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n", encoding="utf-8")
    weights = {name: p.detach() for name, p in stored.named_parameters()}
    safetensors.torch.save_file(weights, FOLDER / "model.safetensors", metadata={"format": "pt"})
    safetensors.torch.save_file({n: t.contiguous() for n, t in (expected | batch).items()}, FOLDER / "expected.safetensors")
    case = {
        "format": 1,
        "generator": generator_note("reference_outputs/generate_pre_norm.py"),
        "class": CONFIG["architectures"][0],
        "seed": seed,
        "note": "A variant: the layer norms stand in front of the sub-layers, and the files have names of their own.",
        "train": RECIPE,
    }
    write_json(FOLDER / "case.json", case)
    for file in FOLDER.iterdir():
        file.chmod(0o644)
    print(f"{FOLDER.name}: {len(expected)} tensors")


if __name__ == "__main__":
    main()
