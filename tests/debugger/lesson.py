"""A session in gdb, on lesson 03. run.cmake starts it and compares what it prints: no addresses, no absolute paths, no line
numbers, so that only what a reader of the lesson sees makes a difference."""

import os
import re

import gdb

SOURCE = os.getcwd()
LESSON = "examples/lessons/03_self_attention/main.cpp"
# What to print at a STOP line.
LOOKED_AT = {
    1: ["act", "query", "$at(act.context, 0, 3)", "$at(act.context, 0, 4)", "$at(act.context, 0)", "$at(act.scores, 0, 0)"],
    2: ["mean_squares", "of_divided", "of_heads"],
    3: ["of_heads.scores", "of_heads.context"],
    4: ["back.context"],
    5: ["batch.positions", "mask", "padded_context", "packed.scores", "packed.context"],
    6: ["whole.output"],
    7: ["ours", "wrong"],
    8: ["from_reference", "from_mine"],
}
# What to print at the first stop on a line of a formula.
LOOKED_AT_IN_FORMULAS = {
    "scores(i, j) = product * scale;": ["product", "scale"],
    "probabilities(i, j) /= sum;": ["largest", "sum", "probabilities"],
    "context(head.first_row + i, column) = sum;": ["sum"],
}
# Whose lines a step halts at, every one of them.
FORMULAS = ["attention_scores", "softmax", "attention_context"]


def say(text):
    """Writes where the lesson writes; what gdb itself prints goes to its log."""
    os.write(1, (text + "\n").encode())


def show(expression):
    try:
        shown = gdb.execute("output " + expression, to_string=True)
    except gdb.error as error:
        shown = "error: %s" % error
    if re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", shown):
        shown = "%.5g" % float(shown)  # a number that isn't a tensor's
    shown = re.sub(r"-?\d(\.\d+)?e-1[5-9]", "0", shown)  # what rounding leaves of a zero
    say("(gdb) print %s\n%s" % (expression, shown))


def go(command):
    """Runs on. Says what the lesson prints, then what gdb says at a STOP line."""
    LOG.read()
    gdb.execute(command)
    gdb.flush()
    for line in LOG.read().splitlines():
        if line.startswith(">>> "):
            say(line)


def source_lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def line_of(text):
    return 1 + next(i for i, line in enumerate(source_lines(LESSON)) if text in line)


def function_name(frame):
    return re.sub(r"<.*|\(.*", "", frame.name()).split("::")[-1]


def lines_of_function(frame):
    block = frame.block()
    while block.function is None:
        block = block.superblock
    lines = {entry.line for entry in frame.find_sal().symtab.linetable() if block.start <= entry.pc < block.end}
    return {line for line in lines if line > block.function.line}


def step_through_a_call():
    """Steps from the call of attention to the line behind it."""
    call = gdb.newest_frame()
    functions, stops, lines, looked_at = [], {}, {}, set()
    while True:
        gdb.execute("step")
        frame = gdb.newest_frame()
        if frame == call:
            break
        place = frame.find_sal()
        path = os.path.relpath(place.symtab.fullname(), SOURCE) if place.symtab else "?"
        if not path.startswith("include/bert/") and path != LESSON:
            say("step went into %s, %s" % (path, frame.name()))
            gdb.execute("finish")
            continue
        name = function_name(frame)
        if name not in lines:
            functions.append("%s: %s" % (path, name))
            lines[name] = lines_of_function(frame)
        stops.setdefault(name, set()).add(place.line)
        text = source_lines(path)[place.line - 1].strip()
        if text in LOOKED_AT_IN_FORMULAS and text not in looked_at:
            looked_at.add(text)
            say("%s: %s" % (name, text))
            for expression in LOOKED_AT_IN_FORMULAS[text]:
                show(expression)
    say("Step by step, it halted in")
    for function in functions:
        say("    " + function)
    for name in FORMULAS:
        say("Lines of %s where it didn't: %d" % (name, len(lines[name] - stops[name])))


LOG = open(gdb.parameter("logging file"), encoding="utf-8")
# stdbuf: what the lesson prints comes at once.
for setting in ("width 0", "height 0", "exec-wrapper stdbuf -o0"):
    gdb.execute("set " + setting)

say("Before the attention of section 1:")
gdb.execute("tbreak main.cpp:%d" % line_of("Reference::attention("))
go("run")
for expression in ["act.context", "shares", "of_heads", "packed.scores", "packed.context", "$at(packed.context, 0, 0)"]:
    show(expression)
step_through_a_call()

for number in sorted(LOOKED_AT):
    go("continue")
    for expression in LOOKED_AT[number]:
        show(expression)
go("continue")
