/// @file
/// The one place that names Catch2's header, whose path differs between its releases.
#pragma once

#include <catch2/catch.hpp>
