/// @file
/// Exercise 2: the backward of GELU.
#pragma once

#include <cmath>
#include <numbers>

#include "../exercise.hpp"

namespace exercise {

/// The product rule, where Φ's derivative is φ, the density of a standard normal number.
/// \f[ \delta x = \delta y\,\big(\Phi(x) + x\,\varphi(x)\big),\quad \Phi(x) = \tfrac12\,\mathrm{erfc}(-x/\sqrt2),\quad
///     \varphi(x) = e^{-x^2/2} \big/ \sqrt{2\pi} \f]
/// @param d_y  the gradient of the loss with respect to y, [T, I]
/// @param x  as in gelu, [T, I]
/// @param[out] d_x  the gradient with respect to x, [T, I]
inline void gelu_backward(const Matrix& d_y, const Matrix& x, Matrix& d_x)
{
    not_written("gelu_backward", d_y, x, d_x);  // YOUR CODE
}

}  // namespace exercise
