"""PyTorch's side of training.py: loads a model folder and batches and answers as training.cpp does.

Usage: training_peer.py FOLDER BATCHES THREADS float32|bf16      bf16: autocast, weights and moments in float32
"""

import os
import pathlib
import sys
import time

import torch
import transformers


# What a model calls the classes of texts, if it has some.
TEXT_LABELS = {
    "BertForPreTraining": "next_sentence_label",
    "MobileBertForPreTraining": "next_sentence_label",
    "AlbertForPreTraining": "sentence_order_label",
    "BertForSequenceClassification": "labels",
}


def read_batches(path, name, has_segments):
    """Batches as PyTorch's users have them: padded to the longest of each."""
    numbers = iter(map(int, pathlib.Path(path).read_text().split()))
    batches = []
    for _ in range(next(numbers)):
        rows = []
        for _ in range(next(numbers)):
            n = next(numbers)
            rows.append([[next(numbers) for _ in range(n)] for _ in range(3)] + [next(numbers)])
        length = max(len(row[0]) for row in rows)

        def padded(which, value):
            return torch.tensor([row[which] + [value] * (length - len(row[which])) for row in rows])

        batch = {"input_ids": padded(0, 0), "token_type_ids": padded(1, 0)}
        mask = torch.tensor([[1] * len(row[0]) + [0] * (length - len(row[0])) for row in rows])
        if not mask.all():
            batch["attention_mask"] = mask
        texts = torch.tensor([row[3] for row in rows])
        label_of_texts = TEXT_LABELS.get(name)
        if name == "GPT2LMHeadModel":
            batch["labels"] = batch["input_ids"]  # the model moves them by one
        elif label_of_texts != "labels":
            batch["labels"] = padded(2, -100)
        if label_of_texts is not None:
            batch[label_of_texts] = texts
        if not has_segments:
            del batch["token_type_ids"]
        batches.append(batch)
    return batches


def main():
    folder, path, threads, precision = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    torch.set_num_threads(int(threads))
    transformers.utils.logging.disable_progress_bar()
    name = transformers.AutoConfig.from_pretrained(folder).architectures[0]
    model = getattr(transformers, name).from_pretrained(folder, dtype=torch.float32)
    batches = read_batches(path, name, has_segments=getattr(model.config, "type_vocab_size", 1) > 1)

    def loss_of(batch):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            return model(**batch).loss

    model.eval()
    loss = loss_of(batches[0])
    loss.backward()
    # In double: torch's own norm, a float's, is off by 1e-4 for a table of 23 million numbers.
    squares = sum((parameter.grad.double() ** 2).sum().item() for parameter in model.parameters())
    checked = [loss.item(), squares**0.5]
    model.zero_grad()
    del loss

    model.train()
    is_plain = lambda n: any(part in n for part in ("bias", "LayerNorm", "layer_norm", ".ln_"))
    plain = [p for n, p in model.named_parameters() if is_plain(n)]
    decayed = [p for n, p in model.named_parameters() if not is_plain(n)]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-5, eps=1e-6, fused=True)
    print("ready", file=answers)
    for line in sys.stdin:
        passes = int(line)
        begin = time.perf_counter()
        for _ in range(passes):
            for batch in batches:
                loss_of(batch).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
        milliseconds = 1e3 * (time.perf_counter() - begin) / (passes * len(batches))
        print(milliseconds, *checked, file=answers)


if __name__ == "__main__":
    main()
