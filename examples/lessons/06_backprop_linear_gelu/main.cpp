// Lesson 06: what a gradient is, and how it goes back through a linear layer and GELU.
//
// Beside it: include/bert/ops/reference/linear.hpp, ops/reference/activations.hpp, feed_forward.hpp, verify/gradient_check.hpp.
// Rumelhart, Hinton and Williams 1986 (backpropagation); Hendrycks and Gimpel 2016, section 2 (GELU).
#include <bert/core/parameters.hpp>
#include <bert/feed_forward.hpp>
#include <bert/verify/gradient_check.hpp>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

// A loss: half the squared distance between y and what is wanted.
double half_squares(const Tensor<double, 2>& y, const Tensor<double, 2>& wanted)
{
    double loss = 0;
    for (std::size_t t = 0; t < y.shape(0); ++t)
        for (std::size_t o = 0; o < y.shape(1); ++o)
            loss += (y(t, o) - wanted(t, o)) * (y(t, o) - wanted(t, o)) / 2;
    return loss;
}

// Its gradient: the slope of u^2 / 2 is u.
Tensor<double, 2> half_squares_backward(const Tensor<double, 2>& y, const Tensor<double, 2>& wanted)
{
    Tensor<double, 2> d_y = y;
    for (std::size_t i = 0; i < y.size(); ++i)
        d_y.data()[i] = y.data()[i] - wanted.data()[i];
    return d_y;
}

// One row of a tensor.
Tensor<double, 2> row_of(const Tensor<double, 2>& tensor, std::size_t t)
{
    Tensor<double, 2> row = zeros<double, 2>({1, tensor.shape(1)});
    for (std::size_t i = 0; i < tensor.shape(1); ++i)
        row(0, i) = tensor(t, i);
    return row;
}

// Arbitrary weights from -1 to 1.
FeedForward<double> make_network(const Config& config)
{
    auto network = FeedForward<double>::make(config);
    std::size_t k = 0;
    const auto fill = [&k](const std::string&, auto& tensor) {
        for (std::size_t i = 0; i < tensor.size(); ++i)
            tensor.data()[i] = static_cast<double>(7 * k++ % 9) / 4 - 1;
    };
    FeedForward<double>::parameters(fill, "network", network);
    return network;
}

int main()
{
    std::puts("1. A loss is one number that says how wrong all outputs are. Here they are the outputs of a linear layer.");
    Tensor<double, 2> x = {{1, 2, 0}, {0, 1, -1}};       // [T = 2, in = 3]
    Tensor<double, 2> weight = {{1, 0, 2}, {-1, 1, 1}};  // [out = 2, in]
    Tensor<double, 1> bias = {0.5, 0};                   // [out]
    const Tensor<double, 2> wanted = {{1, 1}, {-1, 1}};  // [T, out]
    Tensor<double, 2> y;
    Workspace workspace;
    Reference::linear(x, weight, bias, y, workspace);
    const double loss_before = half_squares(y, wanted);
    show("y", y);
    show("wanted", wanted);
    std::printf("   loss %.4f\n", loss_before);  // STOP 1: y, wanted, loss_before
    claim(loss_before == (0.25 + 0 + 0.25 + 1) / 2, "three of four numbers are off: by 0.5, 0.5 and 1");

    std::puts("2. Change one number, weight(0, 1), by h. The change of the loss, divided by h, is a slope.");
    const auto loss = [&] {
        Tensor<double, 2> y_now;
        Reference::linear(x, weight, bias, y_now, workspace);
        return half_squares(y_now, wanted);
    };
    std::puts("          h     one-sided       two-sided");
    double one_side = 0, both_sides = 0;
    for (const double h : {1.0, 0.1, 0.01, 0.001}) {
        weight(0, 1) = h;  // it was 0
        const double above = loss();
        weight(0, 1) = -h;
        const double below = loss();
        weight(0, 1) = 0;
        one_side = (above - loss_before) / h;
        both_sides = (above - below) / (2 * h);
        std::printf("   %8.3f   %11.4f   %13.4f\n", h, one_side, both_sides);
    }
    claim(std::abs(one_side - 0.5) < 0.003,  // STOP 2: one_side and both_sides of the last h
          "the one-sided slope approaches 0.5 as h gets smaller");
    claim(std::abs(both_sides - 0.5) < 1e-9, "the two-sided slope is 0.5 for every h: the curvature cancels");

    std::puts("3. A gradient holds the slope for every number: it is a tensor of the same shape.");
    const Tensor<double, 2> weight_slopes = by_differences(weight, loss);
    show("slopes of weight, by differences", weight_slopes);  // STOP 3: weight_slopes; by_differences is in lesson.hpp
    claim(std::abs(weight_slopes(0, 1) - 0.5) < 1e-6, "the 0.5 of section 2 is in row 0, column 1");
    Tensor<double, 2> moved = weight;
    for (std::size_t i = 0; i < weight.size(); ++i)
        moved.data()[i] -= 0.1 * weight_slopes.data()[i];
    Tensor<double, 2> y_moved;
    Reference::linear(x, moved, bias, y_moved, workspace);
    std::printf("   loss after a small step against the gradient: %.3f\n", half_squares(y_moved, wanted));
    claim(half_squares(y_moved, wanted) < loss_before, "the loss got smaller: this is how a model learns");

    std::puts("4. Differences take two forward passes for each number. The chain rule gets all slopes from one backward pass.");
    const Tensor<double, 2> d_y = half_squares_backward(y, wanted);
    show("d_y", d_y);
    const double by_token_0 = d_y(0, 0) * x(0, 1), by_token_1 = d_y(1, 0) * x(1, 1);
    std::printf("   weight(0, 1) moves y(0, 0) by x(0, 1) = %.0f and y(1, 0) by x(1, 1) = %.0f:\n", x(0, 1), x(1, 1));
    std::printf("   %.1f * %.0f + %.1f * %.0f = %.1f\n", d_y(0, 0), x(0, 1), d_y(1, 0), x(1, 1),
                by_token_0 + by_token_1);  // STOP 4: d_y, by_token_0, by_token_1
    claim(by_token_0 + by_token_1 == 0.5,
          "the slopes along each path from the number to the loss are multiplied, and the paths are summed");

    std::puts("5. linear_backward: three gradients, each a sum over all elements of y that depend on a number.");
    Tensor<double, 2> d_weight = zeros<double, 2>({2, 3}), d_x;
    Tensor<double, 1> d_bias = zeros<double, 1>({2});
    Reference::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
    show("d_weight, a sum over tokens: d_y(t, o) x(t, i)", d_weight);
    show("d_bias, a sum over tokens: d_y(t, o)", d_bias);
    show("d_x, a sum over outputs: d_y(t, o) weight(o, i)", d_x);  // STOP 5: run again and step into linear_backward
    claim(max_difference(d_weight, weight_slopes) < 1e-8, "d_weight agrees with the differences");
    claim(max_difference(d_bias, by_differences(bias, loss)) < 1e-8, "so does d_bias");
    claim(max_difference(d_x, by_differences(x, loss)) < 1e-8, "so does d_x, which is d_y for the layer below");

    std::puts(
        "6. GELU is a function of one number, so its gradient is d_y times one slope: P(N < x) + x times the density at x.");
    Tensor<double, 2> numbers = {{-10, -2, -1, 0, 1, 2, 10}};
    const Tensor<double, 2> ones = {{1, 1, 1, 1, 1, 1, 1}};
    Tensor<double, 2> slope;
    Reference::gelu_backward(ones, numbers, slope);
    const auto sum_of_gelu = [&] {
        Tensor<double, 2> bent;
        Reference::gelu(numbers, bent);
        double sum = 0;
        for (std::size_t i = 0; i < bent.size(); ++i)
            sum += bent(0, i);
        return sum;
    };
    show("x", numbers, 0);
    show("slope of gelu", slope);  // STOP 6: numbers and slope
    claim(max_difference(slope, by_differences(numbers, sum_of_gelu)) < 1e-8, "this, too, agrees with the differences");
    claim(std::abs(slope(0, 4) + slope(0, 2) - 1) < 1e-12, "gelu(x) - gelu(-x) = x, so the slopes at x and -x sum to 1");
    claim(slope(0, 1) < 0 && slope(0, 5) > 1,
          "at -2 GELU still falls (its lowest point is near -0.75), and at 2 it rises faster than x");
    claim(std::abs(slope(0, 0)) < 1e-15, "far below 0 the slope is 0, so that no gradient passes");

    std::puts("7. Two operations, one after the other: backward runs through them from the last to the first.");
    const Tensor<double, 2> wanted_bent = {{1, 0}, {0, 1}};
    Tensor<double, 2> bent;
    Reference::gelu(y, bent);
    const Tensor<double, 2> d_bent = half_squares_backward(bent, wanted_bent);
    Tensor<double, 2> d_between, d_weight_of_both = zeros<double, 2>({2, 3}), d_x_of_both;
    Tensor<double, 1> d_bias_of_both = zeros<double, 1>({2});
    Reference::gelu_backward(d_bent, y, d_between);
    Reference::linear_backward(d_between, x, weight, d_weight_of_both, d_bias_of_both, d_x_of_both, workspace);
    const auto loss_of_both = [&] {
        Tensor<double, 2> y_now, bent_now;
        Reference::linear(x, weight, bias, y_now, workspace);
        Reference::gelu(y_now, bent_now);
        return half_squares(bent_now, wanted_bent);
    };
    show("gradient of gelu's result", d_bent);
    show("gradient of gelu's argument", d_between);
    show("d_weight", d_weight_of_both);  // STOP 7: y and bent of forward, d_bent and d_between of backward
    claim(max_difference(d_weight_of_both, by_differences(weight, loss_of_both)) < 1e-8, "d_weight is right");
    claim(max_difference(d_bias_of_both, by_differences(bias, loss_of_both)) < 1e-8, "d_bias is right");
    claim(max_difference(d_x_of_both, by_differences(x, loss_of_both)) < 1e-8, "d_x is right");

    std::puts("8. A parameter's gradient is added to (+=): a weight may be used many times, and every use contributes.");
    Tensor<double, 2> in_pieces = zeros<double, 2>({2, 3}), d_row;
    Tensor<double, 1> d_bias_in_pieces = zeros<double, 1>({2});
    Reference::linear_backward(row_of(d_y, 0), row_of(x, 0), weight, in_pieces, d_bias_in_pieces, d_row, workspace);
    show("d_weight after token 0", in_pieces);
    Reference::linear_backward(row_of(d_y, 1), row_of(x, 1), weight, in_pieces, d_bias_in_pieces, d_row, workspace);
    show("d_weight after token 1 too", in_pieces);  // STOP 8: in_pieces
    claim(max_difference(in_pieces, d_weight) < 1e-12, "token by token, or both at once: the same gradient");
    Reference::linear_backward(d_y, x, weight, in_pieces, d_bias_in_pieces, d_x, workspace);
    Tensor<double, 2> twice = d_weight;
    for (std::size_t i = 0; i < twice.size(); ++i)
        twice.data()[i] *= 2;
    claim(max_difference(in_pieces, twice) < 1e-12,
          "if it isn't set to zero before a new step, it still contains the old gradient");
    claim(max_difference(d_x, by_differences(x, loss)) < 1e-8,
          "d_x is written (=): where x is used twice, the caller adds both results (lesson 07)");

    std::puts("9. The same check for all parameters of a component, here the feed-forward network of lesson 04.");
    Config config;
    config.hidden_size = 4;
    config.intermediate_size = 8;
    auto network = make_network(config);
    const Tensor<double, 2> hidden = {{1, -1, 2, 0}, {0, 2, 0, -2}}, wanted_hidden = {{0, 0, 1, 0}, {1, 0, 0, 0}};  // [2, H]
    FeedForwardActivations<double> act, d_act;
    Tensor<double, 2> d_hidden;
    auto gradient = FeedForward<double>::make(config);  // zeros
    const Sequences sequences{{0, 2}};
    const Pass pass{config, sequences, workspace};
    network.forward(hidden, pass, act);
    const Tensor<double, 2> d_output = half_squares_backward(act.y(), wanted_hidden);
    network.backward(d_output, hidden, pass, act, gradient, d_act, d_hidden);
    const auto loss_of_network = [&] {
        FeedForwardActivations<double> act_now;
        network.forward(hidden, pass, act_now);
        return half_squares(act_now.y(), wanted_hidden);
    };
    const GradientCheck check = check_gradient(network, gradient, loss_of_network);
    std::printf("   %zu numbers checked\n", check.count);  // STOP 9: gradient, member by member; check
    claim(check.count == count_parameters(network) && check.holds, "every parameter's gradient agrees with differences");
    gradient.output.dense.weight(2, 5) += 0.001;
    const GradientCheck check_of_damaged = check_gradient(network, gradient, loss_of_network);
    claim(!check_of_damaged.holds && check_of_damaged.message.find(".output.dense.weight[2, 5]") == 0,
          "one wrong number is found and named: .output.dense.weight[2, 5]");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. One token, one input, one output: x = 3, weight = 2, bias = 1, and 5 is wanted. The loss is half the squared distance, as
//    above. What is the gradient of the weight?
const std::optional<double> answer_1 = std::nullopt;  // YOUR ANSWER: a number

// 2. Another activation function: y = x s(x) with s(x) = 1 / (1 + e^-x), whose slope is s (1 - s). What is the slope of y?
std::optional<double> your_slope([[maybe_unused]] double x)
{
    return std::nullopt;  // YOUR ANSWER: a number
}

// 3. The gradient of a linear layer's weight, by loops.
Tensor<double, 2> your_d_weight([[maybe_unused]] const Tensor<double, 2>& d_y, [[maybe_unused]] const Tensor<double, 2>& x)
{
    return zeros<double, 2>({0, 0});  // YOUR ANSWER: [out, in], from d_y [T, out] and x [T, in]
}

void exercises()
{
    exercise(1, "What is the gradient of a single weight?", answer_1.has_value(), [] {
        const Tensor<double, 2> x = {{3}}, wanted = {{5}};
        Tensor<double, 2> weight = {{2}};
        const auto loss = [&] {
            Tensor<double, 2> y;
            Workspace workspace;
            Reference::linear(x, weight, {1}, y, workspace);
            return half_squares(y, wanted);
        };
        return wrong_number(*answer_1, by_differences(weight, loss)(0, 0), 1e-6);
    });

    exercise(
        2, "What is the slope of x s(x)?", [&] { return your_slope(1).has_value(); },
        [] {
            for (double x : {-3.0, -1.0, 0.0, 0.5, 2.0}) {
                Tensor<double, 1> number = {x};
                const auto bend = [&] { return number(0) / (1 + std::exp(-number(0))); };
                const std::string wrong =
                    wrong_for("x = " + text_of(x), your_slope(x).value(), by_differences(number, bend)(0), 1e-6);
                if (!wrong.empty()) return wrong;
            }
            return std::string();
        });

    const Tensor<double, 2> d_y = {{1, 2}, {0, -1}, {3, 1}}, x = {{1, 0, 2, 1}, {5, 1, 0, 0}, {0, -2, 1, 4}};
    exercise(
        3, "The gradient of a weight, written by you.", [&] { return your_d_weight(d_y, x).size() > 0; },
        [&] {
            const Tensor<double, 2> weight = zeros<double, 2>({2, 4});  // d_weight doesn't depend on it
            Tensor<double, 2> d_weight = zeros<double, 2>({2, 4}), d_x;
            Tensor<double, 1> d_bias = zeros<double, 1>({2});
            Workspace workspace;
            Reference::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
            const Tensor<double, 2> yours = your_d_weight(d_y, x);
            if (yours.shape() != d_weight.shape())
                return "expected " + shape_text(d_weight.shape()) + ", got " + shape_text(yours.shape());
            for (std::size_t o = 0; o < 2; ++o) {
                const std::string wrong =
                    wrong_for("row " + std::to_string(o) + " of d_weight", row_values(yours, o), row_values(d_weight, o), 1e-9);
                if (!wrong.empty()) return wrong;
            }
            return std::string();
        });
}
