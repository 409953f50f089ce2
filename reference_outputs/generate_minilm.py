"""Makes the stored outputs of a trained checkpoint: generate_minilm.py MODEL_FOLDER [STS-B/dev.tsv]"""

import sys

import torch
import transformers

from generator import minilm


def main():
    """Writes reference_outputs/minilm: the sentences' tensors and, where STS-B is given, what is expected on it."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    minilm.sentences(sys.argv[1])
    if len(sys.argv) > 2:
        minilm.stsb(sys.argv[1], sys.argv[2])


if __name__ == "__main__":
    main()
