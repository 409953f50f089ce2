# How the project's own programs and tests are built. None of this reaches those who use the library.

set(gxx_before_14 OFF)  # warns of its own headers
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  set(gxx_before_14 ON)
endif()

add_library(bert_build INTERFACE)
target_link_libraries(bert_build INTERFACE bert::bert $<$<BOOL:${BERT_NATIVE}>:bert::native>)
target_compile_options(bert_build INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  -ffp-contract=off  # g++ and clang fuse a*b+c in different places; the same for all files means the same bits
  # g++ 12 sees overlaps and overflows in its own std::string (its bugs 105651 and 105329), g++ 14 overflows in its own
  # std::u32string and std::vector; the sanitizers look for real ones
  $<$<BOOL:${gxx_before_14}>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>)

# bert_executable(TARGET SOURCE...)
function(bert_executable target)
  add_executable(${target} ${ARGN})
  target_link_libraries(${target} PRIVATE bert_build)
endfunction()
