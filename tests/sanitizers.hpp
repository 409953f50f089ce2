/// @file
/// Whether a test is compiled with a sanitizer of clang's, with which it takes ten times as long, and which ends the program where
/// memory can't be had.
#pragma once

#if defined(__has_feature)
inline constexpr bool with_sanitizer = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool with_sanitizer = false;
#endif
