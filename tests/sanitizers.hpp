/// @file
/// How a test is compiled: with a sanitizer of clang's it takes ten times as long, and ends where memory can't be had; without
/// optimisation it takes ten times as long, too.
#pragma once

#if defined(__has_feature)
inline constexpr bool with_sanitizer = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool with_sanitizer = false;
#endif

#ifdef __OPTIMIZE__
inline constexpr bool is_optimized = true;
#else
inline constexpr bool is_optimized = false;
#endif
