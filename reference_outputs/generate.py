"""Makes the stored cases again: generate.py [NAME...]; without a name all of them."""

import os
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import torch  # noqa: E402
import transformers  # noqa: E402

from generator import albert_cases, distilbert_cases, gpt2_cases, mobilebert_cases, roberta_cases  # noqa: E402
from generator.cases import CASES  # noqa: E402
from generator.default_model import default_model  # noqa: E402


VARIANTS = (roberta_cases, distilbert_cases, albert_cases, gpt2_cases, mobilebert_cases)
MAKERS = {**CASES, "default_model": default_model} | {case.name: case.make for variant in VARIANTS for case in variant.CASES}


def main():
    """Makes the cases named on the command line, or all."""
    unknown = set(sys.argv[1:]) - set(MAKERS)
    if unknown:
        sys.exit(f"generate.py: no case {', '.join(sorted(unknown))}; there are {', '.join(MAKERS)}")
    torch.set_num_threads(1)  # the order of sums, and with it the last bits, would depend on the number of threads
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in sys.argv[1:] or MAKERS:
        MAKERS[name]()


if __name__ == "__main__":
    main()
