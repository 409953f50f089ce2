#include "bert/verify/comparison.hpp"

#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "catch.hpp"

using bert::compare;
using bert::compare_norms;
using bert::Comparison;
using bert::IndexTensor;
using bert::NamedTensor;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

NamedTensor named(const char* name, std::vector<std::size_t> shape, std::vector<double> values)
{
    return {name, std::move(shape), std::move(values)};
}

const IndexTensor<2> nothing_masked;

struct InBf16 {
    static constexpr bool products_in_bf16 = true;
};

}  // namespace

TEST_CASE("compare: the error is the largest difference over the largest expected magnitude")
{
    const auto expected = named("grad.w", {2, 2}, {1, -4, 2, 3});
    const Comparison same = compare(expected, expected, nothing_masked, 0);
    CHECK(same.holds);
    CHECK(same.error == 0);
    const Comparison off = compare(named("grad.w", {2, 2}, {1, -4, 2.5, 3}), expected, nothing_masked, 0.1);
    CHECK_FALSE(off.holds);
    CHECK(off.error == 0.125);
    CHECK(off.message == "grad.w[1, 0]: expected 2, got 2.5: error 0.125, limit 0.1");
    CHECK(compare(named("grad.w", {2, 2}, {1, -4, 2.5, 3}), expected, nothing_masked, 0.125).holds);
    CHECK(compare(named("grad.w", {2, 2}, {1, -4, 2.5, 3}), expected, nothing_masked, 0.01, 100).holds);  // 0.5 / 100
}

TEST_CASE("compare: a NaN or an infinity never holds, on either side")
{
    for (const double number : {not_a_number, infinity, -infinity}) {
        const auto good = named("grad.w", {3}, {1, 2, 3}), broken = named("grad.w", {3}, {1, number, 3});
        CHECK_FALSE(compare(broken, good, nothing_masked, 1e9).holds);
        CHECK_FALSE(compare(good, broken, nothing_masked, 1e9).holds);
        CHECK_FALSE(compare(broken, broken, nothing_masked, 1e9).holds);
    }
    CHECK(compare(named("grad.w", {2}, {1, not_a_number}), named("grad.w", {2}, {1, 5}), nothing_masked, 1).message ==
          "grad.w[1]: expected 5, got nan: error inf, limit 1");
}

TEST_CASE("compare: what has nothing to compare doesn't hold")
{
    const auto rows = named("forward.embeddings.sum", {1, 2, 1}, {1, 2});
    const IndexTensor<2> one = {{1, 0}}, none = {{0, 0}};
    CHECK(compare(rows, rows, one, 0).holds);
    const Comparison padding = compare(rows, rows, none, 1);
    CHECK_FALSE(padding.holds);
    CHECK(padding.message == "forward.embeddings.sum: expected an element to compare, got padding alone");
}

TEST_CASE("compare: shapes must be equal, nothing broadcasts")
{
    const auto expected = named("grad.w", {2, 3}, {1, 1, 1, 1, 1, 1});
    CHECK(compare(named("grad.w", {1, 3}, {1, 1, 1}), expected, nothing_masked, 1).message ==
          "grad.w: expected shape [2, 3], got [1, 3]");
    CHECK_FALSE(compare(named("grad.w", {3, 2}, {1, 1, 1, 1, 1, 1}), expected, nothing_masked, 1).holds);
    CHECK_FALSE(compare(named("grad.w", {6}, {1, 1, 1, 1, 1, 1}), expected, nothing_masked, 1).holds);
    CHECK_FALSE(compare(named("grad.w", {2, 3, 1}, {1, 1, 1, 1, 1, 1}), expected, nothing_masked, 1).holds);
}

TEST_CASE("compare: padded rows are passed over, real ones are not")
{
    const IndexTensor<2> mask = {{1, 0}, {1, 1}};
    const auto expected = named("forward.layer.0.query", {2, 2, 2}, {1, 2, 9, 9, 3, 4, 5, 6});
    CHECK(compare(named("forward.layer.0.query", {2, 2, 2}, {1, 2, not_a_number, -7, 3, 4, 5, 6}), expected, mask, 0).holds);
    CHECK(compare(named("forward.layer.0.query", {2, 2, 2}, {1, 2, 9, 9, 3, 4, 5, 7}), expected, mask, 0.1).message ==
          "forward.layer.0.query[1, 1, 1]: expected 6, got 7: error 0.167, limit 0.1");  // 9 at a padded row is no scale
    CHECK_FALSE(
        compare(named("forward.pooled", {2, 2}, {1, 2, 3, 5}), named("forward.pooled", {2, 2}, {1, 2, 3, 4}), mask, 0).holds);
}

TEST_CASE("compare: scores of masked keys are passed over, probabilities must be 0 there")
{
    const IndexTensor<2> mask = {{1, 0}};
    const auto scores = named("forward.layer.0.scores", {1, 1, 2, 2}, {1, 5, 5, 5});
    CHECK(compare(named("forward.layer.0.scores", {1, 1, 2, 2}, {1, 0, 0, 0}), scores, mask, 0).holds);
    const auto probabilities = named("forward.layer.0.probabilities", {1, 1, 2, 2}, {1, 0, 1, 0});
    CHECK(compare(named("forward.layer.0.probabilities", {1, 1, 2, 2}, {1, 0, 0, 0}), probabilities, mask, 0).holds);
    CHECK_FALSE(compare(named("forward.layer.0.probabilities", {1, 1, 2, 2}, {1, 1e-30, 0, 0}), probabilities, mask, 1).holds);
}

TEST_CASE("compare_all: what is missing doesn't hold, and the first failing tensor of the computation comes first")
{
    const std::vector<NamedTensor> expected = {named("input.ids", {1}, {7}), named("forward.pooled", {1}, {2}),
                                               named("forward.embeddings", {1}, {1}), named("loss.total", {}, {3}),
                                               named("grad.w", {1}, {4})};
    const std::vector<NamedTensor> found = {named("forward.embeddings", {1}, {1}), named("forward.extra", {1}, {0}),
                                            named("forward.pooled", {1}, {2.5}), named("loss.total", {}, {3})};
    const auto comparisons = bert::compare_all(found, expected, nothing_masked, bert::limits_of<double>());
    REQUIRE(comparisons.size() == 4);
    CHECK(comparisons[0].name == "forward.embeddings");
    CHECK(comparisons[0].holds);
    CHECK(comparisons[1].name == "forward.pooled");
    CHECK_FALSE(comparisons[1].holds);
    CHECK(comparisons[2].holds);
    CHECK(comparisons[3].message == "grad.w: expected [1], got no such tensor");
    CHECK_FALSE(comparisons[3].holds);
}

TEST_CASE("compare_all: a tensor that is zero but for rounding is held to a hundredth of the largest of its kind")
{
    const std::vector<NamedTensor> expected = {named("grad.weight", {1}, {10}), named("grad.key.bias", {1}, {1e-19})};
    const auto hold = [&](double bias) {
        const std::vector<NamedTensor> found = {named("grad.weight", {1}, {10}), named("grad.key.bias", {1}, {bias})};
        return bert::compare_all(found, expected, nothing_masked, bert::limits_of<double>())[1];
    };
    CHECK(hold(-3e-18).holds);
    CHECK_FALSE(hold(1e-10).holds);  // 1e-10 / 0.1
}

TEST_CASE("compare_norms: the norm of the difference over the expected norm; what lies along the expected tensor counts twice")
{
    const auto expected = named("grad.w", {2}, {3, 4});  // norm 5
    CHECK(compare_norms(expected, expected, nothing_masked, 0).error == 0);
    const Comparison across = compare_norms(named("grad.w", {2}, {3 - 0.4, 4 + 0.3}), expected, nothing_masked, 0.05);
    CHECK(across.error == Approx(0.1));  // (-0.4, 0.3) has norm 0.5, and no part along (3, 4)
    CHECK(across.message == "grad.w: expected norm 5, got 5.02494: relative norm of the difference 0.1, limit 0.05");
    CHECK(compare_norms(named("grad.w", {2}, {3 - 0.4, 4 + 0.3}), expected, nothing_masked, 0.11).holds);
    const Comparison along = compare_norms(named("grad.w", {2}, {2.7, 3.6}), expected, nothing_masked, 0.15);
    CHECK_FALSE(along.holds);
    CHECK(along.error == Approx(0.2));
    CHECK(along.message ==
          "grad.w: expected norm 5, got 4.5: twice the relative difference along the expected tensor 0.2, limit 0.15");
    CHECK(compare_norms(named("grad.w", {2}, {2.7, 3.6}), expected, nothing_masked, 1, 10).error == Approx(0.05));  // 0.5 / 10
    CHECK_FALSE(compare_norms(named("grad.w", {2}, {0, 0}), expected, nothing_masked, 0.9).holds);
    const auto zero = named("grad.w", {2}, {0, 0});
    CHECK(compare_norms(zero, zero, nothing_masked, 0).holds);
    CHECK_FALSE(compare_norms(expected, zero, nothing_masked, 1e9).holds);
}

TEST_CASE("compare_norms: shapes, padding and what isn't finite are treated as by compare")
{
    const auto expected = named("grad.w", {3}, {1, 2, 3});
    CHECK(compare_norms(named("grad.w", {3, 1}, {1, 2, 3}), expected, nothing_masked, 1e9).message ==
          "grad.w: expected shape [3], got [3, 1]");
    for (const double number : {not_a_number, infinity, -infinity}) {
        const Comparison broken = compare_norms(named("grad.w", {3}, {1, number, 3}), expected, nothing_masked, 1e9);
        CHECK_FALSE(broken.holds);
        CHECK(broken.error == infinity);
        CHECK_FALSE(compare_norms(expected, named("grad.w", {3}, {1, number, 3}), nothing_masked, 1e9).holds);
    }
    CHECK(compare_norms(named("grad.w", {3}, {1, not_a_number, 3}), expected, nothing_masked, 1e9).message ==
          "grad.w[1]: expected 2, got nan");
    CHECK_FALSE(compare_norms(named("grad.w", {1}, {1e200}), named("grad.w", {1}, {-1e200}), nothing_masked, 1e9).holds);

    const IndexTensor<2> mask = {{1, 0}}, none = {{0, 0}};
    const auto rows = named("forward.embeddings", {1, 2, 1}, {4, 100});
    CHECK(compare_norms(named("forward.embeddings", {1, 2, 1}, {4, not_a_number}), rows, mask, 0).holds);
    CHECK(compare_norms(named("forward.embeddings", {1, 2, 1}, {5, 100}), rows, mask, 1).error == Approx(0.5));  // 2 · 1/4
    CHECK(compare_norms(rows, rows, none, 1).message == "forward.embeddings: expected an element to compare, got padding alone");
    const auto probabilities = named("forward.layer.0.probabilities", {1, 1, 2, 2}, {1, 0, 1, 0});
    CHECK_FALSE(
        compare_norms(named("forward.layer.0.probabilities", {1, 1, 2, 2}, {1, 1e-30, 0, 0}), probabilities, mask, 1).holds);
}

TEST_CASE("compare_all by norms: what is small beside all of its kind is held to a part of that")
{
    const bert::Limits limits = bert::limits_of<float, InBf16>();
    const auto error = [&](const std::string& kind, double bias) {
        const std::vector<NamedTensor> expected = {{kind + ".a.weight", {2}, {18, 24}}, {kind + ".key.bias", {1}, {0}}};
        const std::vector<NamedTensor> found = {{kind + ".a.weight", {2}, {18, 24}}, {kind + ".key.bias", {1}, {bias}}};
        return bert::compare_all(found, expected, nothing_masked, limits)[1].error;
    };
    CHECK(error("grad", 0.1) == Approx(0.1));  // 0.1 / (30 / 30)
    CHECK(error("forward", 0.1) == Approx(0.1));
    CHECK(error("train.parameter", 0.6) == Approx(0.2));  // 0.6 / (30 / 10)
}

TEST_CASE("The limits of products in bfloat16 lie below what a factor of 0.9 makes, 0.2, but for trained parameters")
{
    const bert::Limits limits = bert::limits_of<float, InBf16>();
    CHECK(limits.measure == bert::Measure::norm);
    CHECK(bert::limit_of("train.loss", limits) == limits.loss);  // training moves it by little more than the limit of gradients
    CHECK(bert::limit_of("train.grad_norm", limits) == limits.curve);
    for (const double limit : {limits.forward, limits.loss, limits.gradient, limits.curve})
        CHECK(limit <= 0.15);
    CHECK(bert::limits_of<float>().measure == bert::Measure::largest);
    CHECK(bert::limits_of<double>().measure == bert::Measure::largest);
}

TEST_CASE("The limits are those of the format")
{
    CHECK(bert::limit_of("forward.pooled", bert::limits_of<double>()) == 1e-12);
    CHECK(bert::limit_of("grad.forward.embeddings", bert::limits_of<float>()) == 1e-4);
    CHECK(bert::limit_of("train.parameter.w", bert::limits_of<long double>()) == 1e-9);
    CHECK(bert::limit_of("train.grad_norm", bert::limits_of<float>()) == 5e-5);
}
