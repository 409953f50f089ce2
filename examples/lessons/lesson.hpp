/// @file
/// What the lessons share: show, claim, exercise, and finite differences. Nothing here is needed to understand BERT.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

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

/// A number as text, with up to six digits.
inline std::string text_of(double value)
{
    char text[64];
    std::snprintf(text, sizeof text, "%.6g", value);
    return text;
}

/// Numbers as text: (1, 2, 3).
inline std::string text_of(const std::vector<double>& values)
{
    std::string text = "(";
    for (std::size_t i = 0; i < values.size(); ++i)
        text += (i == 0 ? "" : ", ") + text_of(values[i]);
    return text + ")";
}

/// The numbers of one row of a matrix.
template <class Tensor>
std::vector<double> row_values(const Tensor& matrix, std::size_t row)
{
    const auto* const begin = matrix.data() + row * matrix.shape(1);
    return {begin, begin + matrix.shape(1)};
}

/// What is wrong with numbers that an answer gave for an input: empty if they are close to the expected ones.
inline std::string wrong_for(const std::string& input, const std::vector<double>& got, const std::vector<double>& expected,
                             double limit)
{
    bool holds = got.size() == expected.size();
    for (std::size_t i = 0; holds && i < got.size(); ++i)
        holds = got[i] == expected[i] || std::abs(got[i] - expected[i]) < limit;
    return holds ? "" : "for " + input + ": expected " + text_of(expected) + ", got " + text_of(got);
}

/// The same for a single number.
inline std::string wrong_for(const std::string& input, double got, double expected, double limit)
{
    if (std::abs(got - expected) < limit) return "";
    return "for " + input + ": expected " + text_of(expected) + ", got " + text_of(got);
}

/// What is wrong with an answer that is a number; it doesn't say which one is right.
inline std::string wrong_number(double answer, double right, double limit)
{
    if (std::abs(answer - right) < limit) return "";
    return text_of(answer) + (answer < right ? " is too small" : answer > right ? " is too large" : " isn't a number");
}

inline int wrong_answers = 0;  ///< how many there were so far

/// Prints an exercise's question and checks the answer. After a wrong one the lesson goes on, and status() is 1.
/// `answered` says whether there is an answer; where that takes a call of the reader's function, it is a function, too, so that an
/// error in it is a wrong answer. `what_is_wrong` is called only if there is one; it returns what came out for which input, and
/// nothing for a right answer.
template <class Answered, class Check>
void exercise(int number, const char* question, const Answered& answered, const Check& what_is_wrong)
{
    std::printf("Exercise %d. %s\n", number, question);
    std::string wrong;
    try {
        bool is_answered = false;
        if constexpr (std::is_invocable_v<const Answered&>)
            is_answered = answered();
        else
            is_answered = answered;
        if (!is_answered) {
            std::puts("   not answered yet");
            return;
        }
        wrong = what_is_wrong();
    } catch (const std::exception& error) {
        wrong = error.what();
    }
    if (wrong.empty()) {
        std::puts("   right");
    } else {
        std::printf("   WRONG: %s\n", wrong.c_str());
        ++wrong_answers;
    }
}

/// The exit status of a lesson: 1 if an answer was wrong.
inline int status() { return wrong_answers == 0 ? 0 : 1; }

}  // namespace lesson
