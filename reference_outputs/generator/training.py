"""Training steps written out by hand, so that a reader sees what the stored numbers mean.

Every optimizer here takes a parameter p, its gradient g, its moments m and v, and the step's number and learning rate.
"""

import torch


def factor(schedule, k):
    """What the learning rate is multiplied by in step k, counted from 0: linear warm-up, then linear decay to 0."""
    assert schedule["type"] == "linear"
    warmup, total = schedule["warmup_steps"], schedule["total_steps"]
    if k < warmup:
        return k / max(1, warmup)
    return max(0, total - k) / max(1, total - warmup)


def is_decayed(recipe, name):
    """Whether weight decay acts on the parameter of this name."""
    return not any(part in name for part in recipe["no_decay"])


def update_moments(recipe, g, m, v):
    """Exponential averages of the gradient and of its square."""
    m.mul_(recipe["beta1"]).add_(g, alpha=1 - recipe["beta1"])
    v.mul_(recipe["beta2"]).addcmul_(g, g, value=1 - recipe["beta2"])


def adamw(recipe, name, p, g, m, v, k, rate):
    """Loshchilov and Hutter 2019, as PyTorch computes it: with bias correction, decay on its own."""
    if is_decayed(recipe, name):
        p.mul_(1 - rate * recipe["weight_decay"])
    update_moments(recipe, g, m, v)
    m_hat = m / (1 - recipe["beta1"] ** (k + 1))
    v_hat = v / (1 - recipe["beta2"] ** (k + 1))
    p.sub_(rate * m_hat / (v_hat.sqrt() + recipe["epsilon"]))


def bert_adam_direction(recipe, name, p, g, m, v):
    """The update of google-research/bert before the learning rate: no bias correction, decay added to it."""
    update_moments(recipe, g, m, v)
    u = m / (v.sqrt() + recipe["epsilon"])
    return u + recipe["weight_decay"] * p if is_decayed(recipe, name) else u


def bert_adam(recipe, name, p, g, m, v, _k, rate):
    """AdamWeightDecayOptimizer of google-research/bert."""
    p.sub_(rate * bert_adam_direction(recipe, name, p, g, m, v))


def lamb(recipe, name, p, g, m, v, _k, rate):
    """LAMB as in google-research/albert: the same update, as long as the parameter itself where that is decayed."""
    u = bert_adam_direction(recipe, name, p, g, m, v)
    length_p, length_u = p.norm(), u.norm()
    ratio = 1.0
    if is_decayed(recipe, name) and length_p > 0 and length_u > 0:
        ratio = length_p / length_u
    p.sub_(rate * ratio * u)


OPTIMIZERS = {"adamw": adamw, "bert_adam": bert_adam, "lamb": lamb}


def train(model, loss_of, recipe):
    """Takes recipe["steps"] steps on the model; loss_of() is the loss of the one batch. Returns every train.*."""
    update = OPTIMIZERS[recipe["optimizer"]]
    parameters = dict(model.named_parameters())
    moments = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in parameters.items()}
    losses, norms, rates = [], [], []
    for k in range(recipe["steps"]):
        model.zero_grad(set_to_none=True)
        loss = loss_of()
        loss.backward()
        with torch.no_grad():
            gradients = {name: p.grad for name, p in parameters.items() if p.grad is not None}
            norm = torch.stack([g.norm() for g in gradients.values()]).norm()
            scale = min(1.0, recipe["max_grad_norm"] / (norm + recipe["clip_epsilon"]))
            rate = recipe["learning_rate"] * factor(recipe["schedule"], k)
            for name, g in gradients.items():
                update(recipe, name, parameters[name], g * scale, *moments[name], k, rate)
        losses.append(loss.detach())
        norms.append(norm)
        rates.append(rate)
    result = {
        "train.loss": torch.stack(losses),
        "train.grad_norm": torch.stack(norms),
        "train.learning_rate": torch.tensor(rates, dtype=losses[0].dtype),
    }
    return result | {f"train.parameter.{name}": p.detach().clone() for name, p in parameters.items() if name in gradients}


def train_by_torch(model, loss_of, recipe):
    """The same steps by PyTorch's own AdamW, clipping and the library's schedule; holds adamw() above to them."""
    from transformers import get_linear_schedule_with_warmup

    assert recipe["optimizer"] == "adamw" and recipe["clip_epsilon"] == 1e-6
    named = [(name, p) for name, p in model.named_parameters()]
    groups = [
        {"params": [p for name, p in named if is_decayed(recipe, name)], "weight_decay": recipe["weight_decay"]},
        {"params": [p for name, p in named if not is_decayed(recipe, name)], "weight_decay": 0.0},
    ]
    betas = recipe["beta1"], recipe["beta2"]
    optimizer = torch.optim.AdamW(groups, lr=recipe["learning_rate"], betas=betas, eps=recipe["epsilon"], foreach=False)
    schedule = recipe["schedule"]
    scheduler = get_linear_schedule_with_warmup(optimizer, schedule["warmup_steps"], schedule["total_steps"])
    for _ in range(recipe["steps"]):
        optimizer.zero_grad(set_to_none=True)
        loss_of().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe["max_grad_norm"])
        optimizer.step()
        scheduler.step()
    return {f"train.parameter.{name}": p.detach().clone() for name, p in named if p.grad is not None}
