/// @file
/// Whether a test is compiled with AddressSanitizer, which takes ten times as long, and ends the program where memory can't be had.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool with_address_sanitizer = true;
#elif defined(__has_feature)
inline constexpr bool with_address_sanitizer = __has_feature(address_sanitizer);
#else
inline constexpr bool with_address_sanitizer = false;
#endif
