// The fast operations against Reference's, on random numbers: odd sizes, nothing, one row, sizes around the edges of tiles.
#include "bert/ops/fast.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "bert/ops/reference.hpp"
#include "catch.hpp"
#include "ops/random.hpp"

using bert::Activation;
using bert::Fast;
using bert::Linear;
using bert::Pass;
using bert::Reference;
using bert::Sequences;
using bert::Tensor;
using bert::Workspace;

namespace {

using Plain = bert::FastOperations<bert::simd::NoVectors>;

template <class Real>
Linear<Real> random_linear(std::size_t out, std::size_t in)
{
    return {random<Real, 2>({out, in}), random<Real, 1>({out})};
}

// The largest difference over the largest number. A NaN on one side only counts as infinite.
template <class Real, std::size_t rank>
double error(const Tensor<Real, rank>& fast, const Tensor<Real, rank>& reference)
{
    if (fast.shape() != reference.shape()) return std::numeric_limits<double>::infinity();
    double difference = 0, scale = 0;
    for (std::size_t i = 0; i < fast.size(); ++i) {
        const auto a = static_cast<double>(fast.data()[i]), b = static_cast<double>(reference.data()[i]);
        if (std::isnan(a) != std::isnan(b)) return std::numeric_limits<double>::infinity();
        if (std::isnan(b) || a == b) continue;
        difference = std::max(difference, std::abs(a - b));
        scale = std::max(scale, std::abs(b));
    }
    return difference == 0 ? 0 : difference / scale;
}

// The same for all heads of all sequences together: the one score of a single token may cancel to almost nothing.
template <class Real>
double error(const std::vector<Tensor<Real, 2>>& fast, const std::vector<Tensor<Real, 2>>& reference)
{
    const auto all = [](const std::vector<Tensor<Real, 2>>& tensors) {
        std::vector<Real> numbers;
        for (const auto& tensor : tensors)
            numbers.insert(numbers.end(), tensor.begin(), tensor.end());
        auto row = bert::zeros<Real, 1>({numbers.size()});
        std::copy(numbers.begin(), numbers.end(), row.begin());
        return row;
    };
    for (std::size_t i = 0; i < std::min(fast.size(), reference.size()); ++i)
        if (fast[i].shape() != reference[i].shape()) return std::numeric_limits<double>::infinity();
    return error(all(fast), all(reference));
}

// Rounding errors grow with the number of terms at worst, with its root as a rule: 16 roundings cover sums of 3,000 terms
// of either sign in both orders of summation.
template <class Real>
constexpr double limit = 16 * std::numeric_limits<Real>::epsilon();

template <class Real, std::size_t rank>
bool same_bits(const Tensor<Real, rank>& a, const Tensor<Real, rank>& b)
{
    return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin());
}

bert::Config config_of(std::size_t heads, bool causal = false)
{
    bert::Config config;
    config.num_attention_heads = heads;
    config.is_causal = causal;
    return config;
}

// Rows and columns at and around the edges of tiles and panels for every width of vector.
const std::vector<std::size_t> edges = {0, 1, 2, 3, 5, 6, 7, 13, 14, 15, 16, 17, 28, 29, 31, 32, 33, 47, 64, 65};

}  // namespace

TEMPLATE_TEST_CASE("linear agrees with Reference around every edge of a tile", "", float, double)
{
    Workspace workspace;
    Tensor<TestType, 2> y, expected;
    for (const std::size_t T : edges) {
        for (const std::size_t out : edges) {
            const std::size_t in = edges[(T * 7 + out) % edges.size()];
            const auto x = random<TestType, 2>({T, in});
            const auto dense = random_linear<TestType>(out, in);
            Reference::linear(x, dense.weight, dense.bias, expected, workspace);
            INFO("T " << T << ", in " << in << ", out " << out);
            Fast::linear(x, dense.weight, dense.bias, y, workspace);
            CHECK(error(y, expected) <= limit<TestType>);
            Plain::linear(x, dense.weight, dense.bias, y, workspace);
            CHECK(error(y, expected) <= limit<TestType>);
        }
    }
}

TEMPLATE_TEST_CASE("linear agrees with Reference over several blocks of rows and of inputs", "", float, double)
{
    Workspace workspace;
    Tensor<TestType, 2> y, expected;
    for (const std::size_t in : {767U, 768U, 769U, 1700U}) {
        const auto x = random<TestType, 2>({230, in});
        const auto dense = random_linear<TestType>(37, in);
        Reference::linear(x, dense.weight, dense.bias, expected, workspace);
        Fast::linear(x, dense.weight, dense.bias, y, workspace);
        CHECK(error(y, expected) <= limit<TestType>);
    }
}

TEMPLATE_TEST_CASE("linear_backward agrees with Reference over several groups of rows", "", float, double)
{
    Workspace workspace;
    const std::size_t T = 2 * bert::product::group_size + 2;
    const auto x = random<TestType, 2>({T, 6}), d_y = random<TestType, 2>({T, 5});
    const auto dense = random_linear<TestType>(5, 6);
    Linear<TestType> expected = dense, found = dense;  // added to
    Tensor<TestType, 2> expected_d_x, d_x;
    Reference::linear_backward(d_y, x, dense.weight, expected.weight, expected.bias, expected_d_x, workspace);
    Fast::linear_backward(d_y, x, dense.weight, found.weight, found.bias, d_x, workspace);
    CHECK(error(found.weight, expected.weight) <= limit<TestType>);
    CHECK(error(found.bias, expected.bias) <= limit<TestType>);
    CHECK(error(d_x, expected_d_x) <= limit<TestType>);
}

TEMPLATE_TEST_CASE("A row of a product has the same bits alone and in any batch, with any number of threads", "", float, double)
{
    const std::size_t threads = bert::threads();
    const auto x = random<TestType, 2>({260, 800});
    const auto dense = random_linear<TestType>(70, 800);
    Workspace workspace;
    Tensor<TestType, 2> expected, y;
    bert::set_threads(1);
    Fast::linear(x, dense.weight, dense.bias, expected, workspace);
    for (const std::size_t count : {1U, 2U, 3U}) {
        bert::set_threads(count);
        Fast::linear(x, dense.weight, dense.bias, y, workspace);
        CHECK(same_bits(y, expected));
        for (const std::size_t rows : {1U, 2U, 13U, 15U, 100U}) {
            const std::size_t first = 260 - rows - count;
            auto some = bert::zeros<TestType, 2>({rows, 800});
            std::copy_n(x.data() + first * 800, rows * 800, some.data());
            Fast::linear(some, dense.weight, dense.bias, y, workspace);
            CHECK(std::equal(y.begin(), y.end(), expected.data() + first * 70));
        }
    }
    bert::set_threads(threads);
}

TEMPLATE_TEST_CASE("Activations agree with Reference and don't depend on a number's place", "", float, double)
{
    Tensor<TestType, 2> x = random<TestType, 2>({37, 301}), y, expected;
    x *= TestType(4);
    x(0, 0) = std::numeric_limits<TestType>::infinity();
    x(0, 1) = std::numeric_limits<TestType>::quiet_NaN();
    x(0, 2) = 0;
    x(36, 300) = TestType(30);
    x(36, 299) = TestType(-30);
    constexpr double epsilon = std::numeric_limits<TestType>::epsilon();
    const auto check = [&](const auto& fast, const auto& reference, double allowed) {
        fast(x, y);
        reference(x, expected);
        CHECK(error(y, expected) / epsilon <= allowed);
        // The last number of a row of 5, which has no whole vector, against the same number in the middle of many.
        Tensor<TestType, 2> few = bert::zeros<TestType, 2>({1, 5}), y_few;
        for (std::size_t first = 3; first + 5 < x.size(); first += 5) {
            std::copy_n(x.data() + first, 5, few.data());
            fast(few, y_few);
            REQUIRE(std::equal(y_few.begin(), y_few.end(), y.data() + first));
        }
    };
    const auto gelu = [](const auto& from, auto& to) { Fast::gelu(from, to); };
    const auto gelu_tanh = [](const auto& from, auto& to) { Fast::gelu_tanh(from, to); };
    const auto relu = [](const auto& from, auto& to) { Fast::relu(from, to); };
    const auto tanh = [](const auto& from, auto& to) { Fast::tanh(from, to); };
    // A few roundings of numbers up to 20, against numbers up to 20.
    check(
        gelu, [](const auto& from, auto& to) { Reference::gelu(from, to); }, 2);
    check(
        gelu_tanh, [](const auto& from, auto& to) { Reference::gelu_tanh(from, to); }, 2);
    check(
        relu, [](const auto& from, auto& to) { Reference::relu(from, to); }, 0);
    check(
        tanh, [](const auto& from, auto& to) { Reference::tanh(from, to); }, 2);
    Tensor<TestType, 2> by_name;
    Fast::activate(Fast{}, Activation::gelu_tanh, x, by_name);
    Fast::gelu_tanh(x, y);
    by_name(0, 1) = y(0, 1) = 0;
    CHECK(same_bits(by_name, y));
}

TEMPLATE_TEST_CASE("softmax agrees with the reference; a row's bits don't depend on other rows", "", float, double)
{
    constexpr TestType infinity = std::numeric_limits<TestType>::infinity();
    for (const std::size_t n : edges) {
        Tensor<TestType, 2> scores = random<TestType, 2>({21, n}), p, expected;
        scores *= TestType(5);
        for (std::size_t j = 0; j + 1 < n; j += 2)
            scores(3, j) = -infinity;
        for (std::size_t j = 0; j < n; ++j)
            scores(4, j) = -infinity;  // no probabilities at all: NaN in both
        Reference::softmax(scores, expected);
        Fast::softmax(scores, p);
        INFO("n " << n);
        CHECK(error(p, expected) <= limit<TestType>);
        Tensor<TestType, 2> row = bert::zeros<TestType, 2>({1, n});
        std::copy_n(scores.data() + 20 * n, n, row.data());
        Fast::softmax(row, row);
        CHECK(std::equal(row.begin(), row.end(), p.data() + 20 * n));
    }
}

TEMPLATE_TEST_CASE("layer_norm agrees with the reference, far from zero too", "", float, double)
{
    for (const std::size_t H : edges) {
        if (H == 0) continue;
        Tensor<TestType, 2> x = random<TestType, 2>({19, H});
        for (std::size_t h = 0; h < H; ++h)
            x(5, h) += TestType(1000);
        const bert::LayerNorm<TestType> norm{random<TestType, 1>({H}), random<TestType, 1>({H})};
        bert::LayerNormActivations<TestType> act, expected;
        Reference::layer_norm(x, norm, TestType(1e-5), expected);
        Fast::layer_norm(x, norm, TestType(1e-5), act);
        // Row 5 has the rounding error of numbers near 1000: 1000 epsilon, in mean and deviation.
        const double allowed = 4000 * std::numeric_limits<TestType>::epsilon();
        INFO("H " << H);
        CHECK(error(act.rstd, expected.rstd) <= allowed);
        CHECK(error(act.x_hat, expected.x_hat) <= allowed);
        CHECK(error(act.y, expected.y) <= allowed);
    }
    const bert::LayerNorm<TestType> norm{random<TestType, 1>({8}), random<TestType, 1>({9})};
    bert::LayerNormActivations<TestType> act;
    CHECK_THROWS_WITH(Fast::layer_norm(random<TestType, 2>({2, 8}), norm, TestType(1e-5), act),
                      "layer_norm: beta: expected [8], got [9]");
}

TEMPLATE_TEST_CASE("attention agrees with Reference on sequences of every length", "", float, double)
{
    const std::size_t H = 70;
    Sequences sequences;
    for (const std::size_t n : {1U, 0U, 2U, 14U, 33U, 64U, 65U, 7U, 131U})
        sequences.begin.push_back(sequences.tokens() + n);
    const std::size_t T = sequences.tokens();
    const bert::QueryKeyValue<TestType> qkv{random<TestType, 2>({T, H}), random<TestType, 2>({T, H}),
                                            random<TestType, 2>({T, H})};
    Workspace workspace;
    for (const std::size_t heads : {1U, 2U, 7U, 70U}) {
        for (const bool causal : {false, true}) {
            const bert::Config config = config_of(heads, causal);
            Pass pass{.config = config, .sequences = sequences, .workspace = workspace, .keep_all = true};
            bert::AttentionActivations<TestType> act, expected;
            Reference::attention(Reference{}, qkv, pass, expected);
            Fast::attention(Fast{}, qkv, pass, act);
            INFO(heads << " heads" << (causal ? ", causal" : ""));
            CHECK(error(act.context, expected.context) <= limit<TestType>);
            CHECK(error(act.scores, expected.scores) <= limit<TestType>);
            CHECK(error(act.probabilities, expected.probabilities) <= limit<TestType>);
            bert::AttentionActivations<TestType> context_alone;
            pass.keep_all = false;
            Fast::attention(Fast{}, qkv, pass, context_alone);
            CHECK(same_bits(context_alone.context, act.context));
            CHECK(context_alone.scores.empty());
            CHECK(context_alone.probabilities.empty());
        }
    }
}

TEMPLATE_TEST_CASE("A sequence alone has the same bits as in a batch, with any number of threads", "", float, double)
{
    const std::size_t threads = bert::threads(), H = 48;
    const Sequences sequences{{0, 70, 71, 120}};
    const bert::QueryKeyValue<TestType> qkv{random<TestType, 2>({120, H}), random<TestType, 2>({120, H}),
                                            random<TestType, 2>({120, H})};
    const bert::Config config = config_of(3);
    Workspace workspace;
    bert::AttentionActivations<TestType> together, alone;
    bert::set_threads(1);
    Fast::attention(Fast{}, qkv, {config, sequences, workspace}, together);
    for (const std::size_t count : {1U, 2U, 3U}) {
        bert::set_threads(count);
        for (std::size_t b = 0; b < sequences.count(); ++b) {
            const std::size_t n = sequences.length(b), first = sequences.begin[b] * H;
            const auto part = [&](const Tensor<TestType, 2>& all) {
                auto rows = bert::zeros<TestType, 2>({n, H});
                std::copy_n(all.data() + first, n * H, rows.data());
                return rows;
            };
            const Sequences one{{0, n}};
            Fast::attention(Fast{}, {part(qkv.query), part(qkv.key), part(qkv.value)}, {config, one, workspace}, alone);
            CHECK(std::equal(alone.context.begin(), alone.context.end(), together.context.data() + first));
        }
    }
    bert::set_threads(threads);
}

TEST_CASE("Shapes that don't fit are refused with Reference's messages")
{
    Workspace workspace;
    const auto x = random<float, 2>({3, 8});
    const auto dense = random_linear<float>(4, 7);
    Tensor<float, 2> y;
    CHECK_THROWS_WITH(Fast::linear(x, dense.weight, dense.bias, y, workspace), "linear: weight: expected [4, 8], got [4, 7]");
    bert::AttentionActivations<float> act;
    const Sequences two{{0, 2}}, three{{0, 3}};
    const bert::Config two_heads = config_of(2), three_heads = config_of(3);
    CHECK_THROWS_WITH(Fast::attention(Fast{}, {x, x, x}, {two_heads, two, workspace}, act),
                      "attention: sequences: expected 3 tokens, got 2");
    CHECK_THROWS_WITH(Fast::attention(Fast{}, {x, x, x}, {three_heads, three, workspace}, act),
                      "attention: heads: expected a divisor of 8, got 3");
}
