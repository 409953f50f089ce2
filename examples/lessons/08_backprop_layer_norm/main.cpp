// Lesson 08: the gradient of a layer norm: three terms, where each comes from, and what goes wrong without it.
//
// Beside it: include/bert/ops/reference/layer_norm.hpp, verify/gradient_check.hpp.
// Ba, Kiros and Hinton 2016, section 3 (the forward pass that is differentiated).
#include <bert/ops/reference.hpp>
#include <bert/verify/gradient_check.hpp>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

constexpr double epsilon = 1e-12;  // BERT's

// A loss: half the squared distance between y and what is wanted.
double half_squares(const Tensor<double, 2>& y, const Tensor<double, 2>& wanted)
{
    double loss = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
        loss += (y.data()[i] - wanted.data()[i]) * (y.data()[i] - wanted.data()[i]) / 2;
    return loss;
}

// The layer norm of rows, with a scale and a shift.
LayerNormActivations<double> normalized(const Tensor<double, 2>& x, const LayerNorm<double>& norm, double with_epsilon = epsilon)
{
    LayerNormActivations<double> act;
    Reference::layer_norm(x, norm, with_epsilon, act);
    return act;
}

// The product of each row of a with the same row of b.
Tensor<double, 1> row_products(const Tensor<double, 2>& a, const Tensor<double, 2>& b)
{
    Tensor<double, 1> sums = zeros<double, 1>({a.shape(0)});
    for (std::size_t t = 0; t < a.shape(0); ++t)
        for (std::size_t h = 0; h < a.shape(1); ++h)
            sums(t) += a(t, h) * b(t, h);
    return sums;
}

// The largest absolute value.
template <std::size_t rank>
double largest(const Tensor<double, rank>& tensor)
{
    Tensor<double, rank> zero = tensor;
    zero.fill(0);
    return max_difference(tensor, zero);
}

// The gradient without one or more of its three terms.
struct Terms {
    bool own = true, mean = true, spread = true;
};
Tensor<double, 2> gradient_with(const Terms& terms, const Tensor<double, 2>& d_y, const LayerNorm<double>& norm,
                                const LayerNormActivations<double>& act)
{
    const std::size_t T = d_y.shape(0), H = d_y.shape(1);
    Tensor<double, 2> d_x = zeros<double, 2>({T, H});
    for (std::size_t t = 0; t < T; ++t) {
        double mean = 0, along = 0;
        for (std::size_t h = 0; h < H; ++h) {
            mean += norm.gamma(h) * d_y(t, h) / double(H);
            along += norm.gamma(h) * d_y(t, h) * act.x_hat(t, h) / double(H);
        }
        for (std::size_t h = 0; h < H; ++h) {
            if (terms.own) d_x(t, h) += act.rstd(t) * norm.gamma(h) * d_y(t, h);
            if (terms.mean) d_x(t, h) -= act.rstd(t) * mean;
            if (terms.spread) d_x(t, h) -= act.rstd(t) * act.x_hat(t, h) * along;
        }
    }
    return d_x;
}

int main()
{
    std::puts("1. Changing one number of x changes every number of x_hat. Here is the table of slopes, by differences.");
    Tensor<double, 2> row = {{1, 3, 3, 9}};  // [T = 1, H = 4]: mean 4, deviations -3, -1, -1, 5, standard deviation 3
    const LayerNorm<double> plain{{1, 1, 1, 1}, {0, 0, 0, 0}};
    const LayerNormActivations<double> of_row = normalized(row, plain);
    const double r = of_row.rstd(0);
    show("x_hat", of_row.x_hat);
    Tensor<double, 2> moves = zeros<double, 2>({4, 4});
    for (std::size_t k = 0; k < 4; ++k) {
        const auto x_hat_k = [&] { return normalized(row, plain).x_hat(0, k); };
        const Tensor<double, 2> slopes = by_differences(row, x_hat_k);
        for (std::size_t h = 0; h < 4; ++h)
            moves(k, h) = slopes(0, h);
    }
    show("row k holds the slopes of x_hat_k for x_0 to x_3", moves, 3);  // STOP 1: of_row.rstd, of_row.x_hat, moves
    claim(std::abs(r - 1. / 3) < 1e-9, "1 over the standard deviation, r, is 1/3");

    std::puts("2. Why? x_hat_k = (x_k - mean) r depends on x in three ways. The first is x_k itself, with the slope r.");
    Tensor<double, 2> by_own = zeros<double, 2>({4, 4});
    for (std::size_t k = 0; k < 4; ++k)
        by_own(k, k) = r;
    show("by x_k", by_own, 3);  // STOP 2: by_own
    claim(std::abs(moves(3, 3)) < by_own(3, 3) / 2,
          "for x_3 this alone is far too much, because x_3 also changes the mean and the spread");

    std::puts("3. The second is the mean, whose slope is 1/H for every number; it gives every x_hat_k the slope -r/H.");
    const auto mean = [&] { return (row(0, 0) + row(0, 1) + row(0, 2) + row(0, 3)) / 4; };
    const Tensor<double, 2> mean_slopes = by_differences(row, mean);
    Tensor<double, 2> by_mean = zeros<double, 2>({4, 4});
    by_mean.fill(-r / 4);
    show("slopes of the mean", mean_slopes);
    show("by the mean", by_mean, 3);  // STOP 3: mean_slopes, by_mean
    claim(std::abs(mean_slopes(0, 2) - 1. / 4) < 1e-9, "the slopes of the mean are 1/H");

    std::puts("4. The third is the spread: r has the slope -r^2 x_hat_h / H for x_h, and x_hat_k has (x_k - mean) times that.");
    const auto rstd = [&] { return normalized(row, plain).rstd(0); };
    const Tensor<double, 2> rstd_slopes = by_differences(row, rstd);
    Tensor<double, 2> rstd_formula = zeros<double, 2>({1, 4}), by_spread = zeros<double, 2>({4, 4});
    for (std::size_t h = 0; h < 4; ++h) {
        rstd_formula(0, h) = -r * r * of_row.x_hat(0, h) / 4;
        for (std::size_t k = 0; k < 4; ++k)
            by_spread(k, h) = -r * of_row.x_hat(0, k) * of_row.x_hat(0, h) / 4;  // x_k - mean is x_hat_k / r
    }
    show("slopes of r", rstd_slopes, 3);
    show("by the spread", by_spread, 3);  // STOP 4: rstd_slopes, rstd_formula, by_spread
    claim(max_difference(rstd_slopes, rstd_formula) < 1e-9 && rstd_slopes(0, 3) < 0,
          "if a number above the mean grows, the spread grows and r falls");
    Tensor<double, 2> sum = by_own;
    for (std::size_t i = 0; i < sum.size(); ++i)
        sum.data()[i] += by_mean.data()[i] + by_spread.data()[i];
    claim(max_difference(sum, moves) < 1e-9, "the three tables add up to that of section 1");

    std::puts("5. layer_norm_backward sums over k: d_x = r (d_x_hat - its mean - x_hat times its component along x_hat).");
    Tensor<double, 2> x = {{1, 3, 3, 9}, {2, 0, -2, 4}};  // [T = 2, H = 4]
    LayerNorm<double> norm{{1, 2, 0.5, 1}, {0, 1, 0, -1}};
    const Tensor<double, 2> wanted = {{0, 0, 1, 1}, {1, 1, 0, 0}};
    const auto loss = [&] { return half_squares(normalized(x, norm).y, wanted); };
    const LayerNormActivations<double> act = normalized(x, norm);
    Tensor<double, 2> d_y = act.y, d_x;
    for (std::size_t i = 0; i < d_y.size(); ++i)
        d_y.data()[i] -= wanted.data()[i];
    LayerNorm<double> d_norm = make_layer_norm<double>(4);  // zeros
    Reference::layer_norm_backward(d_y, norm, act, d_norm, d_x);
    show("d_y", d_y);
    show("d_x", d_x);  // STOP 5: run again and step into layer_norm_backward
    double by_table = 0;
    for (std::size_t k = 0; k < 4; ++k)
        by_table += norm.gamma(k) * d_y(0, k) * moves(k, 0);
    claim(std::abs(d_x(0, 0) - by_table) < 1e-8, "d_x(0, 0) by hand: d_x_hat, which is gamma d_y, times column 0 of the table");
    claim(max_difference(d_x, by_differences(x, loss)) < 1e-8, "d_x agrees with the differences");

    std::puts("6. Gamma and beta are used for every token, so their gradients are sums over tokens.");
    show("d_gamma", d_norm.gamma);
    show("d_beta", d_norm.beta);  // STOP 6: d_norm
    claim(std::abs(d_norm.gamma(1) - (d_y(0, 1) * act.x_hat(0, 1) + d_y(1, 1) * act.x_hat(1, 1))) < 1e-12,
          "d_gamma is d_y x_hat, summed over both tokens");
    claim(max_difference(d_norm.gamma, by_differences(norm.gamma, loss)) < 1e-8, "d_gamma agrees with the differences");
    claim(max_difference(d_norm.beta, by_differences(norm.beta, loss)) < 1e-8, "so does d_beta");

    std::puts(
        "7. If a row is shifted, or scaled about its mean, y stays the same. So d_x has no component in these two directions.");
    const double loss_before = loss();
    const Tensor<double, 2> x_before = x;
    for (std::size_t i = 0; i < x.size(); ++i)
        x.data()[i] = 3 * x_before.data()[i] + 10;
    const double loss_after = loss();
    x = x_before;
    Tensor<double, 2> ones = x;
    ones.fill(1);
    std::printf("   loss %.4f; with 3 x + 10 instead of x: %.4f\n", loss_before, loss_after);
    show("d_x . ones", row_products(d_x, ones));
    show("d_x . x_hat", row_products(d_x, act.x_hat));  // STOP 7: loss_before, loss_after, d_x
    claim(std::abs(loss_before - loss_after) < 1e-9, "the loss stays the same");
    claim(largest(row_products(d_x, ones)) < 1e-9, "d_x is orthogonal to the row of ones: its numbers sum to 0");
    claim(largest(row_products(d_x, act.x_hat)) < 1e-9, "and to x_hat");
    const LayerNormActivations<double> with_large = normalized(x, norm, 5);
    Tensor<double, 2> d_x_with_large;
    Reference::layer_norm_backward(d_y, norm, with_large, d_norm, d_x_with_large);
    show("d_x . x_hat if epsilon were 5", row_products(d_x_with_large, with_large.x_hat));
    claim(largest(row_products(d_x_with_large, ones)) < 1e-9 && largest(row_products(d_x_with_large, with_large.x_hat)) > 0.01,
          "with a large epsilon y depends on the scale of a row, and only the first of the two holds");

    std::puts("8. What if a term is missing? The largest error of d_x, and its components along ones and x_hat, for token 0.");
    const Tensor<double, 2> differences = by_differences(x, loss);
    std::puts("     missing       error   . ones  . x_hat");
    const auto look = [&](const char* forgotten, const Terms& terms) {
        const Tensor<double, 2> wrong = gradient_with(terms, d_y, norm, act);
        const double error = max_difference(wrong, differences);
        std::printf("     %-10s %8s %8s %8s\n", forgotten, number_text(error, 2).c_str(),
                    number_text(row_products(wrong, ones)(0), 2).c_str(),
                    number_text(row_products(wrong, act.x_hat)(0), 2).c_str());
        return error;
    };
    const double with_all = look("nothing", {});
    const double without_own = look("x_k", {.own = false});
    const double without_mean = look("the mean", {.mean = false});
    const double without_spread = look("the spread", {.spread = false});
    claim(with_all < 1e-8, "with all three terms d_x agrees with the differences");  // STOP 8: with_all, and the other three
    claim(without_own > 0.1 && without_mean > 0.1 && without_spread > 0.1, "if any one of them is missing, it doesn't");

    std::puts("9. A trap when testing this: the loss \"sum of y\", with gamma 1.");
    Tensor<double, 2> d_x_of_sum;
    Reference::layer_norm_backward(ones, plain, act, d_norm, d_x_of_sum);
    const Tensor<double, 2> without = gradient_with({.spread = false}, ones, plain, act);
    show("d_x", d_x_of_sum);
    show("d_x without the spread", without);  // STOP 9: d_x_of_sum, without
    claim(largest(d_x_of_sum) < 1e-9, "a row of x_hat sums to 0 whatever x is, so d_x is 0");
    claim(largest(without) < 1e-9, "the wrong formula gives 0, too: such a test can't find the mistake");
    const GradientCheck check_of_wrong = check_tensor_gradient("d_x", x, gradient_with({.spread = false}, d_y, norm, act), loss);
    claim(!check_of_wrong.holds, "with the loss of section 5, check_tensor_gradient finds the mistake");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. x = (1 1 3 3), gamma 1, d_y = (1 0 0 0). The standard deviation is 1, x_hat is (-1 -1 1 1). What is the first number of d_x?
const std::optional<double> answer_1 = std::nullopt;  // YOUR ANSWER: a number

// 2. Some later models don't subtract the mean: y = x r, r = 1 / sqrt(mean of x^2) (RMSNorm). Which term isn't in their gradient?
const std::string answer_2 = "";  // YOUR ANSWER: "x_k", "mean" or "spread"

// 3. The gradient of one row, from d_x_hat, x_hat and r.
std::vector<double> your_backward([[maybe_unused]] const std::vector<double>& d_x_hat,
                                  [[maybe_unused]] const std::vector<double>& x_hat, [[maybe_unused]] double r)
{
    return {};  // YOUR ANSWER: as many numbers as x_hat has
}

// For exercise 2: a loss whose gradient with respect to RMSNorm's y is d_y.
double rms_loss(const Tensor<double, 2>& x, const Tensor<double, 2>& d_y)
{
    double squares = 0, loss = 0;
    for (std::size_t h = 0; h < x.shape(1); ++h)
        squares += x(0, h) * x(0, h) / double(x.shape(1));
    for (std::size_t h = 0; h < x.shape(1); ++h)
        loss += d_y(0, h) * x(0, h) / std::sqrt(squares);
    return loss;
}

void exercises()
{
    const LayerNorm<double> plain{{1, 1, 1, 1}, {0, 0, 0, 0}};
    exercise(1, "What is the first number of d_x?", answer_1.has_value(), [&] {
        const Tensor<double, 2> d_y = {{1, 0, 0, 0}};
        LayerNorm<double> d_norm = make_layer_norm<double>(4);
        Tensor<double, 2> d_x;
        Reference::layer_norm_backward(d_y, plain, normalized({{1, 1, 3, 3}}, plain), d_norm, d_x);
        return wrong_number(*answer_1, d_x(0, 0), 1e-6);
    });

    exercise(2, "Which term is not in RMSNorm's gradient?", !answer_2.empty(), [&] {
        Tensor<double, 2> x = {{1, -2, 3, 4}};
        const Tensor<double, 2> d_y = {{1, 2, 0, -1}};
        LayerNormActivations<double> act;  // here x_hat is x r
        act.rstd = {1 / std::sqrt(7.5)};
        act.x_hat = x;
        for (std::size_t h = 0; h < 4; ++h)
            act.x_hat(0, h) *= act.rstd(0);
        if (answer_2 != "x_k" && answer_2 != "mean" && answer_2 != "spread")
            return "expected \"x_k\", \"mean\" or \"spread\", got \"" + answer_2 + "\"";
        const Terms terms{.own = answer_2 != "x_k", .mean = answer_2 != "mean", .spread = answer_2 != "spread"};
        const auto loss = [&] { return rms_loss(x, d_y); };
        return wrong_for("x = " + text_of(row_values(x, 0)) + " without " + answer_2,
                         row_values(gradient_with(terms, d_y, plain, act), 0), row_values(by_differences(x, loss), 0), 1e-8);
    });

    exercise(
        3, "A layer norm's gradient, written by you.",
        [&] {
            return !your_backward({1, 0}, {-1, 1}, 1).empty();
        },
        [&] {
            const Tensor<double, 2> x = {{1, 1, 3, 3}, {-3, 0, 1, 10}, {0, 5, 1, 2}},
                                    d_y = {{1, 0, 0, 0}, {2, -1, 0, 3}, {1, 1, 1, 1}};
            const LayerNormActivations<double> act = normalized(x, plain);
            LayerNorm<double> d_norm = make_layer_norm<double>(4);
            Tensor<double, 2> d_x;
            Reference::layer_norm_backward(d_y, plain, act, d_norm, d_x);
            for (std::size_t t = 0; t < 3; ++t) {
                const std::vector<double> d_x_hat = row_values(d_y, t), x_hat = row_values(act.x_hat, t);
                const std::string wrong = wrong_for(
                    "d_x_hat = " + text_of(d_x_hat) + ", x_hat = " + text_of(x_hat) + " and r = " + text_of(act.rstd(t)),
                    your_backward(d_x_hat, x_hat, act.rstd(t)), row_values(d_x, t), 1e-9);
                if (!wrong.empty()) return wrong;
            }
            return std::string();
        });
}
