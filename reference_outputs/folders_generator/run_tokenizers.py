"""What AutoTokenizer makes of a folder."""

from transformers import AutoTokenizer

from .observe import observed

ROLES = ("unk", "sep", "pad", "cls", "mask", "bos", "eos")


def encodings(tokenizer, folder, **options):
    """The texts and pairs of a folder, encoded one at a time."""
    result = []
    for text in [[text] for text in folder.texts] + folder.pairs:

        def encode():
            batch = tokenizer(
                [text[0]], [text[1]] if len(text) > 1 else None, return_token_type_ids=True, verbose=False, **options
            )
            ids = batch["input_ids"][0]
            tokens = {"tokens": tokenizer.convert_ids_to_tokens(ids)} if folder.options.get("tokens") else {}
            return {"ids": ids} | tokens | {"type_ids": batch["token_type_ids"][0]}

        entry = {"text": text[0]} | ({"pair": text[1]} if len(text) > 1 else {})
        result.append(entry | observed(encode)[0])
    return result


def describe(tokenizer):
    """Everything that a program has to know of a tokenizer beside its encodings."""
    added = [
        {"id": id, "content": token.content}
        | {flag: True for flag in ("single_word", "lstrip", "rstrip", "normalized", "special") if getattr(token, flag)}
        for id, token in sorted(tokenizer.added_tokens_decoder.items())
    ]
    length = tokenizer.model_max_length
    return {
        "class": type(tokenizer).__name__,
        "roles": {
            role: [str(getattr(tokenizer, role + "_token")), getattr(tokenizer, role + "_token_id")]
            for role in ROLES
            if getattr(tokenizer, role + "_token") is not None
        },
        "special_ids": sorted(set(tokenizer.all_special_ids) - {None}),
        "model_max_length": length if not isinstance(length, (int, float)) or length < 1e9 else None,
        "padding_side": tokenizer.padding_side,
        "truncation_side": tokenizer.truncation_side,
        "size": len(tokenizer),
        "added_tokens": added,
    }


def run(folder, path):
    """The entry of a folder in expected.json."""
    tokenizer = None

    def load():
        nonlocal tokenizer
        tokenizer = AutoTokenizer.from_pretrained(path)
        return describe(tokenizer)

    entry, warnings = observed(load, path)
    if warnings:
        entry["warnings"] = warnings
    if "refused" in entry:
        return entry
    if folder.options.get("vocabulary"):
        entry["vocabulary"] = sorted(tokenizer.get_vocab().items(), key=lambda item: (item[1], item[0]))
    entry["encodings"] = encodings(tokenizer, folder)
    if folder.options.get("truncated"):
        entry["truncated"] = encodings(tokenizer, folder, truncation=True)
    return entry
