# Runs PROGRAM (with ARGUMENTS, in FOLDER, if they are given) and compares what it prints with the file EXPECTED, byte for byte.
# On a difference, what it printed stands beside the program (or in PRINTED), so that it can be compared with other tools, or
# copied when the change is right. A lesson's right answer to a question is as good as none. STATUS is the expected exit status, 0
# if it isn't given.
if(NOT PRINTED)
  set(PRINTED ${PROGRAM}.txt)
endif()
if(NOT FOLDER)
  set(FOLDER .)
endif()
execute_process(COMMAND ${PROGRAM} ${ARGUMENTS} WORKING_DIRECTORY ${FOLDER}
                OUTPUT_VARIABLE printed ERROR_VARIABLE errors RESULT_VARIABLE status)
string(REPLACE "\n   right\n" "\n   not answered yet\n" printed "${printed}")
file(WRITE ${PRINTED} "${printed}")
if(NOT STATUS)
  set(STATUS 0)
endif()
if(NOT status EQUAL STATUS)
  message(FATAL_ERROR "${PROGRAM}: status ${status}\n${printed}${errors}")
endif()
execute_process(COMMAND diff -u ${EXPECTED} ${PRINTED} OUTPUT_VARIABLE difference RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PRINTED}: expected ${EXPECTED}\n${difference}${errors}")
endif()
