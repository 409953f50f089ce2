"""What SentenceTransformer makes of a folder."""

from sentence_transformers import SentenceTransformer

from .observe import observed


def numbers(vector):
    """A vector with nine digits, which say a float exactly."""
    return [float(f"{value:.9g}") for value in vector.tolist()]


def describe(model):
    """Everything that a program has to know of a model beside its vectors."""
    length = model.max_seq_length
    return {
        "modules": [type(module).__name__ for module in model],
        "pooling": [
            list(m) if isinstance(m, tuple) else m
            for m in (module.pooling_mode for module in model if type(module).__name__ == "Pooling")
        ],
        "max_seq_length": length if not isinstance(length, (int, float)) or length < 1e9 else None,
        "dimension": model.get_embedding_dimension(),
        "dtype": str(next(model.parameters()).dtype).removeprefix("torch.") if list(model.parameters()) else None,
        "prompts": model.prompts,
        "default_prompt_name": model.default_prompt_name,
        "similarity_fn_name": model.similarity_fn_name,
        "truncate_dim": model.truncate_dim,
    }


def vectors(model, folder):
    """The vector of each text alone, with each prompt that is to be tried, and as a query and a document."""
    calls = [({}, lambda text: model.encode([text]))]
    for name in folder.options.get("prompt_names", []):
        calls.append(({"prompt_name": name}, lambda text, name=name: model.encode([text], prompt_name=name)))
    if "config_sentence_transformers.json" in folder.files:
        calls += [
            ({"as": "query"}, lambda text: model.encode_query([text])),
            ({"as": "document"}, lambda text: model.encode_document([text])),
        ]
    result = []
    for row, text in enumerate(folder.texts):
        for how, call in calls if row == 0 else calls[:1]:

            def encode():
                plain = (
                    {"ids": model.preprocess([text])["input_ids"][0].tolist()}
                    if not how and "Transformer" in type(model[0]).__name__
                    else {}
                )
                return plain | {"vector": numbers(call(text)[0])}

            result.append({"text": text} | how | observed(encode)[0])
    return result


def run(folder, path):
    """The entry of a folder in expected.json."""
    model = None

    def load():
        nonlocal model
        model = SentenceTransformer(path, device="cpu", local_files_only=True)
        return describe(model)

    entry, warnings = observed(load, path)
    if warnings:
        entry["warnings"] = warnings
    if "refused" in entry:
        return entry
    entry["vectors"] = vectors(model, folder)
    both = [text for text in folder.texts if text][-2:]
    similarity, _ = observed(lambda: {"similarity": numbers(model.similarity(*(model.encode([text]) for text in both))[0])[0]})
    return entry | ({"similarity_of": both} | similarity if "refused" not in similarity else {})
