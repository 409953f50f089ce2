#include "bert/training/selected_rows.hpp"

#include <cstddef>
#include <vector>

#include "bert/ops/fast.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::EncoderBlock;
using bert::Pass;
using bert::SelectedBlock;
using bert::Tensor;
using namespace component;

namespace {

const std::vector<std::size_t> rows = {0, 3};
const bert::Sequences sequences{{0, 2, 5}};
const bert::Dropout dropout{.hidden = 0.4, .probabilities = 0.4, .stream = {1, 2}, .layer = 1};

}  // namespace

TEMPLATE_TEST_CASE("selected rows: they have the bits that they have among all rows, and the others are zero", "",
                   bert::Reference, bert::Fast)
{
    const bert::Config config = small_config();
    const auto block = random_component<EncoderBlock<double, TestType>>(config);
    const auto x = random<2>({5, 6}, 1);
    bert::EncoderBlockActivations<double> all;
    bert::SelectedBlockActivations<double> act;
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace, dropout};
    block.forward(x, pass, all);
    SelectedBlock<double, TestType>{block, rows}.forward(x, pass, act);
    REQUIRE((act.y.shape() == x.shape()));
    for (std::size_t t = 0; t < 5; ++t)
        for (std::size_t h = 0; h < 6; ++h)
            CHECK(act.y(t, h) == (t == 0 || t == 3 ? all.y()(t, h) : 0));
}

TEMPLATE_TEST_CASE("selected rows: backward against central differences", "", bert::Reference, bert::Fast)
{
    const bert::Config config = small_config();
    auto block = random_component<EncoderBlock<double, TestType>>(config);
    auto gradient = zero_component(block);
    auto x = random<2>({5, 6}, 1);
    const auto d_y = random<2>({5, 6}, 2);  // nothing reads what it says of the other rows
    bert::SelectedBlockActivations<double> act, d_act;
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace, dropout};
    const auto loss = [&] {
        SelectedBlock<double, TestType>{block, rows}.forward(x, pass, act);
        return weighted_sum(act.y, d_y);
    };
    loss();
    Tensor<double, 2> d_x = d_y;
    SelectedBlock<double, TestType>{block, rows}.backward(x, pass, act, gradient, d_act, d_x);
    CHECK(bert::check_gradient(block, gradient, loss, {.most = 0}).message == "");
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
}

TEST_CASE("selected rows: a row that there isn't is named")
{
    const bert::Config config = small_config();
    const auto block = random_component<EncoderBlock<double>>(config);
    bert::SelectedBlockActivations<double> act;
    bert::Workspace workspace;
    const std::vector<std::size_t> too_far = {0, 5};
    const auto x = random<2>({5, 6}, 1);
    CHECK_THROWS_WITH((SelectedBlock<double, bert::Reference>{block, too_far}.forward(x, {config, sequences, workspace}, act)),
                      "selected rows: rows[1]: expected a row below 5, got 5");

    const std::vector<std::size_t> falling = {3, 0};
    CHECK_THROWS_WITH((SelectedBlock<double, bert::Reference>{block, falling}.forward(x, {config, sequences, workspace}, act)),
                      "selected rows: rows[1]: expected more than 3, got 0");
    CHECK(act.block.attention.qkv.query.size() == 0);

    const SelectedBlock<double, bert::Reference> selected{block, rows};
    const Pass pass{config, sequences, workspace};
    selected.forward(x, pass, act);
    bert::SelectedBlockActivations<double> d_act;
    auto gradient = zero_component(block);
    Tensor<double, 2> d_x = random<2>({4, 6}, 2);
    CHECK_THROWS_WITH(selected.backward(x, pass, act, gradient, d_act, d_x), "selected rows: d_x: expected [5, 6], got [4, 6]");
}
