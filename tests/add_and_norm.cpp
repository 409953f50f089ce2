#include "bert/add_and_norm.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "bert/core/parameters.hpp"
#include "bert/ops/fast.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::AddAndNorm;
using bert::Pass;
using bert::Tensor;
using namespace component;

namespace {

bert::Config config_with(double layer_norm_eps)
{
    bert::Config config;
    config.layer_norm_eps = layer_norm_eps;
    return config;
}

}  // namespace

TEST_CASE("Add & Norm: by hand, without dropout and with everything dropped")
{
    // x W^T + b = (2 0) + (1 1) = (3 1); with the residual (4 -1): (7 0), normalized (1 -1), scaled (1 -2).
    const AddAndNorm<double> box{{{{2}, {0}}, {1, 1}}, {{1, 2}, {0, 0}}};
    const Tensor<double, 2> x = {{1}}, residual = {{4, -1}};
    bert::AddAndNormActivations<double> act;
    bert::Workspace workspace;
    const bert::Config config = config_with(1e-12);
    const bert::Sequences sequences{{0, 1}};
    const Pass pass{config, sequences, workspace};
    box.forward(x, residual, pass, act);
    CHECK((act.projected == Tensor<double, 2>{{3, 1}}));
    CHECK((act.sum == Tensor<double, 2>{{7, 0}}));
    CHECK(std::abs(act.y()(0, 0) - 1) < 1e-9);
    CHECK(std::abs(act.y()(0, 1) + 2) < 1e-9);
    box.forward(x, residual, {config, sequences, workspace, {.hidden = 0.999999999}}, act);
    CHECK((act.after_dropout == Tensor<double, 2>{{0, 0}}));
    CHECK((act.sum == residual));
    CHECK_THROWS_WITH(box.forward(x, x, pass, act), "add_and_norm: residual: expected [1, 2], got [1, 1]");
    CHECK_THROWS_WITH(box.forward(residual, residual, pass, act), "add_and_norm: dense.weight: expected [2, 2], got [2, 1]");
    AddAndNorm<double> gradient = box;
    bert::AddAndNormActivations<double> d_act;
    Tensor<double, 2> d_x;
    CHECK_THROWS_WITH(box.backward(residual, x, pass, {}, gradient, d_act, d_x),
                      "add_and_norm: act.norm.x_hat (forward computes it): expected [1, 2], got [0, 0]");
    box.forward(x, residual, pass, act);
    CHECK_THROWS_WITH(box.backward(x, x, pass, act, gradient, d_act, d_x), "add_and_norm: d_y: expected [1, 2], got [1, 1]");
    gradient.dense.bias.resize({3});
    CHECK_THROWS_WITH(box.backward(residual, x, pass, act, gradient, d_act, d_x),
                      "add_and_norm: d_dense.bias: expected [2], got [3]");
    gradient = box;
    gradient.norm.gamma.resize({3});
    CHECK_THROWS_WITH(box.backward(residual, x, pass, act, gradient, d_act, d_x),
                      "add_and_norm: d_LayerNorm.weight: expected [2], got [3]");
    AddAndNorm<double> wider_norm = box;
    wider_norm.norm.beta.resize({3});
    CHECK_THROWS_WITH(wider_norm.forward(x, residual, pass, act), "add_and_norm: LayerNorm.bias: expected [2], got [3]");
    bert::AddAndNormActivations<double> untouched;
    CHECK_THROWS_WITH(box.forward(x, residual, {config, sequences, workspace, {.hidden = 1}}, untouched),
                      "dropout: expected a probability in [0, 1), got 1.000000");
    CHECK(untouched.projected.size() == 0);
    const AddAndNorm<double, bert::Fast> fast{box.dense, box.norm};
    CHECK_THROWS_WITH(fast.forward(x, x, pass, act), "add_and_norm: residual: expected [1, 2], got [1, 1]");
}

TEMPLATE_TEST_CASE("Add & Norm: backward against central differences, the residual's gradient included", "", bert::Reference,
                   bert::Fast)
{
    auto x = random<2>({5, 3}, 1), residual = random<2>({5, 4}, 2);
    AddAndNorm<double, TestType> box{{random<2>({4, 3}, 3), random<1>({4}, 4)}, {random<1>({4}, 5), random<1>({4}, 6)}};
    const auto d_y = random<2>({5, 4}, 7);
    auto gradient = AddAndNorm<double, TestType>::make(3, 4);
    bert::AddAndNormActivations<double> act, d_act;
    bert::Workspace workspace;
    const bert::Config config = config_with(1e-3);
    const bert::Sequences sequences{{0, 5}};
    const Pass pass{config, sequences, workspace, {.hidden = 0.4, .stream = {1, 2}, .site = bert::DropoutSite::attention}};
    Tensor<double, 2> d_x;
    const auto loss = [&] {
        box.forward(x, residual, pass, act);
        return weighted_sum(act.y(), d_y);
    };
    loss();
    box.backward(d_y, x, pass, act, gradient, d_act, d_x);
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
    CHECK(bert::check_tensor_gradient("residual", residual, d_act.sum, loss).message == "");
    CHECK(bert::check_gradient(box, gradient, loss).message == "");
}

TEST_CASE("Add & Norm: the parameters have the published names")
{
    const auto box = AddAndNorm<double>::make(3, 4);
    std::vector<std::string> names;
    AddAndNorm<double>::parameters([&](const std::string& name, const auto&) { names.push_back(name); }, "output", box);
    CHECK(names == std::vector<std::string>{"output.dense.weight", "output.dense.bias", "output.LayerNorm.weight",
                                            "output.LayerNorm.bias"});
    CHECK(bert::count_parameters(box) == 3 * 4 + 4 + 2 * 4);
}
