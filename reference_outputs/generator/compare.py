"""How tensors of a case are compared, and by how much they may differ."""

import torch

LIMITS = {  # kind: (double, float)
    "forward": (1e-12, 2e-5),
    "loss": (1e-12, 5e-6),
    "grad": (1e-10, 1e-4),
    "train": (1e-10, 5e-5),
    "train.parameter": (1e-9, 4e-4),
}
POOLED = (
    "forward.pooled",
    "forward.class.transform",
    "forward.logits.nsp",
    "forward.logits.sop",
    "forward.logits.class",
    "forward.logits.choice",
)


def kind_of(name):
    """The kind of a tensor, by which its limit goes."""
    return "train.parameter" if name.startswith("train.parameter.") else name.split(".")[0]


def compared(name, tensor, mask):
    """The elements of a tensor that are compared, as a vector: those at positions whose mask is 1."""
    real = mask.to(torch.bool)  # [B, L]
    if name.endswith((".scores", ".probabilities")):
        pairs = real[:, None, :, None] & real[:, None, None, :]  # [B, 1, L, L]
        return tensor[pairs.expand_as(tensor)]
    if name.startswith(("forward.", "grad.forward.")) and name not in POOLED:
        return tensor[real].flatten()
    return tensor.flatten()


def scales(expected, mask):
    """What each tensor's error is relative to: its largest element, at least 1/100 of the largest of its kind."""
    largest = {name: compared(name, tensor, mask).abs().max().item() for name, tensor in expected.items()}
    of_kind = {}
    for name, value in largest.items():
        of_kind[kind_of(name)] = max(value, of_kind.get(kind_of(name), 0.0))
    floored = ("forward", "grad", "train.parameter")
    return {
        name: max(value, of_kind[kind_of(name)] / 100 if kind_of(name) in floored else 0.0) for name, value in largest.items()
    }


def errors(found, expected, mask):
    """The error of every expected tensor."""
    scale = scales(expected, mask)
    result = {}
    for name, tensor in expected.items():
        assert found[name].shape == tensor.shape, name
        difference = compared(name, found[name].to(torch.float64) - tensor, mask).abs().max().item()
        result[name] = difference / scale[name] if difference > 0 else 0.0
    return result


def worst(found, expected, mask, column=0):
    """The largest error in units of its limit (column 0: double, 1: float), and its tensor."""
    by_name = {name: error / LIMITS[kind_of(name)][column] for name, error in errors(found, expected, mask).items()}
    name = max(by_name, key=by_name.get)
    return by_name[name], name


def norm_errors(found, expected, mask, start):
    """The error of every expected tensor by norms, as products in bfloat16 are measured (compare_norms in
    include/bert/verify/comparison.hpp): the norm of the difference over the expected norm, or twice the difference's part along
    the expected tensor, if that is more. The norm counts as at least 1/30 of that of all tensors of the kind together.

    Of a trained parameter the change is compared, and its norm counts as at least 1/10. start: the parameters before training.
    """
    differences, tensors, squares = {}, {}, {}
    for name, tensor in expected.items():
        kind = name if name.startswith("train.") and kind_of(name) != "train.parameter" else kind_of(name)
        e, f = compared(name, tensor.double(), mask), compared(name, found[name].double(), mask)
        differences[name] = f - e
        if kind == "train.parameter":
            e = e - start[name.removeprefix("train.parameter.")].flatten()
        tensors[name] = kind, e
        squares[kind] = squares.get(kind, 0.0) + e.square().sum().item()
    result = {}
    for name, (kind, e) in tensors.items():
        difference = differences[name]
        smallest = squares[kind] ** 0.5 / (10 if kind == "train.parameter" else 30)
        norm = max(e.norm().item(), smallest)
        along = 2 * abs((difference * e).sum().item()) / norm**2 if norm > 0 else 0.0
        result[name] = max(difference.norm().item() / norm if norm > 0 else 0.0, along)
    return result
