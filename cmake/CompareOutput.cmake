# Runs PROGRAM and compares what it prints with the file EXPECTED, byte for byte. On a difference, what it printed stands
# beside the program, so that it can be compared with other tools, or copied when the change is right.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed ERROR_VARIABLE errors RESULT_VARIABLE status)
file(WRITE ${PROGRAM}.txt "${printed}")
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM}: status ${status}\n${printed}${errors}")
endif()
execute_process(COMMAND diff -u ${EXPECTED} ${PROGRAM}.txt OUTPUT_VARIABLE difference RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM}.txt: expected ${EXPECTED}\n${difference}")
endif()
