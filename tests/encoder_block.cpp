#include "bert/encoder_block.hpp"

#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::EncoderBlock;
using bert::Tensor;
using namespace component;

TEST_CASE("encoder block: a stored layer by its input and output")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_gelu");
    const auto model = reference.model<double>();
    bert::EncoderBlockActivations<double> act;
    bert::Workspace workspace;
    const auto x = reference.rows<double>("forward.layer.0.output");
    model.encoder.layer[1].forward(x, reference.batch().sequences, model.config, act, workspace);
    CHECK_THAT(act.y(), bert::matches(reference, "forward.layer.1.output"));
}

TEST_CASE("encoder block: a stored layer's gradient by that of its output")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_gelu");
    const auto model = reference.model<double>();
    const auto& block = model.encoder.layer[1];
    const auto& sequences = reference.batch().sequences;
    bert::EncoderBlockActivations<double> act, d_act;
    bert::Workspace workspace;
    Tensor<double, 2> d_x;
    auto gradient = EncoderBlock<double>::make(model.config);
    const auto x = reference.rows<double>("forward.layer.0.output");
    block.forward(x, sequences, model.config, act, workspace);
    block.backward(reference.rows<double>("grad.forward.layer.1.output"), x, sequences, model.config, act, gradient, d_act, d_x,
                   workspace);
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
    act.attention.dropout = act.feed_forward.dropout = {.hidden = 0.3, .attention = 0.3, .stream = {1, 2}};
    bert::Workspace workspace;
    Tensor<double, 2> d_x;
    const auto loss = [&] {
        block.forward(x, sequences, config, act, workspace);
        return weighted_sum(act.y(), d_y);
    };
    loss();
    block.backward(d_y, x, sequences, config, act, gradient, d_act, d_x, workspace);
    CHECK(bert::check_gradient(block, gradient, loss, {.most = 0}).message == "");
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");

    std::vector<std::string> names;
    EncoderBlock<double>::parameters([&](const std::string& name, const auto&) { names.push_back(name); }, "b", block);
    REQUIRE(names.size() == 16);
    CHECK(names[0] == "b.attention.self.query.weight");
    CHECK(names[8] == "b.attention.output.LayerNorm.weight");
    CHECK(names[10] == "b.intermediate.dense.weight");
    CHECK(names[15] == "b.output.LayerNorm.bias");
}
