#include "bert/encoder_block.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::EncoderBlock;
using bert::Pass;
using bert::Tensor;
using namespace component;

TEST_CASE("encoder block: a stored layer by its input and output")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_gelu");
    const auto model = reference.model<double>();
    bert::EncoderBlockActivations<double> act;
    bert::Workspace workspace;
    const Pass pass{model.config, reference.batch().sequences, workspace};
    const auto x = reference.rows<double>("forward.layer.0.output");
    model.body.encoder.layer[1].forward(x, pass, act);
    CHECK_THAT(act.y(), bert::matches(reference, "forward.layer.1.output"));
}

TEST_CASE("encoder block: a stored layer's gradient by that of its output")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_gelu");
    const auto model = reference.model<double>();
    const auto& block = model.body.encoder.layer[1];
    bert::EncoderBlockActivations<double> act, d_act;
    bert::Workspace workspace;
    const Pass pass{model.config, reference.batch().sequences, workspace};
    Tensor<double, 2> d_x;
    auto gradient = EncoderBlock<double>::make(model.config);
    const auto x = reference.rows<double>("forward.layer.0.output");
    block.forward(x, pass, act);
    block.backward(reference.rows<double>("grad.forward.layer.1.output"), x, pass, act, gradient, d_act, d_x);
    CHECK_THAT(d_x, bert::matches(reference, "grad.forward.layer.0.output"));
}

TEST_CASE("encoder block: backward against central differences; names of parameters")
{
    const bert::Config config = small_config();
    auto block = random_component<EncoderBlock<double>>(config);
    auto gradient = zero_component(block);
    auto x = random<2>({5, 6}, 1);
    const auto d_y = random<2>({5, 6}, 2);
    const bert::Sequences sequences{{0, 2, 5}};
    bert::EncoderBlockActivations<double> act, d_act;
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace, {.hidden = 0.3, .probabilities = 0.3, .stream = {1, 2}}};
    Tensor<double, 2> d_x;
    const auto loss = [&] {
        block.forward(x, pass, act);
        return weighted_sum(act.y(), d_y);
    };
    loss();
    block.backward(d_y, x, pass, act, gradient, d_act, d_x);
    CHECK(bert::check_gradient(block, gradient, loss, {.most = 0}).message == "");
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");

    // The gradient between the sub-layers is that of the first one's result.
    loss();  // act is that of the last difference until then
    const auto second_loss = [&] {
        bert::FeedForwardActivations<double> second;
        block.feed_forward.forward(act.attention.output.norm.y, pass, second);
        return weighted_sum(second.y(), d_y);
    };
    CHECK(bert::check_tensor_gradient("attended", act.attention.output.norm.y, d_act.attention.output.norm.y, second_loss)
              .message == "");

    std::vector<std::string> names;
    EncoderBlock<double>::parameters([&](const std::string& name, const auto&) { names.push_back(name); }, "b", block);
    REQUIRE(names.size() == 16);
    CHECK(names[0] == "b.attention.self.query.weight");
    CHECK(names[8] == "b.attention.output.LayerNorm.weight");
    CHECK(names[10] == "b.intermediate.dense.weight");
    CHECK(names[15] == "b.output.LayerNorm.bias");
}

TEST_CASE("encoder block: a gradient of another shape is named")
{
    const bert::Config config = small_config();
    const auto block = random_component<EncoderBlock<double>>(config);
    auto gradient = zero_component(block);
    const auto x = random<2>({5, 6}, 1);
    const bert::Sequences sequences{{0, 5}};
    bert::EncoderBlockActivations<double> act, d_act;
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace};
    block.forward(x, pass, act);
    Tensor<double, 2> d_x;
    CHECK_THROWS_WITH(block.backward(random<2>({5, 4}, 1), x, pass, act, gradient, d_act, d_x),
                      "encoder_block: d_y: expected [5, 6], got [5, 4]");
}

TEST_CASE("encoder block: one token of two numbers, by hand")
{
    // Attention adds its value, (2 0), to x: (2 0) + (1 3) = (3 3); the norm of that is (0 0), shifted to (1 -1). The network
    // adds relu(1 -1) = (1 0): (2 -1), normalized (1 -1) times the scale (3 3).
    bert::Config config;
    config.num_attention_heads = 1;
    config.hidden_act = bert::Activation::relu;
    const bert::Linear<double> none{{{0, 0}, {0, 0}}, {0, 0}}, identity{{{1, 0}, {0, 1}}, {0, 0}};
    const bert::Linear<double> twice_the_first{{{2, 0}, {0, 0}}, {0, 0}};
    const EncoderBlock<double> block{{none, none, twice_the_first, {identity, {{1, 1}, {1, -1}}}},
                                     {identity, {identity, {{3, 3}, {0, 0}}}}};
    bert::EncoderBlockActivations<double> act;
    bert::Workspace workspace;
    const bert::Sequences sequences{{0, 1}};
    block.forward(Tensor<double, 2>{{1, 3}}, {config, sequences, workspace}, act);
    CHECK((act.attention.output.sum == Tensor<double, 2>{{3, 3}}));
    CHECK((act.attention.y() == Tensor<double, 2>{{1, -1}}));
    CHECK((act.feed_forward.output.sum == Tensor<double, 2>{{2, -1}}));
    CHECK(std::abs(act.y()(0, 0) - 3) < 1e-9);
    CHECK(std::abs(act.y()(0, 1) + 3) < 1e-9);
}
