/// @file
/// For the debugger: `peek(x)` prints a tensor. Include this header in a program that is to be stepped through; nothing else
/// needs it.
///
/// `call peek(x)` in gdb (or `expression peek(x)` in lldb, or a debug console) needs a function that is compiled although the
/// program never calls it. A template is not, so there is one function for each common scalar and rank, marked as used. Where
/// the program has halted outside namespace bert and files with `using namespace bert`, write `call bert::peek(x)`.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <type_traits>

#include "bert/core/tensor.hpp"

namespace bert {

/// A tensor as text: its shape, its smallest and largest number, its mean, and the first of its rows. Non-finite numbers
/// are counted separately. A variable whose line has not been reached holds garbage; where that shows, the text says so:
/// `not built yet`.
/// ```
/// tensor [2, 3]: min 0, max 5, mean 2.5
///     [0]               0          1          2
///     [1]               3          4          5
/// ```
/// @param tensor  of any shape
/// @return  the text, with a newline after each line
template <class Value, std::size_t rank>
std::string peek_text(const Tensor<Value, rank>& tensor)
{
    const std::size_t most = 12;  // rows, and numbers of a row, that are shown
    const auto number_text = [](auto value) {
        char written[64];
        if constexpr (std::is_integral_v<decltype(value)>)
            std::snprintf(written, sizeof written, "%lld", static_cast<long long>(value));
        else
            std::snprintf(written, sizeof written, "%.5Lg", static_cast<long double>(value));
        return std::string(written);
    };
    const auto pad = [](std::size_t width, std::size_t taken) { return std::string(taken < width ? width - taken : 0, ' '); };

    std::size_t size = 1;
    for (const std::size_t axis_size : tensor.shape())
        size *= axis_size;
    if (size != tensor.storage().size()) return "tensor: not built yet\n";

    Value smallest{}, largest{};
    long double sum = 0;
    std::size_t finite = 0;
    for (const Value value : tensor.storage()) {
        if (!std::isfinite(static_cast<long double>(value))) continue;
        smallest = finite == 0 ? value : std::min(smallest, value);
        largest = finite == 0 ? value : std::max(largest, value);
        sum += static_cast<long double>(value);
        ++finite;
    }
    std::string text = "tensor " + shape_text(tensor.shape()) + ":";
    if (size == 0) text += " no numbers";
    if (finite > 0)
        text += " min " + number_text(smallest) + ", max " + number_text(largest) + ", mean " +
                number_text(sum / static_cast<long double>(finite));
    if (finite < size) text += (finite > 0 ? ", " : " ") + std::to_string(size - finite) + " not finite";
    text += '\n';

    const std::size_t columns = rank == 0 ? 1 : tensor.shape()[rank - 1];
    for (std::size_t row = 0; row * columns < size; ++row) {
        if (row == most) {
            text += "    ...\n";
            break;
        }
        text += "    ";
        if (rank > 1) {  // the indices of the row: row 5 of [2, 3, H] is [1, 2]
            std::string indices;
            std::size_t rest = row;
            for (std::size_t axis = rank - 1; axis-- > 0;) {
                indices = std::to_string(rest % tensor.shape()[axis]) + (indices.empty() ? "" : ", ") + indices;
                rest /= tensor.shape()[axis];
            }
            text += "[" + indices + "]" + pad(6, indices.size());
        }
        for (std::size_t column = 0; column < std::min(columns, most); ++column) {
            const std::string number = number_text(tensor.storage()[row * columns + column]);
            text += pad(11, number.size()) + number;
        }
        text += columns > most ? " ...\n" : "\n";
    }
    return text;
}

/// Prints the text of peek_text to standard output and flushes it.
/// @param tensor  of any shape
template <class Value, std::size_t rank>
void peek(const Tensor<Value, rank>& tensor)
{
    std::fputs(peek_text(tensor).c_str(), stdout);
    std::fflush(stdout);
}

/// @cond
[[gnu::used]] inline void peek(const Tensor<float, 1>& tensor) { peek<float, 1>(tensor); }
[[gnu::used]] inline void peek(const Tensor<float, 2>& tensor) { peek<float, 2>(tensor); }
[[gnu::used]] inline void peek(const Tensor<float, 3>& tensor) { peek<float, 3>(tensor); }
[[gnu::used]] inline void peek(const Tensor<double, 1>& tensor) { peek<double, 1>(tensor); }
[[gnu::used]] inline void peek(const Tensor<double, 2>& tensor) { peek<double, 2>(tensor); }
[[gnu::used]] inline void peek(const Tensor<double, 3>& tensor) { peek<double, 3>(tensor); }
[[gnu::used]] inline void peek(const Tensor<long double, 1>& tensor) { peek<long double, 1>(tensor); }
[[gnu::used]] inline void peek(const Tensor<long double, 2>& tensor) { peek<long double, 2>(tensor); }
[[gnu::used]] inline void peek(const Tensor<long double, 3>& tensor) { peek<long double, 3>(tensor); }
[[gnu::used]] inline void peek(const IndexTensor<1>& tensor) { peek<std::int64_t, 1>(tensor); }
[[gnu::used]] inline void peek(const IndexTensor<2>& tensor) { peek<std::int64_t, 2>(tensor); }
[[gnu::used]] inline void peek(const IndexTensor<3>& tensor) { peek<std::int64_t, 3>(tensor); }
/// @endcond

}  // namespace bert
