# Runs gdb with the project's .gdbinit and SESSION.py on LESSON, and compares what is printed with SESSION.txt. Where gdb is
# missing, or may not run a program or call a function of it, it says so instead.
set(ENV{LC_ALL} C.UTF-8)
set(ENV{DEBUGINFOD_URLS} "")
find_program(GDB gdb)
if(NOT GDB)
  message("SKIPPED: debugger: gdb is not installed")
  return()
endif()

execute_process(COMMAND ${GDB} -nx -batch -ex "python print('has Python')" -ex "set startup-with-shell off" -ex run
                        --args ${CMAKE_COMMAND} -E true
                OUTPUT_VARIABLE printed ERROR_VARIABLE printed)
if(NOT printed MATCHES "has Python")
  message("SKIPPED: debugger: gdb is built without Python")
  return()
elseif(NOT printed MATCHES "exited normally")
  string(REGEX REPLACE "\n.*" "" reason "${printed}")
  if(printed MATCHES "([^\n]*ptrace[^\n]*)")
    set(reason "${CMAKE_MATCH_1}")
  endif()
  message("SKIPPED: debugger: gdb may not trace a program here: ${reason}")
  return()
endif()

if(SESSION STREQUAL "peek")  # gdb 13 can't call functions on a processor with a matrix unit
  execute_process(COMMAND ${GDB} -nx -batch -ex "tbreak main" -ex run -ex "call ((int (*)(void *)) fflush)(0)" ${LESSON}
                  OUTPUT_VARIABLE printed ERROR_VARIABLE printed)
  if(printed MATCHES "Couldn't write[^\n]*")
    message("SKIPPED: peek: gdb can't call a function here: ${CMAKE_MATCH_0}")
    return()
  endif()
endif()

# -nh: without the user's own settings. What gdb says by itself, with addresses and paths, goes to a log.
set(PROGRAM ${GDB})
set(ARGUMENTS -nh -batch -iex "set logging file ${LESSON}_${SESSION}.log" -iex "set logging overwrite on" -iex "set logging redirect on"
              -iex "set logging enabled on" -iex "add-auto-load-safe-path ${SOURCE}/.gdbinit"
              -x ${CMAKE_CURRENT_LIST_DIR}/${SESSION}.py ${LESSON})
set(PRINTED ${LESSON}_${SESSION}.txt)
set(EXPECTED ${CMAKE_CURRENT_LIST_DIR}/${SESSION}.txt)
set(FOLDER ${SOURCE})
include(${SOURCE}/cmake/CompareOutput.cmake)
