// Cross-entropy of rows that hold infinities, NaN and large numbers: by hand, in the readable set and in both fast ones.
#include "bert/ops/fast/losses.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"

#include "catch.hpp"

using bert::IndexTensor;
using bert::Tensor;

namespace {

using Plain = bert::FastOperations<bert::simd::NoVectors>;

template <class Real, class Ops>
struct Set {
    using Scalar = Real;
    using Operations = Ops;
};

template <class Real>
constexpr Real infinity = std::numeric_limits<Real>::infinity();

template <class Real>
constexpr Real not_a_number = std::numeric_limits<Real>::quiet_NaN();

}  // namespace

TEMPLATE_TEST_CASE("cross_entropy: infinite logits mean what they mean, NaN stays NaN", "", (Set<float, bert::Reference>),
                   (Set<double, bert::Reference>), (Set<float, bert::Fast>), (Set<double, bert::Fast>), (Set<float, Plain>))
{
    using Real = typename TestType::Scalar;
    using Ops = typename TestType::Operations;
    const auto loss = [](const Tensor<Real, 2>& logits, std::int64_t label, double smoothing = 0) {
        return static_cast<double>(
            Ops::cross_entropy(logits, IndexTensor<1>{label}, {.smoothing = smoothing, .divisor = {}}).value);
    };
    const double epsilon = 4 * static_cast<double>(std::numeric_limits<Real>::epsilon());
    // A class that can't be: the others share the probability. -log(e / (e + e^2 + e^0.5)) = log(1 + e + e^-0.5).
    const Tensor<Real, 2> impossible = {{1, -infinity<Real>, 2, Real(0.5)}};
    const double right = std::log(1 + std::exp(1.0) + std::exp(-0.5));
    CHECK(std::abs(loss(impossible, 0) - right) < epsilon);
    CHECK(loss(impossible, 1) == std::numeric_limits<double>::infinity());
    CHECK(loss(impossible, 0, 0.1) == std::numeric_limits<double>::infinity());  // a part of the label is on class 1
    Tensor<Real, 2> d_logits;
    Ops::cross_entropy_backward(Real(1), impossible, IndexTensor<1>{0}, {}, d_logits);
    CHECK(std::abs(static_cast<double>(d_logits(0, 0)) - (std::exp(-right) - 1)) < epsilon);
    CHECK(d_logits(0, 1) == 0);
    Ops::cross_entropy_backward(Real(1), impossible, IndexTensor<1>{1}, {}, d_logits);
    CHECK(d_logits(0, 1) == -1);

    // NaN, an infinity too many, or nothing that is possible: at every place of a long row.
    for (const std::size_t C : {1U, 3U, 8U, 16U, 37U}) {
        for (std::size_t place = 0; place < C; ++place) {
            for (const Real bad : {not_a_number<Real>, infinity<Real>}) {
                auto logits = bert::zeros<Real, 2>({1, C});
                logits(0, place) = bad;
                INFO(C << " classes, " << bad << " at " << place);
                CHECK(std::isnan(loss(logits, 0)));
                CHECK(std::isnan(loss(logits, 0, 0.1)));
                Ops::cross_entropy_backward(Real(1), logits, IndexTensor<1>{0}, {}, d_logits);
                for (const Real d : d_logits)
                    CHECK(std::isnan(d));
            }
        }
        auto logits = bert::zeros<Real, 2>({1, C});
        logits.fill(-infinity<Real>);
        CHECK(std::isnan(loss(logits, 0)));
    }
}

TEMPLATE_TEST_CASE("cross_entropy: large logits don't overflow, however many there are", "", (Set<float, bert::Reference>),
                   (Set<double, bert::Reference>), (Set<float, bert::Fast>), (Set<double, bert::Fast>), (Set<float, Plain>))
{
    using Real = typename TestType::Scalar;
    using Ops = typename TestType::Operations;
    constexpr std::size_t V = 30522;
    auto logits = bert::zeros<Real, 2>({2, V});
    // All alike: each word has the probability 1 / V. One above all others: it is certain.
    const Real large = std::numeric_limits<Real>::max() / 4;
    logits.fill(large);
    logits(1, 77) = 2 * large;
    const auto loss = [&](std::int64_t first, std::int64_t second) {
        return static_cast<double>(Ops::cross_entropy(logits, IndexTensor<1>{first, second}).value);
    };
    // A sum of V ones in float has the rounding of its order, at most V halves of epsilon.
    CHECK(std::abs(loss(5, bert::ignored_label) - std::log(static_cast<double>(V))) <
          V * static_cast<double>(std::numeric_limits<Real>::epsilon()));
    CHECK(loss(bert::ignored_label, 77) == 0);
}
