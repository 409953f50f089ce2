// What follows pooling, by hand.
#include "bert/sentence_modules.hpp"

#include <cmath>

#include "catch.hpp"

using bert::DenseActivation;
using bert::DenseModule;
using bert::LayerNormModule;
using bert::SentenceModule;
using bert::Tensor;

TEST_CASE("a dense module by hand, with each function")
{
    DenseModule<double> module{{{{1, 2}, {0, -1}}, {1, 0}}};
    const Tensor<double, 2> x = {{1, 1}, {-2, 0}};  // x Wᵀ + b is {{4, -1}, {-1, 0}}
    const auto of = [&](DenseActivation activation) {
        module.activation = activation;
        return apply_any(SentenceModule<double>(module), x);
    };
    CHECK((of(DenseActivation::identity) == Tensor<double, 2>{{4, -1}, {-1, 0}}));
    CHECK((of(DenseActivation::relu) == Tensor<double, 2>{{4, 0}, {0, 0}}));
    CHECK((of(DenseActivation::tanh) == Tensor<double, 2>{{std::tanh(4.0), std::tanh(-1.0)}, {std::tanh(-1.0), 0}}));
    CHECK(of(DenseActivation::sigmoid)(1, 1) == 0.5);
    CHECK(of(DenseActivation::sigmoid)(0, 1) == Approx(0.2689414213699951));  // 1 / (1 + e)
    CHECK(of(DenseActivation::gelu)(0, 1) == Approx(-0.15865525393145707));   // minus the normal distribution at -1
}

TEST_CASE("a dense module can add what it was given, as it is or through a matrix")
{
    DenseModule<double> module{{{{1, 0}, {0, 1}}, {0, 0}}, DenseActivation::identity, true};
    CHECK((apply_any(SentenceModule<double>(module), Tensor<double, 2>{{3, 5}}) == Tensor<double, 2>{{6, 10}}));
    module.residual = Tensor<double, 2>{{0, 1}, {1, 0}};
    CHECK((apply_any(SentenceModule<double>(module), Tensor<double, 2>{{3, 5}}) == Tensor<double, 2>{{8, 8}}));
    CHECK_THROWS_WITH(apply_any(SentenceModule<double>(module), Tensor<double, 2>{{3}}),
                      "linear: weight: expected [2, 1], got [2, 2]");
}

TEST_CASE("a layer norm and the length by hand")
{
    const LayerNormModule<double> norm{{{1, 2}, {0, 1}}};
    const auto y = apply_any(SentenceModule<double>(norm), Tensor<double, 2>{{1, 3}});  // mean 2, variance 1
    CHECK(y(0, 0) == Approx(-1 / std::sqrt(1 + 1e-5)));
    CHECK(y(0, 1) == Approx(1 + 2 / std::sqrt(1 + 1e-5)));
    const auto z = apply_any(SentenceModule<double>(bert::NormalizeModule{}), Tensor<double, 2>{{3, 4}});
    CHECK((z == Tensor<double, 2>{{0.6, 0.8}}));
}
