"""Makes a small uncased WordPiece vocabulary from English text: make_vocabulary.py SIZE FILE... > vocab.txt

Special tokens; every ASCII character that lower-cased text holds (letters and digits also as ##c, so that no ASCII word is
unknown); the most frequent words among those that more than half of the files use, which leaves out the names of a novel;
and the most frequent beginnings, middles and ends of the words that are left.
examples/models/default/vocab.txt was made by `make_vocabulary.py 1103` from ten public-domain novels and the speeches
of presidents (the files gutenberg_*, state_union and inaugural of the project's data folder).
"""

import re
import string
import sys
from collections import Counter

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CHARACTERS = list(string.punctuation + string.digits + string.ascii_lowercase) + list("£–—‘’“”…")
CONTINUED = ["##" + c for c in string.digits + string.ascii_lowercase]
WORDS_IN_ALL = 0.7  # the part of the free places that goes to whole words


def pieces_of(word):
    """Beginnings, middles and ends of 2 to 4 letters that WordPiece could use for this word."""
    for length in range(2, 5):
        yield word[:length]
        for start in range(1, len(word) - length + 1):
            yield "##" + word[start : start + length]


def most_frequent(counts, number):
    """The keys with the largest counts, ties in alphabetical order."""
    return [key for key, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:number]]


def main():
    """Prints the vocabulary, a token a line."""
    size, files = int(sys.argv[1]), sys.argv[2:]
    words, files_with = Counter(), Counter()
    for file in files:
        with open(file, encoding="utf-8") as text:
            found = re.findall(r"[a-z]{2,}", text.read().lower())
        words.update(found)
        files_with.update(set(found))
    free = size - len(SPECIAL) - len(CHARACTERS) - len(CONTINUED)
    common = {word: count for word, count in words.items() if 2 * files_with[word] > len(files)}
    chosen = most_frequent(common, int(WORDS_IN_ALL * free))
    pieces = Counter()
    for word in set(words) - set(chosen):
        for piece in pieces_of(word):
            # what a piece spares: its letters but one, each time it is there
            pieces[piece] += words[word] * (len(piece.removeprefix("##")) - 1)
    for word in chosen:
        del pieces[word]
    tokens = SPECIAL + CHARACTERS + CONTINUED + chosen + most_frequent(pieces, free - len(chosen))
    assert len(tokens) == len(set(tokens)) == size
    print("\n".join(tokens))


if __name__ == "__main__":
    main()
