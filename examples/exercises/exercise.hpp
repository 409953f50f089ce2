/// @file
/// The types that all exercises use.
#pragma once

#include <stdexcept>
#include <string>

#include <bert/core/peek.hpp>  // for `call peek(x)` in a debugger
#include <bert/core/tensor.hpp>

namespace exercise {

/// `x(t, h)` is a number, `x.shape(0)` and `x.shape(1)` are the sizes. A result, [out], has no size yet: `y.resize({T, out})`
/// sets it and leaves the numbers unwritten, so write them with `=` before any `+=`. (Here unwritten numbers are NaN; elsewhere
/// they can be anything.) A parameter that is added to, [in,out], has its size and its numbers. To declare a matrix:
/// `Matrix a; a.resize({n, n});`
using Matrix = bert::Tensor<double, 2>;
using Vector = bert::Tensor<double, 1>;  ///< as Matrix, with one index: `b(h)`

/// Error of a function that has not been written yet.
class NotWritten : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Stands in for the code of an exercise.
/// @param function  name of the function, followed by its arguments, so that no compiler calls them unused
/// @throws NotWritten always
template <class... Arguments>
void not_written(const char* function, const Arguments&...)
{
    throw NotWritten(function);
}

}  // namespace exercise
