/// @file
/// What the headers ask of the compiler: C++20, and arithmetic that knows NaN and infinity. Every header includes this one before
/// anything that depends on it, so that this is what the compiler says first.
#pragma once

#if __cplusplus < 202002L
#error "bert needs C++20: -std=c++20"
#include "bert/compilation_ends_here"  // a file that isn't there ends the compilation
#endif

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ == 1)
#error "bert looks for NaN and infinity: compile it without -ffast-math, -Ofast and -ffinite-math-only"
#include "bert/compilation_ends_here"  // a file that isn't there ends the compilation
#endif
