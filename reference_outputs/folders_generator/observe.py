"""Runs something and notes what it warns of, or that it refuses."""

import logging
import re
import warnings

import transformers

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Messages(logging.Handler):
    """Collects the messages of a library's loggers."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        """Keeps a message; the same one once."""
        line = record.getMessage()
        if line not in self.lines:
            self.lines.append(line)


def abridged(message, path):
    """The first line of a message that says something, without the place of the folder."""
    text = str(message).replace(path, "FOLDER") if path else str(message)
    lines = [line.strip() for line in COLOUR.sub("", text).splitlines() if line.strip()]
    line = lines[0] if lines else ""
    if "LOAD REPORT" in line:  # a table of tensors and what is wrong with them
        rows = [row.split("|")[:2] for row in lines if row.count("|") > 1][1:]
        line = "LOAD REPORT: " + ", ".join(sorted(" ".join(cell.strip() for cell in row) for row in rows))
    return line if len(line) <= 200 else line[:197] + "..."


def observed(function, path=""):
    """What a function returns, an object, and the warnings; or in its place `refused` and the error."""
    transformers.utils.logging.warning_once.cache_clear()
    messages = Messages()
    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers", "torch")]
    for logger in loggers:
        logger.addHandler(messages)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = function()
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # a panic of the tokenizers library is no Exception
                result = {"refused": True, "error": f"{type(error).__name__}: {abridged(error, path)}"}
    finally:
        for logger in loggers:
            logger.removeHandler(messages)
    lines = messages.lines + [str(warning.message) for warning in caught]
    return result, sorted({abridged(line, path) for line in lines})
