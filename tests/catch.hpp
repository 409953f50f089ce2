/// @file
/// The one place that names Catch2's header, whose path differs between its releases. The tests use the names of Catch2 2.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)  // Catch2 3
#include <string>

#include <catch2/catch_all.hpp>

using Catch::Approx;

namespace Catch {

using Matchers::StartsWith;
inline Matchers::StringContainsMatcher Contains(const std::string& part) { return Matchers::ContainsSubstring(part); }

}  // namespace Catch
#else
#include <catch2/catch.hpp>
#endif
