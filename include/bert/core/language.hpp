/// @file
/// Requirements on the compiler: C++20, and arithmetic with NaN and infinity. Every header includes this one before anything that
/// depends on it, so that the compiler reports these requirements first.
#pragma once

#if __cplusplus < 202002L
#error "bert needs C++20: -std=c++20"
#include "bert/compilation_ends_here"  // a file that isn't there ends the compilation
#endif

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ == 1)
#error "bert needs NaN and infinity: compile without -ffast-math, -Ofast and -ffinite-math-only"
#include "bert/compilation_ends_here"  // a file that isn't there ends the compilation
#endif
