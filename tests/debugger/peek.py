"""`call peek(act.context)` at the first STOP line of lesson 03: the program itself shows a tensor."""

import os

import gdb

LESSON = "examples/lessons/03_self_attention/main.cpp"

with open(LESSON, encoding="utf-8") as file:
    stop_1 = 1 + next(i for i, line in enumerate(file) if "// STOP 1" in line)
gdb.execute("set exec-wrapper stdbuf -o0")  # what is printed comes at once
gdb.execute("tbreak main.cpp:%d" % stop_1)
gdb.execute("run")
os.write(1, b"(gdb) call peek(act.context)\n")
gdb.execute("call peek(act.context)")
