#include "bert/core/parameters.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"

#include "catch.hpp"

using bert::LayerNorm;
using bert::Linear;

TEST_CASE("Parameters are visited under their published names, several instances side by side")
{
    Linear<double> a{{{1, 2}}, {3}}, b{{{4, 5}}, {6}};
    std::vector<std::string> names;
    double sum_of_products = 0;
    Linear<double>::parameters(
        [&](const std::string& name, const auto& x, const auto& y) {
            names.push_back(name);
            for (std::size_t i = 0; i < x.size(); ++i)
                sum_of_products += x.data()[i] * y.data()[i];
        },
        "pooler.dense", a, b);
    CHECK(names == std::vector<std::string>{"pooler.dense.weight", "pooler.dense.bias"});
    CHECK(sum_of_products == 4 + 10 + 18);
    CHECK(bert::count_parameters(a) == 3);
}

TEST_CASE("Copying converts the scalar, and refuses other shapes")
{
    const LayerNorm<double> from{{1.5, 2.5}, {0.1, -3}};
    auto to = bert::make_layer_norm<float>(2);
    bert::copy_parameters(from, to);
    CHECK(to.gamma(1) == 2.5f);
    CHECK(to.beta(0) == 0.1f);
    auto wider = bert::make_layer_norm<float>(3);
    CHECK_THROWS_WITH(bert::copy_parameters(from, wider), "copy_parameters: .weight: expected [2], got [3]");
}
