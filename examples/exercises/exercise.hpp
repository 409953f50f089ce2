/// @file
/// What every exercise is written with.
#pragma once

#include <stdexcept>
#include <string>

#include <bert/core/peek.hpp>  // for `call peek(x)` in a debugger
#include <bert/core/tensor.hpp>

namespace exercise {

using Matrix = bert::Tensor<double, 2>;  ///< x(t, h)
using Vector = bert::Tensor<double, 1>;  ///< b(h)

/// Says that a function has not been written yet: the line to be replaced by yours.
class NotWritten : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// @param function  which; its arguments are named behind it, so that no compiler calls them unused
/// @throws NotWritten always
template <class... Arguments>
void not_written(const char* function, const Arguments&...)
{
    throw NotWritten(function);
}

}  // namespace exercise
