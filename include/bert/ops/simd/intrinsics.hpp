/// @file
/// The compiler's vector instructions, <immintrin.h>, where the processor is an x86. g++ before 14 warns about the deliberately
/// undefined vectors in that header; whoever includes it first decides whether it does, so all headers include it from here.
#pragma once

#include "bert/core/language.hpp"

#if defined(__x86_64__) || defined(__i386__)
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif
#endif
