// The engines of matrix products: what each computes, how one is chosen, and what check_engine says of it.
#include "bert/ops/product.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "bert/ops/product/cblas.hpp"
#include "bert/ops/product/check.hpp"
#include "bert/ops/product/loops.hpp"
#ifdef TESTS_HAVE_ONEDNN
#include "bert/ops/product/onednn.hpp"
#endif
#include "bert/ops/product/packed_linear.hpp"
#include "catch.hpp"

using bert::ProductEngine;
using bert::Tensor;
using bert::Workspace;

namespace {

const bert::CblasEngine cblas;
const bert::LoopsEngine loops;
#ifdef TESTS_HAVE_ONEDNN
const bert::OnednnEngine onednn;
const std::vector<const ProductEngine*> all_engines{nullptr, &cblas, &onednn, &loops};
#else
const std::vector<const ProductEngine*> all_engines{nullptr, &cblas, &loops};
#endif

// Chooses an engine for one test.
struct Using {
    explicit Using(const ProductEngine* engine) { bert::set_engine(engine); }
    ~Using() { bert::set_engine(nullptr); }
};

std::mt19937 generator(11);

template <class Real>
Tensor<Real, 2> random(std::size_t rows, std::size_t columns)
{
    std::normal_distribution<double> normal;
    auto matrix = bert::zeros<Real, 2>({rows, columns});
    for (Real& value : matrix)
        value = static_cast<Real>(normal(generator));
    return matrix;
}

// x Wᵀ with the engine in use.
template <class Real, class Arch = bert::simd::DefaultArch>
Tensor<Real, 2> multiply(const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight)
{
    const std::size_t out = weight.shape(0);
    Tensor<Real, 2> y;
    y.resize({x.shape(0), out});
    y.fill(std::numeric_limits<Real>::quiet_NaN());  // a number that is not written is found
    Workspace workspace;
    bert::product::multiply<Arch>(bert::product::rows_of(x), bert::product::Right::transposed,
                                  std::array{bert::product::rows_of(weight)}, workspace,
                                  [&](std::size_t, std::size_t row, std::size_t column, const Real* sums, std::size_t count) {
                                      std::copy_n(sums, count, y.data() + row * out + column);
                                  });
    return y;
}

// The largest difference from sums in long double, in epsilons of the sum of the products' sizes.
template <class Real>
double error(const Tensor<Real, 2>& y, const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight)
{
    double worst = 0;
    for (std::size_t t = 0; t < x.shape(0); ++t) {
        for (std::size_t o = 0; o < weight.shape(0); ++o) {
            long double sum = 0, size = 0;
            for (std::size_t i = 0; i < x.shape(1); ++i) {
                const long double product = static_cast<long double>(x(t, i)) * weight(o, i);
                sum += product;
                size += std::abs(product);
            }
            const long double difference = std::abs(y(t, o) - sum);
            if (!(difference == 0)) {
                const auto error = static_cast<double>(difference / (size * std::numeric_limits<Real>::epsilon()));
                worst = error <= worst ? worst : error;
            }
        }
    }
    return worst;
}

}  // namespace

TEMPLATE_TEST_CASE("Every engine computes x Wᵀ", "", float, double)
{
    for (const ProductEngine* const engine : all_engines) {
        const Using chosen(engine);
        for (const auto& [T, in, out] : std::vector<std::array<std::size_t, 3>>{{0, 5, 3},
                                                                                {1, 1, 1},
                                                                                {1, 64, 33},
                                                                                {3, 0, 4},
                                                                                {15, 768, 65},
                                                                                {259, 20, 200},
                                                                                {31, 1600, 7},
                                                                                {20, 2048, 5},
                                                                                {2050, 3, 33}}) {
            const auto x = random<TestType>(T, in), weight = random<TestType>(out, in);
            INFO(bert::engine_name(engine) << ": " << T << " x " << in << " x " << out);
            // A sum of n products is within n/2 epsilon of their sizes' sum; signs are random, so the root of n holds it.
            CHECK(error(multiply(x, weight), x, weight) <= std::sqrt(static_cast<double>(in)));
        }
    }
}

TEMPLATE_TEST_CASE("The left of a product may be turned: Aᵀ M", "", float, double)
{
    for (const ProductEngine* const engine : all_engines) {
        const Using chosen(engine);
        for (const auto& [K, rows, out] : std::vector<std::array<std::size_t, 3>>{
                 {0, 5, 3}, {1, 1, 1}, {7, 1, 5}, {64, 33, 1}, {15, 300, 65}, {800, 31, 40}, {5, 2050, 3}, {9, 1024, 4}}) {
            const auto a = random<TestType>(K, rows), m = random<TestType>(K, out);
            Tensor<TestType, 2> y, left, right;
            y.resize({rows, out});
            y.fill(std::numeric_limits<TestType>::quiet_NaN());
            Workspace workspace;
            bert::product::multiply<bert::simd::DefaultArch>(
                bert::product::transposed(bert::product::rows_of(a)), bert::product::Right::plain,
                std::array{bert::product::rows_of(m)}, workspace,
                [&](std::size_t, std::size_t row, std::size_t column, const TestType* sums, std::size_t count) {
                    std::copy_n(sums, count, y.data() + row * y.shape(1) + column);
                });
            left.resize({rows, K});
            right.resize({out, K});
            for (std::size_t k = 0; k < K; ++k) {
                for (std::size_t row = 0; row < rows; ++row)
                    left(row, k) = a(k, row);
                for (std::size_t o = 0; o < out; ++o)
                    right(o, k) = m(k, o);
            }
            INFO(bert::engine_name(engine) << ": " << K << " x " << rows << " x " << out);
            CHECK(error(y, left, right) <= std::sqrt(static_cast<double>(K)));
        }
    }
}

TEST_CASE("A product by hand")
{
    // (1 2) times the rows (3 4), (5 6), (7 8): 3 + 8, 5 + 12, 7 + 16.
    const Tensor<double, 2> x = {{1, 2}}, weight = {{3, 4}, {5, 6}, {7, 8}}, expected = {{11, 17, 23}};
    for (const ProductEngine* const engine :
         {static_cast<const ProductEngine*>(nullptr), static_cast<const ProductEngine*>(&cblas),
          static_cast<const ProductEngine*>(&loops)}) {
        const Using chosen(engine);
        CHECK((multiply(x, weight) == expected));
    }
}

TEMPLATE_TEST_CASE("A panel that the matrix doesn't fill is filled up with zeros", "", float, double)
{
    using Kernel = bert::product::KernelOf<TestType, bert::simd::DefaultArch>;
    constexpr std::size_t width = Kernel::panel_width;
    std::vector<TestType> panel(2 * width), right(2 * width);
    const std::vector<TestType> W{1, 2, 3, 4, 5, 6};  // [3, 2], its rows the panel's columns
    const std::vector<TestType> M{1, 3, 5, 2, 4, 6};  // [2, 3], its transpose
    for (const bool is_transposed : {true, false}) {
        std::fill(panel.begin(), panel.end(), TestType(7));
        if (is_transposed)
            Kernel::pack({W.data(), 3, 2, 2}, 0, panel.data());
        else
            Kernel::pack_columns({M.data(), 2, 3, 3}, 0, panel.data());
        std::fill(right.begin(), right.end(), TestType(0));
        const std::size_t columns = std::min<std::size_t>(3, width);
        for (std::size_t k = 0; k < 2; ++k)
            for (std::size_t j = 0; j < columns; ++j)
                right[k * width + j] = W[2 * j + k];
        CHECK(panel == right);
    }
}

TEMPLATE_TEST_CASE("Packed weights give the bits of weights packed on the way", "", float, double)
{
    const auto x = random<TestType>(45, 800);
    bert::Linear<TestType> first{random<TestType>(70, 800), bert::zeros<TestType, 1>({70})};
    bert::Linear<TestType> second{random<TestType>(9, 800), bert::zeros<TestType, 1>({9})};
    for (const ProductEngine* const engine :
         {static_cast<const ProductEngine*>(nullptr), static_cast<const ProductEngine*>(&loops)}) {
        const Using chosen(engine);
        const auto packed = bert::pack_linear(std::array<const bert::Linear<TestType>*, 2>{&first, &second});
        CHECK(packed.out == 79);
        CHECK(packed.in == 800);
        Tensor<TestType, 2> y;
        y.resize({45, 79});
        Workspace workspace;
        bert::product::multiply_packed(bert::product::rows_of(x), packed, workspace,
                                       [&](std::size_t row, std::size_t column, const TestType* sums, std::size_t count) {
                                           std::copy_n(sums, count, y.data() + row * 79 + column);
                                       });
        const Tensor<TestType, 2> left = multiply(x, first.weight), right = multiply(x, second.weight);
        for (std::size_t t = 0; t < 45; ++t) {
            CHECK(std::equal(left.data() + t * 70, left.data() + (t + 1) * 70, y.data() + t * 79));
            CHECK(std::equal(right.data() + t * 9, right.data() + (t + 1) * 9, y.data() + t * 79 + 70));
        }
    }
    second.weight = random<TestType>(9, 799);
    CHECK_THROWS_WITH(bert::pack_linear(std::array<const bert::Linear<TestType>*, 2>{&first, &second}),
                      "pack_linear: weight: expected [9, 800], got [9, 799]");
}

TEST_CASE("The strands of a next panel hold each of its lines once")
{
    constexpr std::size_t line = 16, rows = 6, width = 6 * line;  // floats in a line of the cache; a matrix
    const auto matrix = bert::zeros<float, 2>({rows, width});
    const auto lines = [](const bert::product::NextPanel& next, std::size_t K) {
        std::vector<std::uintptr_t> all;
        for (const std::uintptr_t strand : next.strands)
            for (std::size_t k = 0; strand != 0 && k < K; ++k)
                all.push_back(strand + k * next.line_stride);
        std::sort(all.begin(), all.end());
        return all;
    };
    const auto at = [&](std::size_t row, std::size_t column) {
        return reinterpret_cast<std::uintptr_t>(matrix.data() + row * width + column);
    };
    std::vector<std::uintptr_t> columns, piece;
    for (std::size_t row = 0; row < rows; ++row) {
        columns.push_back(at(row, 2 * line));
        columns.push_back(at(row, 3 * line));
    }
    for (std::size_t i = 0; i < 2 * width / line; ++i)
        piece.push_back(at(0, i * line));
    const auto all_rows = bert::product::rows_of(matrix);
    CHECK(lines(bert::product::next_in_columns(all_rows, 2 * line, 2 * line, 1), rows) == columns);
    CHECK(lines(bert::product::next_in_columns(all_rows, 2 * line, 2 * line, 2), rows / 2) == columns);  // two rows for one k
    CHECK(lines(bert::product::next_contiguous(matrix.data(), 2 * width, 6), 6) == piece);
    CHECK(lines(bert::product::next_contiguous(matrix.data(), 2 * width, 3), 3) == piece);
    CHECK(lines({}, 3).empty());
}

TEST_CASE("An engine is chosen for the whole program; without a choice it is the own kernel")
{
    CHECK(bert::engine() == nullptr);
    {
        const Using chosen(&loops);
        CHECK(bert::engine() == &loops);
        CHECK(bert::engine_name(bert::engine()) == "loops");
    }
    CHECK(bert::engine() == nullptr);
    CHECK(bert::engine_name(nullptr) == "own");
    CHECK(bert::engine_name(&cblas) == "cblas");
}

TEST_CASE("The own engine and plain loops keep the bits of a row; the report says what an engine is")
{
    for (const ProductEngine* const engine :
         {static_cast<const ProductEngine*>(nullptr), static_cast<const ProductEngine*>(&loops)}) {
        const Using chosen(engine);
        const bert::EngineReport report = bert::check_engine();
        CHECK(report.engine == bert::engine_name(engine));
        CHECK(report.same_bits_float);
        CHECK(report.same_bits_double);
        CHECK(report.same_bits_bf16);
        CHECK(report.matrix_unit.sums_as_loops);
    }
    const Using chosen(&cblas);
    const bert::EngineReport report = bert::check_engine();
    CHECK_FALSE(report.kernel.empty());
    if (!report.suits_processor || !report.same_bits_float || !report.same_bits_double) CHECK_FALSE(report.advice.empty());
}

TEST_CASE("A CBLAS's kernel is measured against the processor's vectors")
{
    using bert::product::VectorWidth;
    CHECK(bert::CblasEngine::openblas_width("SkylakeX") == VectorWidth::avx512);
    CHECK(bert::CblasEngine::openblas_width("Haswell") == VectorWidth::avx2);
    CHECK(bert::CblasEngine::openblas_width("Prescott") == VectorWidth::narrow);
}
