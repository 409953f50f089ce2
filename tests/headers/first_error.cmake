# Compiles each of SOURCES with COMPILER and the option OPTION, and expects EXPECTED in the first error, and no error after it but
# the one that ends the compilation.
foreach(source IN LISTS SOURCES)
  execute_process(COMMAND ${COMPILER} -fsyntax-only ${OPTION} -I ${INCLUDE} ${source} ERROR_VARIABLE said RESULT_VARIABLE status)
  string(REPLACE ";" "," said "${said}")
  string(REGEX MATCHALL "[^\n]* error: [^\n]*" errors "${said}")
  list(LENGTH errors count)
  list(POP_FRONT errors first)
  string(FIND "${first}" "${EXPECTED}" place)
  if(status EQUAL 0 OR place EQUAL -1 OR count GREATER 2)
    message(SEND_ERROR "${source} with ${OPTION}: expected ${EXPECTED}, got\n${said}")
  endif()
endforeach()
