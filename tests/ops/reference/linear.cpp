#include "bert/ops/reference/linear.hpp"

#include "bert/ops/reference.hpp"
#include "catch.hpp"

using bert::Reference;
using bert::Tensor;

TEMPLATE_TEST_CASE("linear: each output is a row of the weight times the input, plus its bias", "", float, double, long double)
{
    const Tensor<TestType, 2> x = {{1, 2}, {3, 4}};
    const Tensor<TestType, 2> weight = {{1, 0}, {0, 5}, {1, 1}};
    const Tensor<TestType, 1> bias = {10, 20, 30};
    Tensor<TestType, 2> y;
    bert::Workspace workspace;
    Reference::linear(x, weight, bias, y, workspace);
    // 1*1 + 10, 5*2 + 20, 1 + 2 + 30; 3 + 10, 5*4 + 20, 3 + 4 + 30
    CHECK((y == Tensor<TestType, 2>{{11, 30, 33}, {13, 40, 37}}));
}

TEST_CASE("linear: no rows make no rows")
{
    Tensor<double, 2> x, y;
    x.resize({0, 2});
    bert::Workspace workspace;
    Reference::linear(x, Tensor<double, 2>{{1, 2}}, Tensor<double, 1>{3}, y, workspace);
    CHECK(y.shape(0) == 0);
    CHECK(y.shape(1) == 1);
}

TEST_CASE("linear: a shape that doesn't fit is named")
{
    const Tensor<double, 2> x = {{1, 2}};
    Tensor<double, 2> y;
    bert::Workspace workspace;
    CHECK_THROWS_WITH(Reference::linear(x, Tensor<double, 2>{{1, 2, 3}}, Tensor<double, 1>{0}, y, workspace),
                      "linear: weight: expected [1, 2], got [1, 3]");
    CHECK_THROWS_WITH(Reference::linear(x, Tensor<double, 2>{{1, 2}}, Tensor<double, 1>{0, 0}, y, workspace),
                      "linear: bias: expected [1], got [2]");
}
