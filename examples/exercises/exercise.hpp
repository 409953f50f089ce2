/// @file
/// What every exercise is written with.
#pragma once

#include <stdexcept>
#include <string>

#include <bert/core/peek.hpp>  // for `call peek(x)` in a debugger
#include <bert/core/tensor.hpp>

namespace exercise {

/// `x(t, h)` is a number, `x.shape(0)` and `x.shape(1)` are the sizes. A result, [out], comes without a size:
/// `y.resize({T, out})` gives it one, and what it then holds is garbage: write with `=`, or sum in a variable of your own, before
/// any `+=`. What is added to, [in,out], has its size and its numbers. A matrix of your own: `Matrix a; a.resize({n, n});`
using Matrix = bert::Tensor<double, 2>;
using Vector = bert::Tensor<double, 1>;  ///< the same with one index, `b(h)`

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
