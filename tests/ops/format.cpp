// Products in bfloat16: the rounding, the layout of pairs, and the sums, held to plain loops over rounded numbers.
#include "bert/ops/product/format.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"
#include "catch.hpp"

using bert::FastBf16;
using bert::Reference;
using bert::Tensor;
using bert::Workspace;

namespace {

using Plain = bert::FastOperations<bert::fast::Bf16Products<bert::simd::NoVectors>>;
using Vectors = bert::FastOperations<bert::fast::Bf16Products<bert::simd::DefaultArch, bert::product::NoTiles>>;
using Tiles = bert::FastOperations<bert::fast::Bf16Products<bert::simd::DefaultArch, bert::product::LoopTiles>>;

std::mt19937 generator(5);

template <std::size_t rank>
Tensor<float, rank> random(const std::array<std::size_t, rank>& shape)
{
    std::normal_distribution<float> normal;
    auto tensor = bert::zeros<float, rank>(shape);
    for (float& value : tensor)
        value = normal(generator);
    return tensor;
}

template <std::size_t rank>
Tensor<float, rank> rounded(Tensor<float, rank> tensor)
{
    for (float& value : tensor)
        value = bert::float_from_bfloat16(bert::bfloat16_from_float(value));
    return tensor;
}

// The largest difference, in epsilons of the sum of the sizes of what is summed: at most ~sqrt(256) terms of either sign.
template <std::size_t rank>
double error(const Tensor<float, rank>& found, const Tensor<float, rank>& expected)
{
    double difference = 0, scale = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        difference = std::max(difference, std::abs(double{found.data()[i]} - double{expected.data()[i]}));
        scale = std::max(scale, std::abs(double{expected.data()[i]}));
    }
    return found.shape() != expected.shape() ? std::numeric_limits<double>::infinity() : difference == 0 ? 0 : difference / scale;
}

constexpr double limit =
    16 * std::numeric_limits<float>::epsilon();  // of sums in another order; a product's rounding would be 1e4

const std::vector<std::size_t> edges = {0, 1, 2, 3, 5, 13, 14, 15, 16, 17, 29, 31, 32, 33, 64, 65, 70};

}  // namespace

TEST_CASE("Pairs hold the number of the smaller k below, and a lonely one beside a zero")
{
    using Format = bert::product::FormatOf<float, FastBf16::InstructionSet>::type;
    const std::array<float, 3> row{1.0F, -2.0F, 0.5F};
    std::array<std::uint32_t, 2> pairs{};
    Format::along(row.data(), 3, pairs.data());
    CHECK(pairs[0] == 0xC0003F80U);  // -2 is C000, 1 is 3F80
    CHECK(pairs[1] == 0x00003F00U);
    const std::array<float, 6> rows{1.0F, 0.5F, 4.0F, -2.0F, 1.0F, -1.0F};
    std::array<std::uint32_t, 3> across{};
    Format::across(rows.data(), 3, 2, 3, across.data());
    CHECK(across == std::array{0xC0003F80U, 0x3F803F00U, 0xBF804080U});
    Format::across(rows.data(), 3, 1, 3, across.data());
    CHECK(across == std::array{0x00003F80U, 0x00003F00U, 0x00004080U});
}

TEST_CASE("A row is rounded number by number as a single number is, NaN and infinity included")
{
    using Format = bert::product::FormatOf<float, FastBf16::InstructionSet>::type;
    std::vector<float> numbers;
    for (std::uint32_t high = 0; high < 65536; ++high)
        for (const std::uint32_t low : {0x0000U, 0x0001U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU})
            numbers.push_back(std::bit_cast<float>(high << 16 | low));
    std::vector<std::uint32_t> pairs(numbers.size() / 2);
    Format::along(numbers.data(), numbers.size(), pairs.data());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const std::uint32_t found = pairs[i / 2] >> (16 * (i % 2)) & 0xFFFFU, expected = bert::bfloat16_from_float(numbers[i]);
        const bool is_zero = std::fpclassify(numbers[i]) == FP_SUBNORMAL && found == (expected & 0x8000U);  // as in products
        wrong += found != expected && !is_zero;
    }
    CHECK(wrong == 0);
    // The same numbers from two rows: one number of each a pair.
    const std::size_t width = numbers.size() / 2;
    std::vector<std::uint32_t> across(width);
    Format::across(numbers.data(), width, 2, width, across.data());
    for (std::size_t j = 0; j < width; ++j)
        for (std::size_t row = 0; row < 2; ++row) {
            const float number = numbers[row * width + j];
            const std::uint32_t found = across[j] >> (16 * row) & 0xFFFFU, expected = bert::bfloat16_from_float(number);
            const bool is_zero = std::fpclassify(number) == FP_SUBNORMAL && found == (expected & 0x8000U);
            wrong += found != expected && !is_zero;
        }
    CHECK(wrong == 0);
}

// LoopTiles takes part where vectors have 16 floats; elsewhere it is left alone.
TEMPLATE_TEST_CASE("linear in bfloat16 is linear of rounded numbers around every edge of a tile", "", FastBf16, Plain, Vectors,
                   Tiles)
{
    Workspace workspace;
    Tensor<float, 2> y, expected;
    for (const std::size_t T : edges) {
        for (const std::size_t out : edges) {
            const std::size_t in = edges[(T * 7 + out) % edges.size()];
            const auto x = random<2>({T, in}), weight = random<2>({out, in});
            const auto bias = random<1>({out});
            Reference::linear(rounded(x), rounded(weight), bias, expected, workspace);
            INFO("T " << T << ", in " << in << ", out " << out);
            TestType::linear(x, weight, bias, y, workspace);
            CHECK(error(y, expected) <= limit);
        }
    }
}

TEMPLATE_TEST_CASE("linear's backward in bfloat16 is that of rounded numbers, over several blocks of k, odd ones too", "",
                   FastBf16, Vectors, Tiles)
{
    Workspace workspace;
    for (const std::size_t T : {1U, 2U, 37U, 230U}) {
        const std::size_t in = 1537, out = 39;
        const auto x = random<2>({T, in}), weight = random<2>({out, in}), d_y = random<2>({T, out});
        auto d_weight = bert::zeros<float, 2>({out, in}), expected_d_weight = d_weight;
        auto d_bias = bert::zeros<float, 1>({out}), expected_d_bias = d_bias;
        Tensor<float, 2> d_x, expected_d_x, y, expected;
        TestType::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
        Reference::linear_backward(rounded(d_y), rounded(x), rounded(weight), expected_d_weight, expected_d_bias, expected_d_x,
                                   workspace);
        CHECK(error(d_x, expected_d_x) <= limit);
        CHECK(error(d_weight, expected_d_weight) <= limit);
        Reference::linear(rounded(x), rounded(weight), bert::zeros<float, 1>({out}), expected, workspace);
        TestType::linear(x, weight, bert::zeros<float, 1>({out}), y, workspace);
        CHECK(error(y, expected) <= limit);
    }
}

TEMPLATE_TEST_CASE("attention in bfloat16 stays near Reference's, whatever the width of a head", "", FastBf16, Plain, Vectors,
                   Tiles)
{
    Workspace workspace;
    const bert::Sequences sequences{{0, 1, 1, 18, 131}};
    for (const std::size_t D : {1U, 5U, 32U, 33U, 64U}) {
        const std::size_t H = 2 * D;
        const bert::QueryKeyValue<float> qkv{random<2>({131, H}), random<2>({131, H}), random<2>({131, H})};
        const auto d_context = random<2>({131, H});
        bert::AttentionActivations<float> act, expected, d_act, d_expected;
        bert::QueryKeyValue<float> d_qkv, expected_d_qkv;
        bert::Config config;
        config.num_attention_heads = 2;
        const bert::Pass pass{.config = config, .sequences = sequences, .workspace = workspace, .keep_all = true};
        Reference::attention(Reference{}, qkv, pass, expected);
        Reference::attention_backward(Reference{}, d_context, qkv, pass, expected, d_expected, expected_d_qkv);
        // 2^-9 of each operand, of numbers that cancel in part where a gradient is p (d - mean).
        const auto near = [&](const Tensor<float, 2>& found, const Tensor<float, 2>& wanted) {
            return error(found, wanted) < 0.04;
        };
        TestType::attention(TestType{}, qkv, pass, act);
        TestType::attention_backward(TestType{}, d_context, qkv, pass, act, d_act, d_qkv);
        INFO("D " << D);
        CHECK(near(act.context, expected.context));
        CHECK(near(d_qkv.query, expected_d_qkv.query));
        CHECK(near(d_qkv.key, expected_d_qkv.key));
        CHECK(near(d_qkv.value, expected_d_qkv.value));
        CHECK(error(act.context, expected.context) > 1e-5);  // or it would not be in bfloat16
    }
}

TEMPLATE_TEST_CASE("A row of a product in bfloat16 has the same bits alone and in any batch, with any number of threads", "",
                   FastBf16, Tiles)
{
    const std::size_t threads = bert::threads();
    const auto x = random<2>({260, 801}), weight = random<2>({70, 801});
    const auto bias = random<1>({70});
    Workspace workspace;
    Tensor<float, 2> expected, y;
    bert::set_threads(1);
    TestType::linear(x, weight, bias, expected, workspace);
    for (const std::size_t count : {1U, 2U, 3U}) {
        bert::set_threads(count);
        TestType::linear(x, weight, bias, y, workspace);
        CHECK((y == expected));
        for (const std::size_t t : {0U, 13U, 14U, 259U}) {
            Tensor<float, 2> row;
            row.resize({1, 801});
            std::copy_n(x.data() + t * 801, 801, row.data());
            TestType::linear(row, weight, bias, y, workspace);
            CHECK(std::equal(y.begin(), y.end(), expected.data() + t * 70));
        }
    }
    bert::set_threads(threads);
}
