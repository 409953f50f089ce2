# gdb reads this file when it is started in this folder, once the file is trusted. One line in ~/.gdbinit says so:
#   add-auto-load-safe-path /path/to/bert/.gdbinit
source scripts/gdb/bert.py
