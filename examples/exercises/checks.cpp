#include "checks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <bert/core/layer_norm.hpp>
#include <bert/core/pass.hpp>
#include <bert/ops/attention.hpp>
#include <bert/verify/case.hpp>
#include <bert/verify/gradient_check.hpp>

#include "hints.hpp"
#include "in_place.hpp"
#include "training.hpp"

namespace exercise {

namespace {

using bert::NamedTensor;
using bert::Reference;

/// Thrown for the first wrong tensor, which ends a check.
class Wrong : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A message, and the guess at the mistake behind it, if there is one.
std::string with_hint(const std::string& message, const std::string& guess)
{
    return guess.empty() ? message : message + ". Hint: " + guess;
}

/// Runs a check, and turns every error into a verdict.
Verdict check(const std::string& exercise, const std::function<void()>& all_of_it)
{
    checked = {};
    try {
        all_of_it();
        return {true, exercise + ": right: finite differences and the stored cases hold"};
    } catch (const NotWritten& function) {
        const std::string name = function.what();  // another exercise's, if this one calls it
        const bool is_own = exercise.ends_with("_" + name);
        return {false,
                exercise + ": not written yet: " + (is_own ? "examples/exercises/" + exercise + "/" + name + ".hpp" : name)};
    } catch (const Wrong& wrong) {
        return {false, exercise + ": " + wrong.what()};
    } catch (const std::exception& error) {  // a wrong shape, an index out of bounds
        std::string what = error.what();
        std::replace_if(
            what.begin(), what.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
        return {false, exercise + ": it ended with: " + with_hint(what, exception_hint(what))};
    }
}

template <class Tensor>
NamedTensor named(const std::string& name, const Tensor& tensor)
{
    return {name, {tensor.shape().begin(), tensor.shape().end()}, {tensor.begin(), tensor.end()}};
}

template <class Tensor>
std::vector<double> values(const Tensor& tensor)
{
    return {tensor.begin(), tensor.end()};
}

/// Compares one tensor; throws Wrong if it doesn't hold.
void hold(const NamedTensor& found, const NamedTensor& expected, double limit, const Clues& clues = {})
{
    const bert::Comparison comparison = bert::compare(found, expected, {}, limit);
    if (comparison.holds) return;
    throw Wrong(with_hint(comparison.message, hint(found, expected, clues)));
}

template <class Tensor>
void hold(const std::string& name, const Tensor& found, const Tensor& expected, double limit, const Clues& clues = {})
{
    hold(named(name, found), named(name, expected), limit, clues);
}

constexpr double exact = 1e-12;         // limit for stored numbers
constexpr double by_difference = 1e-7;  // limit for finite differences

/// Compares a gradient with finite differences, and with the project's own gradient, which has more correct digits.
template <class Tensor>
void hold_gradient(const std::string& name, const Tensor& found, const Tensor& differences, const Tensor& own,
                   const Clues& clues = {})
{
    hold(name, found, differences, by_difference, clues);
    hold(name, found, own, exact, clues);
}

/// Numbers between -1 and 1 without a pattern, the same in every run.
template <std::size_t rank>
bert::Tensor<double, rank> some_numbers(const std::array<std::size_t, rank>& shape, double seed)
{
    bert::Tensor<double, rank> tensor;
    tensor.resize(shape);
    for (std::size_t i = 0; i < tensor.size(); ++i)
        tensor.data()[i] = std::sin(1.7 * static_cast<double>(i * i) + seed + 0.9 * static_cast<double>(i));
    return tensor;
}

const std::string last_term = "this is the last term of the sum alone: write `+=` in the loop, not `=`";

/// All numbers of a matrix in one row.
Matrix in_one_row(Matrix x)
{
    x.reshape({std::size_t{1}, x.size()});
    return x;
}

/// The transpose, [columns, rows] of [rows, columns].
Matrix transposed(const Matrix& x)
{
    Matrix y;
    y.resize({x.shape(1), x.shape(0)});
    for (std::size_t i = 0; i < x.shape(0); ++i)
        for (std::size_t j = 0; j < x.shape(1); ++j)
            y(j, i) = x(i, j);
    return y;
}

/// The sum of all numbers of y, each times its weight: a loss whose gradient with respect to y is the weights.
double weighted_sum(const Matrix& weights, const Matrix& y)
{
    bert::require_shape("the result", y, {weights.shape(0), weights.shape(1)});
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
        sum += weights.data()[i] * y.data()[i];
    return sum;
}

/// The gradient of a loss by central differences.
template <std::size_t rank>
bert::Tensor<double, rank> difference_gradient(bert::Tensor<double, rank>& x, const std::function<double()>& loss)
{
    bert::Tensor<double, rank> gradient = x;
    for (std::size_t i = 0; i < x.size(); ++i)
        gradient.data()[i] = bert::detail::central_difference(x.data()[i], 1e-5, loss);
    return gradient;
}

/// a + b.
template <class Tensor>
Tensor sum_of(Tensor a, const Tensor& b)
{
    for (std::size_t i = 0; i < a.size(); ++i)
        a.data()[i] += b.data()[i];
    return a;
}

std::string cases_folder() { return BERT_SOURCE_DIR "/reference_outputs/cases/"; }

/// Runs whole models with the checked function, and compares every tensor that another implementation stored.
void hold_cases(const std::vector<std::string>& names)
{
    for (const std::string& name : names)
        for (const bert::Comparison& comparison :
             bert::verify_case<double, WithChecked>(bert::ReferenceCase(cases_folder() + name)).comparisons)
            if (!comparison.holds)
                throw Wrong(with_hint("case " + name + ": " + comparison.message, small_error_hint(comparison.error)));
}

const std::vector<std::string> whole_models{"pretraining_gelu", "pretraining_hole", "question_answering"};

/// A stored case: its model, and the inputs and results of the steps of its first block.
struct Stored {
    bert::ReferenceCase reference{cases_folder() + "pretraining_gelu"};
    Model model = reference.model<double>();
    bert::Workspace workspace{};

    Matrix rows(const std::string& name) const { return reference.rows<double>(name); }
    const bert::SelfAttention<double>& attention() const { return model.body.encoder.layer[0].attention; }
    const bert::FeedForward<double>& feed_forward() const { return model.body.encoder.layer[0].feed_forward; }

    /// Input of the activation function.
    Matrix pre_activation()
    {
        Matrix result;
        Reference::linear(rows("forward.layer.0.attention"), feed_forward().intermediate.weight, feed_forward().intermediate.bias,
                          result, workspace);
        return result;
    }

    /// Input of the layer norm after attention.
    Matrix attention_sum()
    {
        Matrix result;
        Reference::linear(rows("forward.layer.0.context"), attention().output.dense.weight, attention().output.dense.bias, result,
                          workspace);
        return sum_of(result, rows("forward.embeddings"));
    }

    /// Head 1 of the first sequence.
    HeadBlock head() const { return {0, reference.batch().sequences.length(0), 5, 5}; }

    /// The matrix of this head in a tensor [B, A, L, L]; the first sequence has no hole in its mask.
    Matrix pairs(const std::string& name) const
    {
        const auto all = reference.tensor<double, 4>(name);
        const std::size_t n = head().n;
        Matrix result;
        result.resize({n, n});
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j)
                result(i, j) = all(0, 1, i, j);
        return result;
    }
};

/// The pass of attention for a single head and a single sequence.
struct OneHead {
    bert::Sequences sequences;
    bert::Config config = {};
    bert::Workspace workspace{};

    explicit OneHead(std::size_t n) : sequences{{0, n}} { config.num_attention_heads = 1; }
    bert::Pass pass() { return {config, sequences, workspace}; }
};

}  // namespace

Verdict check_gelu(void (*gelu)(const Matrix&, Matrix&))
{
    return check("01_gelu", [&] {
        Stored stored;
        const Matrix x = stored.pre_activation();
        Matrix y, with_tanh, probability;
        gelu(x, y);
        Reference::gelu_tanh(x, with_tanh);
        probability = stored.rows("forward.layer.0.intermediate");
        for (std::size_t i = 0; i < x.size(); ++i)
            probability.data()[i] /= x.data()[i];
        hold("forward.layer.0.intermediate", y, stored.rows("forward.layer.0.intermediate"), exact,
             {.mistakes = {{values(with_tanh), "this is the approximation with tanh, gelu_new"},
                           {values(probability), "this is the probability alone: it is not multiplied by x"}}});

        const Matrix far{{-12, -9, -6}}, expected_far{{-2.1317785344934796e-32, -1.0157295653584586e-18, -5.919525870226189e-9}};
        gelu(far, y);
        for (std::size_t i = 0; i < 3; ++i)
            if (!(std::abs(y(0, i) / expected_far(0, i) - 1) < 1e-8))
                throw Wrong("y[0, " + std::to_string(i) + "] for x = " + bert::detail::number_text(far(0, i)) + ": expected " +
                            bert::detail::number_text(expected_far(0, i), 10) + ", got " +
                            bert::detail::number_text(y(0, i), 10) + ". Hint: far to the left 1 + erf cancels, erfc doesn't");

        Matrix input = some_numbers<2>({3, 5}, 1), d_x;
        const Matrix weights = some_numbers<2>({3, 5}, 2);
        Reference::gelu_backward(weights, input, d_x);
        const Matrix by_differences = difference_gradient(input, [&] {
            gelu(input, y);
            return weighted_sum(weights, y);
        });
        hold("d_x by differences of y", by_differences, d_x, by_difference);
        checked.gelu = gelu;
        hold_cases(whole_models);
    });
}

Verdict check_gelu_backward(void (*gelu_backward)(const Matrix&, const Matrix&, Matrix&))
{
    return check("02_gelu_backward", [&] {
        Matrix x = some_numbers<2>({4, 5}, 1), y, d_x, own;
        const Matrix d_y = some_numbers<2>({4, 5}, 2);
        const Matrix expected = difference_gradient(x, [&] {
            Reference::gelu(x, y);
            return weighted_sum(d_y, y);
        });
        Reference::gelu_backward(d_y, x, own);
        Matrix without_x = expected, without_d_y = expected, first_term = expected, second_term = expected;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double number = x.data()[i], probability = std::erfc(-number / std::sqrt(2.0)) / 2;
            const double density = std::exp(-number * number / 2) / std::sqrt(2 * std::acos(-1.0));
            without_x.data()[i] = d_y.data()[i] * (probability + density);
            first_term.data()[i] = d_y.data()[i] * probability;
            second_term.data()[i] = d_y.data()[i] * number * density;
            without_d_y.data()[i] = probability + number * density;
        }
        gelu_backward(d_y, x, d_x);
        hold_gradient("d_x", d_x, expected, own,
                      {.mistakes = {{values(first_term), "the second term of the product rule, x times the density, is missing"},
                                    {values(second_term),
                                     "the probability is missing, or 0: 1 / 2 is an integer division, and 1.0 / 2 is 0.5"},
                                    {values(without_x), "the density is not multiplied by x"},
                                    {values(without_d_y), "this is the derivative alone: it is not multiplied by d_y"}}});
        checked.gelu_backward = gelu_backward;
        hold_cases(whole_models);
    });
}

Verdict check_linear(void (*linear)(const Matrix&, const Matrix&, const Vector&, Matrix&))
{
    return check("03_linear", [&] {
        Stored stored;
        const Matrix x = stored.rows("forward.embeddings");
        const bert::Linear<double>& query = stored.attention().query;
        Matrix y, with_turned, without_bias;
        Reference::linear(x, transposed(query.weight), query.bias, with_turned, stored.workspace);
        Reference::linear(x, query.weight, bert::zeros<double, 1>({query.bias.size()}), without_bias, stored.workspace);
        linear(x, query.weight, query.bias, y);
        // The sum's last term alone, and with the bias.
        Matrix last = with_turned, last_and_bias = with_turned;
        const std::size_t end = x.shape(1) - 1;
        for (std::size_t t = 0; t < x.shape(0); ++t)
            for (std::size_t o = 0; o < query.bias.size(); ++o) {
                last(t, o) = x(t, end) * query.weight(o, end);
                last_and_bias(t, o) = last(t, o) + query.bias(o);
            }
        hold("forward.layer.0.query", y, stored.rows("forward.layer.0.query"), exact,
             {.mistakes = {{values(with_turned), "a transpose: this is x W + b, and W is [out, in]"},
                           {values(without_bias), "the bias is missing"},
                           {values(last), last_term},
                           {values(last_and_bias), last_term}}});

        Matrix input = some_numbers<2>({4, 3}, 1), d_x;
        Matrix weight = some_numbers<2>({5, 3}, 2), d_weight = bert::zeros<double, 2>({5, 3});
        Vector bias = some_numbers<1>({5}, 3), d_bias = bert::zeros<double, 1>({5});
        const Matrix d_y = some_numbers<2>({4, 5}, 4);
        Reference::linear_backward(d_y, input, weight, d_weight, d_bias, d_x, stored.workspace);
        const auto loss = [&] {
            linear(input, weight, bias, y);
            return weighted_sum(d_y, y);
        };
        hold("d_x by differences of y", difference_gradient(input, loss), d_x, by_difference);
        hold("d_weight by differences of y", difference_gradient(weight, loss), d_weight, by_difference);
        hold("d_bias by differences of y", difference_gradient(bias, loss), d_bias, by_difference);
        checked.linear = linear;
        hold_cases(whole_models);
    });
}

Verdict check_linear_backward(void (*linear_backward)(const Matrix&, const Matrix&, const Matrix&, Matrix&, Vector&, Matrix&))
{
    return check("04_linear_backward", [&] {
        bert::Workspace workspace;
        constexpr std::size_t T = 4, in = 3, out = 3;  // a square weight, whose transpose has the same shape and wrong numbers
        Matrix x = some_numbers<2>({T, in}, 1), weight = some_numbers<2>({out, in}, 2), y, d_x;
        Vector bias = some_numbers<1>({out}, 3);
        const Matrix d_y = some_numbers<2>({T, out}, 4), start_weight = some_numbers<2>({out, in}, 5);
        const Vector start_bias = some_numbers<1>({out}, 6);
        const auto loss = [&] {
            Reference::linear(x, weight, bias, y, workspace);
            return weighted_sum(d_y, y);
        };
        Matrix d_weight = start_weight, d_x_turned;
        Vector d_bias = start_bias;
        Matrix unused_weight = weight;
        Vector unused_bias = bias;
        Reference::linear_backward(d_y, x, transposed(weight), unused_weight, unused_bias, d_x_turned, workspace);

        // The right gradients, and those of the last row alone.
        Matrix own_weight = start_weight, own_d_x, last_weight = weight, last_d_x = x;
        Vector own_bias = start_bias, last_bias = bias;
        Reference::linear_backward(d_y, x, weight, own_weight, own_bias, own_d_x, workspace);
        for (std::size_t o = 0; o < out; ++o) {
            last_bias(o) = d_y(T - 1, o);
            for (std::size_t i = 0; i < in; ++i)
                last_weight(o, i) = d_y(T - 1, o) * x(T - 1, i);
        }
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t i = 0; i < in; ++i)
                last_d_x(t, i) = d_y(t, out - 1) * weight(out - 1, i);

        linear_backward(d_y, x, weight, d_weight, d_bias, d_x);
        const std::vector<std::pair<double, std::string>> mean{{1.0 / T, "a mean over the rows for a sum: divided by T"}};
        hold_gradient("d_x", d_x, difference_gradient(x, loss), own_d_x,
                      {.mistakes = {{values(d_x_turned), "a transpose: d_x is d_y W, with W as it is, [out, in]"},
                                    {values(last_d_x), last_term}}});
        hold_gradient("d_weight", d_weight, sum_of(difference_gradient(weight, loss), start_weight), own_weight,
                      {.factors = mean, .mistakes = {{values(last_weight), last_term}}, .start = values(start_weight)});
        hold_gradient("d_bias", d_bias, sum_of(difference_gradient(bias, loss), start_bias), own_bias,
                      {.factors = mean, .mistakes = {{values(last_bias), last_term}}, .start = values(start_bias)});
        checked.linear_backward = linear_backward;
        hold_cases(whole_models);
    });
}

Verdict check_layer_norm(void (*layer_norm)(const Matrix&, const bert::LayerNorm<double>&, double,
                                            bert::LayerNormActivations<double>&))
{
    return check("05_layer_norm", [&] {
        Stored stored;
        const Matrix x = stored.attention_sum();
        const bert::LayerNorm<double>& norm = stored.attention().output.norm;
        const double epsilon = stored.model.config.layer_norm_eps, H = static_cast<double>(x.shape(1));
        bert::LayerNormActivations<double> act, right;
        layer_norm(x, norm, epsilon, act);
        Reference::layer_norm(x, norm, epsilon, right);
        bert::LayerNormActivations<double> of_columns;
        Reference::layer_norm(transposed(x), bert::make_layer_norm<double>(x.shape(0)), epsilon, of_columns);
        Vector variance_as_rstd = right.rstd, deviation = right.rstd, without_mean = right.rstd, by_column = right.rstd;
        Vector without_variance = right.rstd, ones = right.rstd;
        without_variance.fill(1 / std::sqrt(epsilon));
        ones.fill(1);
        for (std::size_t t = 0; t < right.rstd.size(); ++t) {
            deviation(t) = 1 / right.rstd(t);
            variance_as_rstd(t) = right.rstd(t) * right.rstd(t);
            by_column(t) = t < of_columns.rstd.size() ? of_columns.rstd(t) : unwritten;
            double squares = 0;
            for (std::size_t h = 0; h < x.shape(1); ++h)
                squares += x(t, h) * x(t, h);
            without_mean(t) = 1 / std::sqrt(squares / H + epsilon);
        }
        hold("rstd", act.rstd, right.rstd, exact,
             {.factors = {{std::sqrt((H - 1) / H), "divided by H - 1: the variance here is the mean of the squares, over H"},
                          {1 / std::sqrt(H), "a sum for a mean: the variance is not divided by H"}},
              .mistakes = {{values(deviation), "this is the standard deviation: r is one over it"},
                           {values(variance_as_rstd), "this is one over the variance: the root is missing"},
                           {values(by_column), "columns for rows: mean and variance are taken over h, for each row t"},
                           {values(without_mean), "the mean is missing, or 0: 1 / H is an integer division, and 1.0 / H is not"},
                           {values(without_variance), "the variance is 0: 1 / H is an integer division, and 1.0 / H is not"},
                           {values(ones), "the exponent is 0: -1 / 2 is an integer division, and -1.0 / 2 is -0.5"}}});
        Matrix not_centred = right.x_hat, without_beta = right.y, without_gamma = right.y;
        for (std::size_t t = 0; t < x.shape(0); ++t) {
            for (std::size_t h = 0; h < x.shape(1); ++h) {
                not_centred(t, h) = x(t, h) * right.rstd(t);
                without_beta(t, h) = norm.gamma(h) * right.x_hat(t, h);
                without_gamma(t, h) = right.x_hat(t, h) + norm.beta(h);
            }
        }
        hold("x_hat", act.x_hat, right.x_hat, exact, {.mistakes = {{values(not_centred), "the mean is not taken off"}}});
        hold("forward.layer.0.attention", act.y, stored.rows("forward.layer.0.attention"), exact,
             {.mistakes = {{values(right.x_hat), "this is x_hat: gamma and beta are missing"},
                           {values(without_gamma), "gamma is missing"},
                           {values(without_beta), "beta is missing"}}});

        const Matrix constant{{3, 3, 3, 3}};
        const bert::LayerNorm<double> plain{{1, 1, 1, 1}, {0, 0, 0, 0}};
        layer_norm(constant, plain, 0.25, act);
        hold("rstd of a constant row, epsilon 0.25", act.rstd, Vector{2}, exact,
             {.mistakes = {{{4.0}, "epsilon stands under the root"}}});
        // The mean is 1e8, the variance 1, and r is 1 / sqrt(1 + 0.5625). The squares of x, 1e16, have no digit left for a 1. A
        // mean that is summed up in another way may be off by its last digit, 1e-8.
        const Matrix far{{1e8 - 1, 1e8 + 1, 1e8 + 1, 1e8 - 1}};
        layer_norm(far, plain, 0.5625, act);
        hold("rstd of a row with the mean 1e8 and the variance 1, epsilon 0.5625", act.rstd, Vector{0.8}, 1e-6,
             {.any = "E[x^2] - mean^2 cancels: subtract the mean first, then square"});

        Matrix input = some_numbers<2>({3, 5}, 1), y;
        bert::LayerNorm<double> own{some_numbers<1>({5}, 2), some_numbers<1>({5}, 3)};
        bert::LayerNorm<double> d_own{bert::zeros<double, 1>({5}), bert::zeros<double, 1>({5})};
        const Matrix d_y = some_numbers<2>({3, 5}, 4);
        Matrix d_x;
        Reference::layer_norm(input, own, 0.1, right);
        Reference::layer_norm_backward(d_y, own, right, d_own, d_x);
        const auto loss = [&] {
            layer_norm(input, own, 0.1, act);
            return weighted_sum(d_y, act.y);
        };
        hold("d_x by differences of y", difference_gradient(input, loss), d_x, by_difference);
        hold("d_gamma by differences of y", difference_gradient(own.gamma, loss), d_own.gamma, by_difference);
        hold("d_beta by differences of y", difference_gradient(own.beta, loss), d_own.beta, by_difference);
        checked.layer_norm = layer_norm;
        hold_cases(whole_models);
    });
}

Verdict check_layer_norm_backward(void (*layer_norm_backward)(const Matrix&, const bert::LayerNorm<double>&,
                                                              const bert::LayerNormActivations<double>&, bert::LayerNorm<double>&,
                                                              Matrix&))
{
    return check("06_layer_norm_backward", [&] {
        constexpr std::size_t T = 4, H = 5;
        Matrix x = some_numbers<2>({T, H}, 1), d_x;
        bert::LayerNorm<double> norm{some_numbers<1>({H}, 2), some_numbers<1>({H}, 3)};
        const bert::LayerNorm<double> start{some_numbers<1>({H}, 5), some_numbers<1>({H}, 6)};
        bert::LayerNorm<double> d_norm = start;
        const Matrix d_y = some_numbers<2>({T, H}, 4);
        bert::LayerNormActivations<double> act, moved;
        Reference::layer_norm(x, norm, 0.1, act);
        const auto loss = [&] {
            Reference::layer_norm(x, norm, 0.1, moved);
            return weighted_sum(d_y, moved.y);
        };

        Matrix one_term = d_y, without_s = d_y, without_a = d_y, without_gamma = d_y;
        for (std::size_t t = 0; t < T; ++t) {
            double s = 0, a = 0, plain_s = 0, plain_a = 0;
            for (std::size_t h = 0; h < H; ++h) {
                s += norm.gamma(h) * d_y(t, h) / H;
                a += norm.gamma(h) * d_y(t, h) * act.x_hat(t, h) / H;
                plain_s += d_y(t, h) / H;
                plain_a += d_y(t, h) * act.x_hat(t, h) / H;
            }
            for (std::size_t h = 0; h < H; ++h) {
                const double d_x_hat = norm.gamma(h) * d_y(t, h), along = act.x_hat(t, h) * a;
                one_term(t, h) = act.rstd(t) * d_x_hat;
                without_s(t, h) = act.rstd(t) * (d_x_hat - along);
                without_a(t, h) = act.rstd(t) * (d_x_hat - s);
                without_gamma(t, h) = act.rstd(t) * (d_y(t, h) - plain_s - act.x_hat(t, h) * plain_a);
            }
        }
        bert::LayerNorm<double> own_norm = start;
        Matrix own_d_x;
        Reference::layer_norm_backward(d_y, norm, act, own_norm, own_d_x);
        Vector last_gamma = norm.gamma, last_beta = norm.beta;
        for (std::size_t h = 0; h < H; ++h) {
            last_gamma(h) = d_y(T - 1, h) * act.x_hat(T - 1, h);
            last_beta(h) = d_y(T - 1, h);
        }
        layer_norm_backward(d_y, norm, act, d_norm, d_x);
        hold_gradient("d_x", d_x, difference_gradient(x, loss), own_d_x,
                      {.mistakes = {{values(one_term),
                                     "s and a are missing (a number moves its row's mean and spread, too), or 0: 1 / H is an "
                                     "integer division, and 1.0 / H is not"},
                                    {values(without_s), "the term s is missing: a number moves its row's mean, too"},
                                    {values(without_a), "the term a is missing: a number moves its row's spread, too"},
                                    {values(without_gamma), "gamma is missing: d_x_hat is gamma times d_y"}}});
        const std::vector<std::pair<double, std::string>> mean{{1.0 / T, "a mean over the rows for a sum: divided by T"}};
        hold_gradient("d_gamma", d_norm.gamma, sum_of(difference_gradient(norm.gamma, loss), start.gamma), own_norm.gamma,
                      {.factors = mean, .mistakes = {{values(last_gamma), last_term}}, .start = values(start.gamma)});
        hold_gradient("d_beta", d_norm.beta, sum_of(difference_gradient(norm.beta, loss), start.beta), own_norm.beta,
                      {.factors = mean, .mistakes = {{values(last_beta), last_term}}, .start = values(start.beta)});
        checked.layer_norm_backward = layer_norm_backward;
        hold_cases(whole_models);
    });
}

Verdict check_softmax(void (*softmax)(const Matrix&, Matrix&))
{
    return check("07_softmax", [&] {
        Stored stored;
        const Matrix scores = stored.pairs("forward.layer.0.scores"), right = stored.pairs("forward.layer.0.probabilities");
        const std::size_t n = scores.shape(0);
        Matrix p, by_column, not_divided = right, over_all;
        Reference::softmax(transposed(scores), by_column);
        Reference::softmax(in_one_row(scores), over_all);
        for (std::size_t i = 0; i < n; ++i) {
            double largest = scores(i, 0);
            for (std::size_t k = 0; k < n; ++k)
                largest = std::max(largest, scores(i, k));
            for (std::size_t j = 0; j < n; ++j)
                not_divided(i, j) = std::exp(scores(i, j) - largest);
        }
        softmax(scores, p);
        hold("forward.layer.0.probabilities", p, right, exact,
             {.mistakes = {{values(transposed(by_column)), "columns sum to 1, and rows should: a transpose"},
                           {values(over_all), "all numbers together sum to 1, and each row should"},
                           {values(not_divided), "the rows are not divided by their sums"}}});
        softmax({{1000, 1000 - std::log(3.0)}, {-2000, -2000}}, p);
        hold("probabilities", p, Matrix{{0.75, 0.25}, {0.5, 0.5}}, exact);

        Matrix input = some_numbers<2>({3, 5}, 1), d_scores;
        const Matrix d_p = some_numbers<2>({3, 5}, 2);
        Reference::softmax(input, p);
        Reference::softmax_backward(d_p, p, d_scores);
        const Matrix by_differences = difference_gradient(input, [&] {
            softmax(input, p);
            return weighted_sum(d_p, p);
        });
        hold("d_scores by differences of probabilities", by_differences, d_scores, by_difference);
        checked.softmax = softmax;
        hold_cases(whole_models);
    });
}

Verdict check_attention(void (*attention)(const Matrix&, const Matrix&, const Matrix&, Matrix&, Matrix&, Matrix&))
{
    return check("08_attention", [&] {
        Stored stored;
        const HeadBlock head = stored.head();
        const Matrix query = head.take(stored.rows("forward.layer.0.query")), key = head.take(stored.rows("forward.layer.0.key")),
                     value = head.take(stored.rows("forward.layer.0.value"));
        Matrix scores, probabilities, context;
        attention(query, key, value, scores, probabilities, context);
        const double D = static_cast<double>(head.D);
        auto last_scores = bert::zeros<double, 2>({head.n, head.n});
        for (std::size_t i = 0; i < head.n; ++i)
            for (std::size_t j = 0; j < head.n; ++j)
                last_scores(i, j) = query(i, head.D - 1) * key(j, head.D - 1) / std::sqrt(D);
        hold("forward.layer.0.scores", scores, stored.pairs("forward.layer.0.scores"), exact,
             {.factors = {{std::sqrt(D), "the scale is missing: scores are divided by the root of D"},
                          {1 / std::sqrt(D), "the scale is applied twice, or is D instead of its root"},
                          {std::sqrt(D / static_cast<double>(head.n)), "the wrong axis: D is query.shape(1), not shape(0)"}},
              .mistakes = {{values(last_scores), last_term}}});
        const Matrix right = stored.pairs("forward.layer.0.probabilities");
        Matrix over_queries, over_all;
        Reference::softmax(transposed(scores), over_queries);
        Reference::softmax(in_one_row(scores), over_all);
        hold("forward.layer.0.probabilities", probabilities, right, exact,
             {.mistakes = {
                  {values(scores), "these are the scores: softmax is missing"},
                  {values(transposed(over_queries)), "the wrong axis: softmax is over the keys j, so that each row sums to 1"},
                  {values(over_all), "softmax over all scores: it is over the keys j, so that each row sums to 1"}}});
        Matrix turned = bert::zeros<double, 2>({head.n, head.D}), mean = turned, of_scores = turned, last = turned;
        for (std::size_t i = 0; i < head.n; ++i)
            for (std::size_t d = 0; d < head.D; ++d)
                last(i, d) = right(i, head.n - 1) * value(head.n - 1, d);
        for (std::size_t i = 0; i < head.n; ++i)
            for (std::size_t d = 0; d < head.D; ++d)
                for (std::size_t j = 0; j < head.n; ++j) {
                    turned(i, d) += right(j, i) * value(j, d);
                    of_scores(i, d) += scores(i, j) * value(j, d);
                    mean(i, d) += value(j, d) / static_cast<double>(head.n);
                }
        hold("forward.layer.0.context", context, head.take(stored.rows("forward.layer.0.context")), exact,
             {.factors = {{1 / static_cast<double>(head.n), "a mean for a sum: the probabilities sum to 1 already"}},
              .mistakes = {{values(turned), "a transpose: row i of the probabilities belongs to the token that asks"},
                           {values(of_scores), "the values are weighted by the scores: take the probabilities"},
                           {values(mean), "this is the plain mean of the values: the probabilities are not used"},
                           {values(last), last_term}}});

        OneHead one(4);
        bert::QueryKeyValue<double> qkv{some_numbers<2>({4, 3}, 1), some_numbers<2>({4, 3}, 2), some_numbers<2>({4, 3}, 3)},
            d_qkv;
        const Matrix d_context = some_numbers<2>({4, 3}, 4);
        bert::AttentionActivations<double> act, d_act;
        Reference::attention(Reference{}, qkv, one.pass(), act);
        Reference::attention_backward(Reference{}, d_context, qkv, one.pass(), act, d_act, d_qkv);
        const auto loss = [&] {
            attention(qkv.query, qkv.key, qkv.value, scores, probabilities, context);
            return weighted_sum(d_context, context);
        };
        hold("d_query by differences of context", difference_gradient(qkv.query, loss), d_qkv.query, by_difference);
        hold("d_key by differences of context", difference_gradient(qkv.key, loss), d_qkv.key, by_difference);
        hold("d_value by differences of context", difference_gradient(qkv.value, loss), d_qkv.value, by_difference);
        checked.attention = attention;
        hold_cases(whole_models);
    });
}

Verdict check_attention_backward(void (*attention_backward)(const Matrix&, const Matrix&, const Matrix&, const Matrix&,
                                                            const Matrix&, Matrix&, Matrix&, Matrix&))
{
    return check("09_attention_backward", [&] {
        constexpr std::size_t n = 4, D = 3;
        OneHead one(n);
        bert::QueryKeyValue<double> qkv{some_numbers<2>({n, D}, 1), some_numbers<2>({n, D}, 2), some_numbers<2>({n, D}, 3)};
        Matrix &q = qkv.query, &k = qkv.key, &v = qkv.value;
        Matrix d_q, d_k, d_v;
        const Matrix d_context = some_numbers<2>({n, D}, 4);
        bert::AttentionActivations<double> act, moved, d_act;
        bert::QueryKeyValue<double> own;
        Reference::attention(Reference{}, qkv, one.pass(), act);
        Reference::attention_backward(Reference{}, d_context, qkv, one.pass(), act, d_act, own);
        const Matrix& p = act.probabilities[0];
        const auto loss = [&] {
            Reference::attention(Reference{}, qkv, one.pass(), moved);
            return weighted_sum(d_context, moved.context);
        };
        // The right gradient of the scores, the one without the average, and gradients of value with a mistake: p transposed, and
        // the last term alone.
        Matrix d_scores = p, no_average = p, value_last = v;
        auto value_turned = bert::zeros<double, 2>({n, D});
        for (std::size_t i = 0; i < n; ++i) {
            double average = 0;
            for (std::size_t j = 0; j < n; ++j) {
                double d_p = 0;
                for (std::size_t d = 0; d < D; ++d) {
                    d_p += d_context(i, d) * v(j, d);
                    value_turned(i, d) += p(i, j) * d_context(j, d);
                    value_last(j, d) = p(i, j) * d_context(i, d);
                }
                no_average(i, j) = p(i, j) * d_p;
                average += p(i, j) * d_p;
            }
            for (std::size_t j = 0; j < n; ++j)
                d_scores(i, j) = no_average(i, j) - p(i, j) * average;
        }
        // d_query or d_key from d_scores, all terms of the sum or the last one alone.
        const auto through = [&](const Matrix& d_s, const Matrix& other, std::size_t first_term = 0) {
            auto result = bert::zeros<double, 2>({n, D});
            for (std::size_t i = 0; i < n; ++i)
                for (std::size_t j = first_term; j < n; ++j)
                    for (std::size_t d = 0; d < D; ++d)
                        result(i, d) += d_s(i, j) * other(j, d) / std::sqrt(static_cast<double>(D));
            return values(result);
        };
        const std::string average = "the average is missing: softmax's gradient is p times (d_p less its mean under p)";
        const std::vector<std::pair<double, std::string>> scale{
            {std::sqrt(static_cast<double>(D)), "the scale is missing: it is in backward, too"}};
        attention_backward(d_context, q, k, v, p, d_q, d_k, d_v);
        hold_gradient("d_value", d_v, difference_gradient(v, loss), own.value,
                      {.mistakes = {{values(value_turned), "a transpose: a value hears from all who took of it, column j of p"},
                                    {values(value_last), last_term}}});
        hold_gradient("d_query", d_q, difference_gradient(q, loss), own.query,
                      {.factors = scale,
                       .mistakes = {{through(no_average, k), average},
                                    {through(transposed(d_scores), k), "a transpose of the scores"},
                                    {through(d_scores, k, n - 1), last_term}}});
        hold_gradient("d_key", d_k, difference_gradient(k, loss), own.key,
                      {.factors = scale,
                       .mistakes = {{through(transposed(no_average), q), average},
                                    {through(d_scores, q), "a transpose: a key hears from all who asked it, column j of d_s"},
                                    {through(transposed(d_scores), q, n - 1), last_term}}});
        checked.attention_backward = attention_backward;
        hold_cases(whole_models);
    });
}

namespace {

/// The training of a case before its first step.
TrainingRun new_run(const bert::ReferenceCase& reference)
{
    const auto model = reference.model<double>();
    Model nothing = Model::make(model.config);
    return {
        reference.batch(), reference.targets<double>(), reference.training().options.optimizer, model, nothing, nothing, nothing};
}

/// The parameters after some training steps of the project's own trainer, with one option changed.
std::vector<NamedTensor> parameters_after(const bert::ReferenceCase& reference, std::size_t steps,
                                          const std::function<void(bert::OptimizerOptions&)>& change)
{
    auto model = reference.model<double>();
    bert::TrainingOptions options = reference.training().options;
    change(options.optimizer);
    bert::Trainer<double, Reference> trainer(options, model);
    const std::vector<bert::LabelledBatch<double>> batch{{reference.batch(), reference.targets<double>()}};
    for (std::size_t k = 0; k < steps; ++k)
        trainer.step(batch);
    std::vector<NamedTensor> result;
    Model::parameters([&](const std::string& name, const auto& tensor) { result.push_back(named(name, tensor)); }, "", model);
    return result;
}

NamedTensor joined(const std::vector<NamedTensor>& tensors)
{
    NamedTensor all;
    for (const NamedTensor& tensor : tensors)
        all.values.insert(all.values.end(), tensor.values.begin(), tensor.values.end());
    return all;
}

/// Compares the parameters with those of the project's own trainer. A single mistake that explains all of them is named.
void hold_parameters(const bert::ReferenceCase& reference, TrainingRun& run, std::size_t steps)
{
    std::vector<NamedTensor> found;
    Model::parameters([&](const std::string& name, const auto& tensor) { found.push_back(named(name, tensor)); }, "", run.model);
    const std::vector<NamedTensor> expected = parameters_after(reference, steps, [](bert::OptimizerOptions&) {});
    const std::vector<double> all = joined(found).values;
    std::string guess;
    const auto suspect = [&](const char* meaning, const std::function<void(bert::OptimizerOptions&)>& change) {
        if (guess.empty() && detail::same(joined(parameters_after(reference, steps, change)).values, all)) guess = meaning;
    };
    suspect("biases and layer norms are decayed, too", [](bert::OptimizerOptions& options) { options.no_decay.clear(); });
    suspect("nothing is decayed", [](bert::OptimizerOptions& options) { options.weight_decay = 0; });
    suspect("the gradient is not clipped: options.scale of adamw",
            [](bert::OptimizerOptions& options) { options.clipping.max_norm = 0; });
    suspect("the step goes along the gradient, and should go against it", [](bert::OptimizerOptions& options) {
        options.learning_rate *= -1;
        options.weight_decay *= -1;
    });
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const bert::Comparison comparison = bert::compare(found[i], expected[i], {}, 1e-9);
        if (comparison.holds) continue;
        throw Wrong(with_hint("after step " + std::to_string(steps - 1) + ": " + comparison.message,
                              guess.empty() ? small_error_hint(comparison.error) : guess));
    }
}

}  // namespace

Verdict check_training_step(StepResult (*training_step)(TrainingRun&))
{
    return check("10_training_step", [&] {
        const bert::ReferenceCase reference(cases_folder() + "pretraining_gelu");
        const auto loss = reference.tensor<double, 1>("train.loss"), norm = reference.tensor<double, 1>("train.grad_norm"),
                   rate = reference.tensor<double, 1>("train.learning_rate");
        TrainingRun run = new_run(reference);
        const auto hold_number = [](const std::string& name, std::size_t k, double found, const Vector& expected,
                                    const std::string& guess) {
            if (std::abs(found - expected(k)) <= 1e-10 * std::max(1.0, std::abs(expected(k)))) return;
            throw Wrong(with_hint(name + "[" + std::to_string(k) + "]: expected " + bert::detail::number_text(expected(k), 10) +
                                      ", got " + bert::detail::number_text(found, 10),
                                  guess));
        };
        for (std::size_t k = 0; k < loss.size(); ++k) {
            const StepResult step = training_step(run);
            hold_number("train.loss", k, step.loss, loss, "");
            hold_number("train.grad_norm", k, step.norm, norm,
                        k > 0 ? "right in the first step: is the gradient set to zero before backward?" : "");
            hold_number("train.learning_rate", k, step.learning_rate, rate,
                        k + 1 < rate.size() && std::abs(step.learning_rate - rate(k + 1)) < 1e-12
                            ? "this is the next step's: the schedule's first step has the number 0"
                            : "");
            if (run.steps != k + 1)
                throw Wrong("run.steps: expected " + std::to_string(k + 1) + " after the step, got " + std::to_string(run.steps));
            if (bert::gradient_norm(bert::parameter_list<double>(run.m), [](std::size_t) { return true; }).value == 0)
                throw Wrong(
                    with_hint("after step " + std::to_string(k) + ": run.m: expected moments of the gradient, got 0 everywhere",
                              "adamw isn't called, or its step is 0: it is counted from 1, since with 0 it divides by 1 - "
                              "beta^0, and changes nothing"));
            hold_parameters(reference, run, k + 1);
        }
        Model::parameters(
            [&](const std::string& name, const auto& tensor) {
                const std::string stored = "train.parameter." + name;
                hold(named(stored, tensor), bert::named_tensor(*reference.expected().find(stored)), 1e-9);
            },
            "", run.model);

        // With other betas than UpdateOptions' own: after one step m is 1 - beta1 of the gradient, and v 1 - beta2 of its square.
        const auto moments_after_a_step = [&](double beta1, double beta2) {
            TrainingRun other = new_run(reference);
            other.options.beta1 = beta1;
            other.options.beta2 = beta2;
            training_step(other);
            const auto norm_of = [](Model& moments) {
                return bert::gradient_norm(bert::parameter_list<double>(moments), [](std::size_t) { return true; }).value;
            };
            return std::pair{norm_of(other.m), norm_of(other.v)};
        };
        const auto [m, v] = moments_after_a_step(0.9, 0.999);
        const auto [m_of_other, v_of_other] = moments_after_a_step(0.8, 0.95);
        const auto hold_ratio = [](const std::string& beta, const std::string& moments, double found, double expected) {
            if (std::abs(found - expected) <= 1e-6 * expected) return;
            throw Wrong(with_hint("with another " + beta + ": the norm of " + moments + " after a step: expected " +
                                      bert::detail::number_text(expected, 6) + ", got " + bert::detail::number_text(found, 6),
                                  "update." + beta + " is run.options." + beta));
        };
        hold_ratio("beta1", "run.m", m_of_other, m * 0.2 / 0.1);
        hold_ratio("beta2", "run.v", v_of_other, v * 0.05 / 0.001);

        // AdamW's first step moves each number by the rate against the sign of its gradient, which differences show.
        run = new_run(reference);
        run.options.schedule = {.kind = bert::ScheduleKind::constant};
        run.options.weight_decay = 0;
        run.options.epsilon = 1e-12;
        Model before = run.model;
        training_step(run);
        bert::Counts<double> counts;
        before.count(run.batch, run.targets, counts);
        const auto loss_before = [&] {
            before.forward(run.batch, run.targets, {before.config, run.batch.sequences, run.workspace}, run.act);
            return before.loss(run.batch, run.targets, counts, {}, run.act).total;
        };
        Model::parameters(
            [&](const std::string& name, auto& tensor, const auto& after) {
                const std::size_t i = tensor.size() / 2;
                const double difference = bert::detail::central_difference(tensor.data()[i], 1e-5, loss_before);
                const double moved = after.data()[i] - tensor.data()[i];
                if (std::abs(difference) > 1e-4 && !(moved * difference < 0))
                    throw Wrong(name + bert::detail::index_text(i, {tensor.shape().begin(), tensor.shape().end()}) +
                                ": expected a step against the gradient, which is " + bert::detail::number_text(difference, 6) +
                                " by central differences, got one of " + bert::detail::number_text(moved, 6));
            },
            "", before, run.model);
    });
}

int report(const Verdict& verdict)
{
    std::puts(verdict.line.c_str());
    return verdict.right ? 0 : 1;
}

}  // namespace exercise
