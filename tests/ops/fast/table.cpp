// Every operation of the fast sets, every box that they fuse, and their backward, against the readable set: in float and in
// double, with vectors and without, for no row, one, an odd number, one more than a tile or a panel holds, and many. Each row is
// held to a bound of its own.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "bert/add_and_norm.hpp"
#include "bert/attention.hpp"
#include "bert/core/pass.hpp"
#include "bert/feed_forward.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"

#include "catch.hpp"
#include "sanitizers.hpp"

using bert::Activation;
using bert::IndexTensor;
using bert::Linear;
using bert::Pass;
using bert::Reference;
using bert::Tensor;

namespace {

using Plain = bert::FastOperations<bert::simd::NoVectors>;

// Rows of every kind of size: nothing, one, odd, one more than a tile of 14 rows, one more than a panel of 32 columns, many: 200,
// but 65 where these would take minutes.
constexpr std::size_t many = is_optimized && !with_sanitizer ? 200 : 65;
constexpr std::size_t sizes[] = {0, 1, 7, 15, 33, many};

template <class Real>
using Tensors = std::vector<Tensor<Real, 2>>;

template <class Real>
Tensor<Real, 2> random(std::size_t rows, std::size_t columns)
{
    static std::mt19937 generator(11);
    std::normal_distribution<double> normal;
    auto tensor = bert::zeros<Real, 2>({rows, columns});
    for (Real& value : tensor)
        value = static_cast<Real>(normal(generator));
    return tensor;
}

template <class Real>
Tensor<Real, 1> vector_of(const Tensor<Real, 2>& row)
{
    Tensor<Real, 1> vector;
    vector.resize({row.size()});
    std::copy(row.begin(), row.end(), vector.begin());
    return vector;
}

template <class Real>
Tensor<Real, 2> row_of(const Tensor<Real, 1>& vector)
{
    Tensor<Real, 2> row;
    row.resize({1, vector.size()});
    std::copy(vector.begin(), vector.end(), row.begin());
    return row;
}

template <class Real>
Linear<Real> linear_of(const Tensor<Real, 2>& weight, const Tensor<Real, 2>& bias)
{
    return {weight, vector_of(bias)};
}

template <class Real>
bert::LayerNorm<Real> norm_of(const Tensor<Real, 2>& gamma, const Tensor<Real, 2>& beta)
{
    return {vector_of(gamma), vector_of(beta)};
}

// A box of every set of operations, its parameters from inputs[first] on.
template <class Ops, class Real>
bert::SelfAttention<Real, Ops> attention_of(const Tensors<Real>& inputs, std::size_t first)
{
    bert::SelfAttention<Real, Ops> box;
    box.query = linear_of(inputs[first], inputs[first + 1]);
    box.key = linear_of(inputs[first + 2], inputs[first + 3]);
    box.value = linear_of(inputs[first + 4], inputs[first + 5]);
    return box;
}

template <class Ops, class Real>
bert::AddAndNorm<Real, Ops> add_and_norm_of(const Tensors<Real>& inputs, std::size_t first)
{
    return {linear_of(inputs[first], inputs[first + 1]), norm_of(inputs[first + 2], inputs[first + 3])};
}

template <class Ops, class Real>
bert::FeedForward<Real, Ops> feed_forward_of(const Tensors<Real>& inputs, std::size_t first)
{
    return {linear_of(inputs[first], inputs[first + 1]), add_and_norm_of<Ops>(inputs, first + 2)};
}

template <class Component, class Real>
void append_parameters(const Component& component, Tensors<Real>& tensors)
{
    Component::parameters(
        [&](const bert::Name&, const auto& parameter) {
            if constexpr (std::is_same_v<std::decay_t<decltype(parameter)>, Tensor<Real, 2>>)
                tensors.push_back(parameter);
            else
                tensors.push_back(row_of(parameter));
        },
        "", component);
}

// Dropout of the boxes: none; some; and some of rows that are selected from more.
std::vector<bert::Dropout> dropouts(const std::vector<std::size_t>& selected)
{
    const bert::Dropout none{.layer = 1};
    const bert::Dropout some{.hidden = 0.3, .probabilities = 0.3, .stream = {11, 2}, .layer = 1, .first_token = 3};
    bert::Dropout of_selected = some;
    of_selected.rows = selected;
    return {none, some, of_selected};
}

// T rows of more than twice as many.
std::vector<std::size_t> select_rows(std::size_t T)
{
    std::vector<std::size_t> rows;
    for (std::size_t t = 0; t < T; ++t)
        rows.push_back(2 * t + t % 2);
    return rows;
}

// The first row whose error is more than `roundings` of its scale, in words; empty if there is none.
template <class Real>
std::string compare(const Tensors<Real>& found, const Tensors<Real>& expected, const Tensors<Real>& scales, double roundings)
{
    if (found.size() != expected.size()) return "another number of results";
    for (std::size_t k = 0; k < found.size(); ++k) {
        if (found[k].shape() != expected[k].shape()) return "result " + std::to_string(k) + ": another shape";
        const std::size_t columns = expected[k].shape(1);
        for (std::size_t row = 0; row < expected[k].shape(0); ++row) {
            double scale = std::numeric_limits<Real>::min(), error = 0;
            for (std::size_t column = 0; column < columns; ++column) {
                const auto a = static_cast<double>(found[k](row, column)), b = static_cast<double>(expected[k](row, column));
                const double magnitude = std::abs(static_cast<double>(scales[k](row, column)));
                if (std::isfinite(magnitude)) scale = std::max(scale, magnitude);
                if (a == b || (std::isnan(a) && std::isnan(b))) continue;
                const double difference = std::abs(a - b);
                if (!(difference <= error)) error = std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
            }
            const double units = error / scale / static_cast<double>(std::numeric_limits<Real>::epsilon());
            if (!(units <= roundings))
                return "result " + std::to_string(k) + ", row " + std::to_string(row) + ": off by " + std::to_string(units) +
                       " epsilon of its scale, limit " + std::to_string(roundings);
        }
    }
    return "";
}

// Runs an operation with every set. `operation(set, inputs)` returns its results. The error of a row is measured by the largest
// number of the same row of `scales`; without any, of what the readable set computed.
template <class Real, class Operation>
void hold(const std::string& name, double roundings, const Tensors<Real>& inputs, const Operation& operation,
          const Tensors<Real>& scales = {})
{
    const Tensors<Real> expected = operation(Reference{}, inputs);
    INFO(name);
    CHECK(compare<Real>(operation(bert::Fast{}, inputs), expected, scales.empty() ? expected : scales, roundings) == "");
    CHECK(compare<Real>(operation(Plain{}, inputs), expected, scales.empty() ? expected : scales, roundings) == "");
}

template <class Real>
Tensors<Real> magnitudes_of(Tensors<Real> tensors)
{
    for (Tensor<Real, 2>& tensor : tensors)
        for (Real& value : tensor)
            value = std::abs(value);
    return tensors;
}

// The same for sums of products, measured by the sums of their terms' magnitudes, which no cancellation makes small.
template <class Real, class Operation>
void hold_sums(const std::string& name, double roundings, const Tensors<Real>& inputs, const Operation& operation)
{
    hold(name, roundings, inputs, operation, operation(Reference{}, magnitudes_of(inputs)));
}

std::string text(std::initializer_list<std::size_t> numbers)
{
    std::string result;
    for (const std::size_t number : numbers)
        result += " " + std::to_string(number);
    return result;
}

// A sum in float or double, in two orders: for a thousand terms each is off by a few roundings of the sum of their magnitudes.
constexpr double sums = 8;

}  // namespace

TEMPLATE_TEST_CASE("Products: linear and its backward", "", float, double)
{
    using Real = TestType;
    bert::Workspace workspace;
    for (const std::size_t T : sizes) {
        for (const std::size_t out : sizes) {
            const std::size_t in = sizes[(T + out) % std::size(sizes)];
            const Tensors<Real> inputs{random<Real>(T, in),  random<Real>(out, in), random<Real>(1, out),
                                       random<Real>(T, out), random<Real>(out, in), random<Real>(1, out)};
            hold_sums<Real>("linear" + text({T, in, out}), sums, inputs, [&](auto set, const Tensors<Real>& x) {
                Tensor<Real, 2> y;
                decltype(set)::linear(x[0], x[1], vector_of(x[2]), y, workspace);
                return Tensors<Real>{y};
            });
            hold_sums<Real>("linear_backward" + text({T, in, out}), sums, inputs, [&](auto set, const Tensors<Real>& x) {
                Linear<Real> d_dense = linear_of(x[4], x[5]);  // is added to
                Tensor<Real, 2> d_x;
                decltype(set)::linear_backward(x[3], x[0], x[1], d_dense.weight, d_dense.bias, d_x, workspace);
                return Tensors<Real>{d_x, d_dense.weight, row_of(d_dense.bias)};
            });
        }
    }
}

TEMPLATE_TEST_CASE("Functions of one number, and their backward", "", float, double)
{
    using Real = TestType;
    constexpr Real infinity = std::numeric_limits<Real>::infinity();
    for (const std::size_t T : sizes) {
        for (const std::size_t n : sizes) {
            Tensors<Real> inputs{random<Real>(T, n), random<Real>(T, n)};
            if (T > 1 && n > 1) {
                inputs[0](0, 0) = std::numeric_limits<Real>::quiet_NaN();
                inputs[0](1, 0) = infinity;
                inputs[0](0, n - 1) = 0;
                inputs[0](1, n - 1) = 40;
            }
            // Each number by itself: a few roundings of x, or, in backward, of d_y; the functions have roots where their own size
            // is no measure.
            const auto one = [&](const std::string& name, double roundings, const auto& function) {
                const Tensors<Real> scales{inputs[name.ends_with("backward") ? 1 : 0]};
                hold<Real>(
                    name + text({T, n}), roundings, inputs,
                    [&](auto set, const Tensors<Real>& x) {
                        Tensor<Real, 2> y;
                        function(set, x, y);
                        return Tensors<Real>{y};
                    },
                    scales);
            };
            one("gelu", 4, [](auto set, const Tensors<Real>& x, auto& y) { decltype(set)::gelu(x[0], y); });
            one("gelu_tanh", 4, [](auto set, const Tensors<Real>& x, auto& y) { decltype(set)::gelu_tanh(x[0], y); });
            one("relu", 0, [](auto set, const Tensors<Real>& x, auto& y) { decltype(set)::relu(x[0], y); });
            one("tanh", 4, [](auto set, const Tensors<Real>& x, auto& y) { decltype(set)::tanh(x[0], y); });
            one("tanh_backward", 0,
                [](auto set, const Tensors<Real>& x, auto& y) { decltype(set)::tanh_backward(x[1], x[0], y); });
            one("relu_backward", 0,
                [](auto set, const Tensors<Real>& x, auto& y) { decltype(set)::relu_backward(x[1], x[0], y); });
            inputs[0] = random<Real>(T, n);  // the slopes at infinity are 0 times infinity in the readable set
            one("gelu_backward", 6,
                [](auto set, const Tensors<Real>& x, auto& y) { decltype(set)::gelu_backward(x[1], x[0], y); });
            one("gelu_tanh_backward", 6,
                [](auto set, const Tensors<Real>& x, auto& y) { decltype(set)::gelu_tanh_backward(x[1], x[0], y); });
            for (const Activation activation : {Activation::gelu, Activation::gelu_tanh, Activation::relu}) {
                one("activate", 4,
                    [&](auto set, const Tensors<Real>& x, auto& y) { decltype(set)::activate(set, activation, x[0], y); });
                one("activate_backward", 6, [&](auto set, const Tensors<Real>& x, auto& y) {
                    decltype(set)::activate_backward(set, activation, x[1], x[0], y);
                });
            }
        }
    }
}

TEMPLATE_TEST_CASE("Rows that are normalized: softmax and layer norm, and their backward", "", float, double)
{
    using Real = TestType;
    constexpr Real infinity = std::numeric_limits<Real>::infinity();
    for (const std::size_t T : sizes) {
        for (const std::size_t n : sizes) {
            Tensors<Real> inputs{random<Real>(T, n), random<Real>(T, n), random<Real>(1, n),
                                 random<Real>(1, n), random<Real>(1, n), random<Real>(1, n)};
            inputs[0] *= Real(3);
            if (T > 6 && n > 1) {
                for (std::size_t j = 1; j < n; j += 2)
                    inputs[0](3, j) = -infinity;
                for (std::size_t j = 0; j < n; ++j)
                    inputs[0](4, j) = -infinity;                               // nothing is possible: NaN
                inputs[0](5, n - 1) = std::numeric_limits<Real>::quiet_NaN();  // NaN everywhere
                inputs[0](6, 0) = infinity;                                    // NaN as well
            }
            // The argument of exp is off by a rounding of a number up to some 20.
            hold<Real>("softmax" + text({T, n}), 16, inputs, [](auto set, const Tensors<Real>& x) {
                Tensor<Real, 2> p;
                decltype(set)::softmax(x[0], p);
                return Tensors<Real>{p};
            });
            Tensors<Real> backward_inputs{inputs[1], bert::zeros<Real, 2>({T, n})};
            Reference::softmax(random<Real>(T, n), backward_inputs[1]);
            const Tensors<Real> first_terms{backward_inputs[0] * backward_inputs[1]};  // of p (dp - sum of p dp)
            hold<Real>(
                "softmax_backward" + text({T, n}), 16, backward_inputs,
                [](auto set, const Tensors<Real>& x) {
                    Tensor<Real, 2> d_scores;
                    decltype(set)::softmax_backward(x[0], x[1], d_scores);
                    return Tensors<Real>{d_scores};
                },
                first_terms);
            if (n < 2) continue;  // of a single number the deviation is 0, and 1 / sqrt(epsilon) makes noise of rounding
            inputs[0] = random<Real>(T, n);
            hold<Real>("layer_norm" + text({T, n}), 32, inputs, [](auto set, const Tensors<Real>& x) {
                bert::LayerNormActivations<Real> act;
                decltype(set)::layer_norm(x[0], norm_of(x[2], x[3]), Real(1e-5), act);
                return Tensors<Real>{row_of(act.rstd), act.x_hat, act.y};
            });
            hold<Real>("layer_norm_backward" + text({T, n}), 64, inputs, [](auto set, const Tensors<Real>& x) {
                bert::LayerNormActivations<Real> act;
                Reference::layer_norm(x[0], norm_of(x[2], x[3]), Real(1e-5), act);
                bert::LayerNorm<Real> d_norm = norm_of(x[4], x[5]);
                Tensor<Real, 2> d_x;
                decltype(set)::layer_norm_backward(x[1], norm_of(x[2], x[3]), act, d_norm, d_x);
                return Tensors<Real>{d_x, row_of(d_norm.gamma), row_of(d_norm.beta)};
            });
        }
    }
}

TEMPLATE_TEST_CASE("Tables and dropout, and their backward: the same bits", "", float, double)
{
    using Real = TestType;
    for (const std::size_t T : sizes) {
        for (const std::size_t H : sizes) {
            const Tensors<Real> inputs{random<Real>(5, H), random<Real>(T, H)};
            IndexTensor<1> ids;
            ids.resize({T});
            for (std::size_t t = 0; t < T; ++t)
                ids(t) = static_cast<std::int64_t>(t * t % 5);
            hold<Real>("embedding_lookup" + text({T, H}), 0, inputs, [&](auto set, const Tensors<Real>& x) {
                Tensor<Real, 2> y, d_table = x[0], d_table_with_padding = x[0];
                decltype(set)::embedding_lookup(ids, x[0], y);
                decltype(set)::embedding_lookup_backward(x[1], ids, std::nullopt, d_table);
                decltype(set)::embedding_lookup_backward(x[1], ids, std::size_t{1}, d_table_with_padding);
                return Tensors<Real>{y, d_table, d_table_with_padding};
            });
            for (const double probability : {0.0, 0.3}) {
                const bert::DropoutPlace place{.probability = probability, .stream = {11, 2}, .layer = 1, .first_row = 3};
                hold<Real>("dropout" + text({T, H}), 0, inputs, [&](auto set, const Tensors<Real>& x) {
                    Tensor<Real, 2> y, d_x;
                    decltype(set)::dropout(x[1], place, y);
                    decltype(set)::dropout_backward(x[1], place, d_x);
                    return Tensors<Real>{y, d_x};
                });
            }
        }
    }
}

TEMPLATE_TEST_CASE("attention and its backward", "", float, double)
{
    using Real = TestType;
    bert::Workspace workspace;
    for (const std::size_t n : sizes) {
        bert::Sequences sequences;
        for (const std::size_t length : {n, std::size_t{0}, std::size_t{3}})
            sequences.begin.push_back(sequences.tokens() + length);
        const std::size_t T = sequences.tokens(), A = 3;
        for (const std::size_t D : {std::size_t{1}, std::size_t{7}, std::size_t{33}}) {
            const Tensors<Real> inputs{random<Real>(T, A * D), random<Real>(T, A * D), random<Real>(T, A * D),
                                       random<Real>(T, A * D)};
            for (const bool causal : {false, true}) {
                bert::Config config;
                config.num_attention_heads = A;
                config.is_causal = causal;
                for (const double probability : {0.0, 0.3}) {
                    const Pass pass{.config = config,
                                    .sequences = sequences,
                                    .workspace = workspace,
                                    .dropout = {.probabilities = probability, .stream = {11, 2}},
                                    .keep_all = true};
                    // Scores of D products, exponentials of them, a mean; the gradient passes through all three.
                    hold<Real>("attention" + text({n, D, causal}), 64, inputs, [&](auto set, const Tensors<Real>& x) {
                        bert::AttentionActivations<Real> act;
                        decltype(set)::attention(set, {x[0], x[1], x[2]}, pass, act);
                        Tensors<Real> results{act.context};
                        results.insert(results.end(), act.scores.begin(), act.scores.end());
                        results.insert(results.end(), act.probabilities.begin(), act.probabilities.end());
                        return results;
                    });
                    hold<Real>("attention_backward" + text({n, D, causal}), 1024, inputs, [&](auto set, const Tensors<Real>& x) {
                        bert::AttentionActivations<Real> act, d_act;
                        bert::QueryKeyValue<Real> d_qkv;
                        const bert::QueryKeyValue<Real> qkv{x[0], x[1], x[2]};
                        decltype(set)::attention(set, qkv, pass, act);
                        decltype(set)::attention_backward(set, x[3], qkv, pass, act, d_act, d_qkv);
                        return Tensors<Real>{d_qkv.query, d_qkv.key, d_qkv.value};
                    });
                }
            }
        }
    }
}

TEMPLATE_TEST_CASE("The fused attend and its backward", "", float, double)
{
    using Real = TestType;
    bert::Workspace workspace;
    bert::Config config;
    config.num_attention_heads = 3;
    const std::size_t H = 33;
    for (const std::size_t T : sizes) {
        const bert::Sequences sequences{{0, T / 3, T}};
        // Gradient of the context, x, what the residual has brought, the box, the gradient of the box before.
        Tensors<Real> inputs{random<Real>(T, H), random<Real>(T, H), random<Real>(T, H)};
        for (int i = 0; i < 6; ++i) {
            inputs.push_back(random<Real>(H, H));
            if (i < 3) inputs.back() /= std::sqrt(Real(H));  // query, key and value of the size of x
            inputs.push_back(random<Real>(1, H));
        }
        constexpr std::size_t box = 3, d_box = 9;
        for (const bool keep_all : {false, true}) {
            for (const double probability : {0.0, 0.3}) {
                const Pass pass{.config = config,
                                .sequences = sequences,
                                .workspace = workspace,
                                .dropout = {.probabilities = probability, .stream = {11, 2}, .layer = 1, .first_token = 3},
                                .keep_all = keep_all};
                const auto attend = [&](auto set, const Tensors<Real>& x) {
                    bert::SelfAttentionActivations<Real> act;
                    attention_of<decltype(set)>(x, box).attend(x[1], pass, act);
                    return act;
                };
                hold_sums<Real>("attend: query, key and value" + text({T}), sums, inputs, [&](auto set, const Tensors<Real>& x) {
                    const bert::SelfAttentionActivations<Real> act = attend(set, x);
                    return Tensors<Real>{act.qkv.query, act.qkv.key, act.qkv.value};
                });
                hold<Real>("attend: context" + text({T}), 64, inputs, [&](auto set, const Tensors<Real>& x) {
                    const bert::SelfAttentionActivations<Real> act = attend(set, x);
                    Tensors<Real> results{act.heads.context};
                    if (keep_all)
                        results.insert(results.end(), act.heads.probabilities.begin(), act.heads.probabilities.end());
                    else if (!std::is_same_v<decltype(set), Reference>)
                        CHECK(act.heads.probabilities.empty());
                    return results;
                });

                // Backward of what Reference's forward computed.
                const bert::SelfAttentionActivations<Real> act = attend(Reference{}, inputs);
                const auto backward = [&](auto set, const Tensors<Real>& x, bert::QueryKeyValue<Real>& d_qkv) {
                    using Ops = decltype(set);
                    bert::SelfAttentionActivations<Real> d_act;
                    d_act.heads.context = x[0];
                    auto gradient = attention_of<Ops>(x, d_box);
                    Tensor<Real, 2> d_x = x[2];
                    attention_of<Ops>(x, box).attend_backward(x[1], pass, act, gradient, d_act, d_x);
                    d_qkv = d_act.qkv;
                    Tensors<Real> results{d_x};
                    for (const Linear<Real>* dense : {&gradient.query, &gradient.key, &gradient.value})
                        append_parameters(*dense, results);
                    return results;
                };
                hold<Real>("attend_backward" + text({T}), 1024, inputs, [&](auto set, const Tensors<Real>& x) {
                    bert::QueryKeyValue<Real> d_qkv;
                    Tensors<Real> results = backward(set, x, d_qkv);
                    results.insert(results.end(), {d_qkv.query, d_qkv.key, d_qkv.value});
                    return results;
                });

                // The products alone, from the set's own gradients of query, key and value, as a single product is held.
                const auto products = [&](const bert::QueryKeyValue<Real>& d_qkv, const Tensors<Real>& x) {
                    const auto attention = attention_of<Reference>(x, box);
                    auto gradient = attention_of<Reference>(x, d_box);
                    Tensors<Real> results{x[2]};
                    const auto add_product = [&](const Tensor<Real, 2>& d_y, const Linear<Real>& dense, Linear<Real>& d_dense) {
                        Tensor<Real, 2> d_by_dense;
                        Reference::linear_backward(d_y, x[1], dense.weight, d_dense.weight, d_dense.bias, d_by_dense, workspace);
                        bert::add(d_by_dense, results[0]);
                        append_parameters(d_dense, results);
                    };
                    add_product(d_qkv.query, attention.query, gradient.query);
                    add_product(d_qkv.key, attention.key, gradient.key);
                    add_product(d_qkv.value, attention.value, gradient.value);
                    return results;
                };
                const auto hold_products = [&](auto set) {
                    bert::QueryKeyValue<Real> d_qkv;
                    const Tensors<Real> found = backward(set, inputs, d_qkv);
                    const Tensors<Real> sizes_of_d = magnitudes_of<Real>({d_qkv.query, d_qkv.key, d_qkv.value});
                    const Tensors<Real> scales =
                        products({sizes_of_d[0], sizes_of_d[1], sizes_of_d[2]}, magnitudes_of<Real>(inputs));
                    INFO("attend_backward: products" + text({T}));
                    CHECK(compare<Real>(found, products(d_qkv, inputs), scales, sums) == "");
                };
                hold_products(bert::Fast{});
                hold_products(Plain{});
            }
        }
    }
}

TEMPLATE_TEST_CASE("The fused Add & Norm and its backward", "", float, double)
{
    using Real = TestType;
    bert::Workspace workspace;
    bert::Config config;
    config.layer_norm_eps = 1e-5;
    for (const std::size_t T : sizes) {
        const bert::Sequences sequences{{0, T}};
        const std::vector<std::size_t> selected = select_rows(T);
        for (const std::size_t H : {std::size_t{7}, std::size_t{33}, many}) {
            const std::size_t in = 15;
            // Gradient of the result, x, residual, the box, the gradient of the box before.
            const Tensors<Real> inputs{random<Real>(T, H), random<Real>(T, in), random<Real>(T, H), random<Real>(H, in),
                                       random<Real>(1, H), random<Real>(1, H),  random<Real>(1, H), random<Real>(H, in),
                                       random<Real>(1, H), random<Real>(1, H),  random<Real>(1, H)};
            constexpr std::size_t box = 3, d_box = 7;
            for (const bert::Dropout& dropout : dropouts(selected)) {
                const Pass any_site{config, sequences, workspace, dropout};
                const Pass pass = any_site.at(bert::DropoutSite::attention);
                hold<Real>("add_and_norm" + text({T, H}), 64, inputs, [&](auto set, const Tensors<Real>& x) {
                    bert::AddAndNormActivations<Real> act;
                    add_and_norm_of<decltype(set)>(x, box).forward(x[1], x[2], pass, act);
                    return Tensors<Real>{row_of(act.norm.rstd), act.norm.x_hat, act.norm.y};
                });
                hold<Real>("add_and_norm backward" + text({T, H}), 512, inputs, [&](auto set, const Tensors<Real>& x) {
                    bert::AddAndNormActivations<Real> act, d_act;
                    add_and_norm_of<Reference>(x, box).forward(x[1], x[2], pass, act);
                    auto gradient = add_and_norm_of<decltype(set)>(x, d_box);
                    Tensor<Real, 2> d_x;
                    add_and_norm_of<decltype(set)>(x, box).backward(x[0], x[1], pass, act, gradient, d_act, d_x);
                    Tensors<Real> results{d_x, d_act.sum, d_act.projected};
                    append_parameters(gradient, results);
                    return results;
                });
            }
        }
    }
}

TEMPLATE_TEST_CASE("The fused feed-forward network and its backward", "", float, double)
{
    using Real = TestType;
    bert::Workspace workspace;
    bert::Config config;
    config.layer_norm_eps = 1e-5;
    struct Widths {
        std::size_t H, I;
    };
    for (const std::size_t T : sizes) {
        const bert::Sequences sequences{{0, T}};
        const std::vector<std::size_t> selected = select_rows(T);
        const std::vector<bert::Dropout> all_dropouts = dropouts(selected);
        for (const Widths& widths : {Widths{7, 15}, {33, 15}, {many, 15}, {15, 7}, {15, 33}, {15, many}}) {
            const std::size_t H = widths.H, I = widths.I;
            // Gradient of the result, x, the box, the gradient of the box before.
            const Tensors<Real> inputs{random<Real>(T, H), random<Real>(T, H), random<Real>(I, H), random<Real>(1, I),
                                       random<Real>(H, I), random<Real>(1, H), random<Real>(1, H), random<Real>(1, H),
                                       random<Real>(I, H), random<Real>(1, I), random<Real>(H, I), random<Real>(1, H),
                                       random<Real>(1, H), random<Real>(1, H)};
            constexpr std::size_t box = 2, d_box = 8;
            const Tensors<Real> magnitudes = magnitudes_of(inputs);
            Tensor<Real, 2> terms;  // the size of the activation's argument
            Reference::linear(magnitudes[1], magnitudes[box], vector_of(magnitudes[box + 1]), terms, workspace);
            for (const Activation activation : {Activation::gelu, Activation::gelu_tanh, Activation::relu}) {
                config.hidden_act = activation;
                for (const bert::Dropout& dropout : all_dropouts) {
                    for (const bool keep_all : {false, true}) {
                        const Pass pass{config, sequences, workspace, dropout, keep_all};
                        const auto forward = [&](auto set, const Tensors<Real>& x) {
                            bert::FeedForwardActivations<Real> act;
                            feed_forward_of<decltype(set)>(x, box).forward(x[1], pass, act);
                            return act;
                        };
                        hold<Real>(
                            "feed_forward: inner tensors" + text({T, H, I}), sums, inputs,
                            [&](auto set, const Tensors<Real>& x) {
                                const bert::FeedForwardActivations<Real> act = forward(set, x);
                                Tensors<Real> results{act.pre_activation};
                                if (keep_all)
                                    results.push_back(act.activated);
                                else if (!std::is_same_v<decltype(set), Reference>)
                                    CHECK(act.activated.size() == 0);
                                return results;
                            },
                            keep_all ? Tensors<Real>{terms, terms} : Tensors<Real>{terms});
                        hold<Real>("feed_forward" + text({T, H, I}), 64, inputs, [&](auto set, const Tensors<Real>& x) {
                            const bert::FeedForwardActivations<Real> act = forward(set, x);
                            return Tensors<Real>{row_of(act.output.norm.rstd), act.output.norm.x_hat, act.y()};
                        });
                        // Backward doesn't depend on keep_all, and of every activation but GELU it is held without dropout.
                        const bool has_dropout = &dropout != &all_dropouts.front();
                        if (keep_all || (has_dropout && activation != Activation::gelu)) continue;

                        // Backward of what Reference's forward computed. The gradients of Add & Norm:
                        const bert::FeedForwardActivations<Real> act = forward(Reference{}, inputs);
                        const auto backward = [&](auto set, const Tensors<Real>& x, Tensors<Real>& of_norm) {
                            using Ops = decltype(set);
                            bert::FeedForwardActivations<Real> d_act;
                            auto gradient = feed_forward_of<Ops>(x, d_box);
                            Tensor<Real, 2> d_x;
                            feed_forward_of<Ops>(x, box).backward(x[0], x[1], pass, act, gradient, d_act, d_x);
                            of_norm = {d_act.output.sum, d_act.output.projected, row_of(gradient.output.norm.gamma),
                                       row_of(gradient.output.norm.beta)};
                            Tensors<Real> results{d_act.pre_activation, d_x};
                            append_parameters(gradient.output.dense, results);
                            append_parameters(gradient.intermediate, results);
                            return results;
                        };
                        hold<Real>("feed_forward backward: Add & Norm" + text({T, H, I}), 512, inputs,
                                   [&](auto set, const Tensors<Real>& x) {
                                       Tensors<Real> of_norm;
                                       backward(set, x, of_norm);
                                       return of_norm;
                                   });

                        // The rest from the set's own gradients, as single products are held: those of the sum and of projected,
                        // and then that of pre_activation. A derivative of an activation is at most 1.13.
                        const auto rest = [&](const Tensors<Real>& d_act, const Tensor<Real, 2>& activated,
                                              const Tensors<Real>& x, bool magnitudes_only) {
                            const auto feed_forward = feed_forward_of<Reference>(x, box);
                            auto gradient = feed_forward_of<Reference>(x, d_box);
                            Tensor<Real, 2> d_pre_activation, d_x;
                            Reference::linear_backward(d_act[1], activated, feed_forward.output.dense.weight,
                                                       gradient.output.dense.weight, gradient.output.dense.bias, d_pre_activation,
                                                       workspace);
                            if (!magnitudes_only)
                                Reference::activate_backward(Reference{}, activation, d_pre_activation, act.pre_activation,
                                                             d_pre_activation);
                            Reference::linear_backward(d_act[2], x[1], feed_forward.intermediate.weight,
                                                       gradient.intermediate.weight, gradient.intermediate.bias, d_x, workspace);
                            bert::add(d_act[0], d_x);
                            Tensors<Real> results{d_pre_activation, d_x};
                            append_parameters(gradient.output.dense, results);
                            append_parameters(gradient.intermediate, results);
                            return results;
                        };
                        const auto hold_rest = [&](auto set) {
                            Tensors<Real> of_norm;
                            const Tensors<Real> found = backward(set, inputs, of_norm);
                            const Tensors<Real> d_act{of_norm[0], of_norm[1], found[0]};
                            const Tensors<Real> scales =
                                rest(magnitudes_of<Real>(d_act), magnitudes_of<Real>({act.activated})[0], magnitudes, true);
                            INFO("feed_forward backward: the rest" + text({T, H, I}));
                            CHECK(compare<Real>(found, rest(d_act, act.activated, inputs, false), scales, sums) == "");
                        };
                        hold_rest(bert::Fast{});
                        hold_rest(Plain{});
                    }
                }
            }
        }
    }
}

TEMPLATE_TEST_CASE("Losses and their backward", "", float, double)
{
    using Real = TestType;
    for (const std::size_t T : sizes) {
        for (const std::size_t C : {std::size_t{1}, std::size_t{7}, std::size_t{33}, many}) {
            Tensors<Real> inputs{random<Real>(T, C), random<Real>(T, 1), random<Real>(T, 1), bert::zeros<Real, 2>({T, C})};
            if (T > 3 && C > 3)
                for (std::size_t c = 2; c < C; c += 3)
                    inputs[0](3, c) = -std::numeric_limits<Real>::infinity();
            for (std::size_t i = 0; i < inputs[3].size(); i += 3)
                inputs[3].data()[i] = 1;
            IndexTensor<1> labels;
            labels.resize({T});
            for (std::size_t t = 0; t < T; ++t)
                labels(t) = t % 4 == 2 ? bert::ignored_label : static_cast<std::int64_t>(t * t % C % 2);
            for (const bert::CrossEntropyOptions& options :
                 {bert::CrossEntropyOptions{}, bert::CrossEntropyOptions{.smoothing = 0.1, .divisor = 3.5}})
                hold<Real>("cross_entropy" + text({T, C}), 64, inputs, [&](auto set, const Tensors<Real>& x) {
                    Tensor<Real, 2> loss = bert::zeros<Real, 2>({1, 1}), d_logits;
                    loss(0, 0) = decltype(set)::cross_entropy(x[0], labels, options).value;
                    decltype(set)::cross_entropy_backward(Real(0.5), x[0], labels, options, d_logits);
                    return Tensors<Real>{loss, d_logits};
                });
            for (const std::optional<double> divisor : {std::optional<double>(), std::optional(3.5)}) {
                hold<Real>("mean_squared_error" + text({T}), sums, inputs, [&](auto set, const Tensors<Real>& x) {
                    Tensor<Real, 2> loss = bert::zeros<Real, 2>({1, 1}), d_predictions;
                    loss(0, 0) = decltype(set)::mean_squared_error(x[1], vector_of(x[2]), divisor).value;
                    decltype(set)::mean_squared_error_backward(Real(0.5), x[1], vector_of(x[2]), divisor, d_predictions);
                    return Tensors<Real>{loss, d_predictions};
                });
            }
            inputs[0] = random<Real>(T, C);
            for (const std::optional<double> divisor : {std::optional<double>(), std::optional(3.5)}) {
                hold<Real>("binary_cross_entropy" + text({T, C}), sums, inputs, [&](auto set, const Tensors<Real>& x) {
                    Tensor<Real, 2> loss = bert::zeros<Real, 2>({1, 1}), d_logits;
                    loss(0, 0) = decltype(set)::binary_cross_entropy(x[0], x[3], divisor).value;
                    decltype(set)::binary_cross_entropy_backward(Real(0.5), x[0], x[3], divisor, d_logits);
                    return Tensors<Real>{loss, d_logits};
                });
            }
        }
    }
}
