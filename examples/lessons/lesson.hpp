/// @file
/// What the lessons share: show, claim, exercise, and finite differences. Nothing here is needed to understand BERT.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include <bert/core/peek.hpp>  // for `call peek(x)` in a debugger

namespace lesson {

/// A number as text, with a fixed number of digits after the point; a zero has no sign.
inline std::string number_text(double value, int digits)
{
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    const std::string written = text;
    const bool is_zero = written.find_first_of("123456789") == std::string::npos;
    return is_zero && written[0] == '-' ? written.substr(1) : written;
}

/// Prints a tensor of one or two dimensions: its name, its shape, its rows.
template <class Tensor>
void show(const char* name, const Tensor& tensor, int digits = 2)
{
    const std::size_t rank = tensor.shape().size();
    const std::size_t rows = rank == 1 ? 1 : tensor.shape()[0], columns = tensor.shape()[rank - 1];
    if (rank == 1)
        std::printf("   %s [%zu]\n", name, columns);
    else
        std::printf("   %s [%zu, %zu]\n", name, rows, columns);
    for (std::size_t row = 0; row < rows; ++row) {
        std::printf("     ");
        for (std::size_t column = 0; column < columns; ++column)
            std::printf(" %6s", number_text(static_cast<double>(tensor.data()[row * columns + column]), digits).c_str());
        std::printf("\n");
    }
}

/// The largest |a - b|: infinite if the shapes differ or a number isn't finite.
template <class Tensor>
double max_difference(const Tensor& a, const Tensor& b)
{
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (a.shape() != b.shape()) return infinity;
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double difference = std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]));
        if (!std::isfinite(difference)) return infinity;
        largest = std::max(largest, difference);
    }
    return largest;
}

/// The gradient of a loss by central differences: each number of the tensor is changed by +h and -h, and restored.
/// `loss` computes the loss from the tensor's present numbers.
template <class Tensor, class Loss>
Tensor by_differences(Tensor& tensor, const Loss& loss, double h = 1e-5)
{
    Tensor gradient = tensor;
    for (std::size_t i = 0; i < tensor.size(); ++i) {
        const auto before = tensor.data()[i];
        tensor.data()[i] = before + h;
        const double above = loss();
        tensor.data()[i] = before - h;
        const double below = loss();
        tensor.data()[i] = before;
        gradient.data()[i] = (above - below) / (2 * h);
    }
    return gradient;
}

/// Prints a claim. If it doesn't hold, the program ends with status 1.
inline void claim(bool holds, const char* text)
{
    std::printf("   %s %s\n", holds ? "true:" : "FALSE:", text);
    if (!holds) std::exit(1);
}

/// Prints an exercise's question and checks the answer. A wrong one ends the program with status 1.
/// `is_right` is called only if there is an answer.
template <class Check>
void exercise(int number, const char* question, bool answered, Check is_right)
{
    std::printf("Exercise %d. %s\n", number, question);
    if (!answered) {
        std::puts("   not answered yet");
        return;
    }
    const bool right = is_right();
    std::puts(right ? "   right" : "   WRONG: think again");
    if (!right) std::exit(1);
}

}  // namespace lesson
