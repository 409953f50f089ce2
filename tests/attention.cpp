#include "bert/attention.hpp"

#include <cmath>

#include <instances.hpp>
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::SelfAttention;
using bert::Tensor;
using namespace component;

TEST_CASE("self-attention: a stored layer by its input and its tensors")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_many_heads");
    const auto model = reference.model<double>();
    bert::SelfAttentionActivations<double> act;
    bert::Workspace workspace;
    const auto x = reference.rows<double>("forward.layer.0.output");
    model.encoder.layer[1].attention.forward(x, reference.batch().sequences, model.config, act, workspace);
    CHECK_THAT(act.query, bert::matches(reference, "forward.layer.1.query"));
    CHECK_THAT(act.key, bert::matches(reference, "forward.layer.1.key"));
    CHECK_THAT(act.value, bert::matches(reference, "forward.layer.1.value"));
    CHECK_THAT(act.heads.context, bert::matches(reference, "forward.layer.1.context"));
    CHECK_THAT(act.output.norm.y, bert::matches(reference, "forward.layer.1.attention"));
}

TEST_CASE("self-attention: alone, a token's output is its own value, mixed, added to it and normalized")
{
    // One token: the probability is 1, the context its value. v = 2x = (2 -2), output (v + 1) = (3 -1), sum (4 -2), normalized (1 -1).
    SelfAttention<double> attention;
    bert::Config config;
    config.hidden_size = 2;
    config.num_attention_heads = 1;
    attention = SelfAttention<double>::make(config);
    attention.value.weight = {{2, 0}, {0, 2}};
    attention.output = {{{1, 0}, {0, 1}}, {1, 1}};
    attention.norm = {{1, 1}, {0, 5}};
    bert::SelfAttentionActivations<double> act;
    bert::Workspace workspace;
    attention.forward(Tensor<double, 2>{{1, -1}}, bert::Sequences{{0, 1}}, config, act, workspace);
    CHECK((act.output.sum == Tensor<double, 2>{{4, -2}}));
    CHECK(std::abs(act.output.norm.y(0, 0) - 1) < 1e-9);
    CHECK(std::abs(act.output.norm.y(0, 1) - 4) < 1e-9);
}

TEST_CASE("self-attention: backward against central differences, with dropout and without")
{
    const bert::Config config = small_config();
    for (const double probability : {0.0, 0.4}) {
        auto attention = random_component<SelfAttention<double>>(config);
        auto gradient = zero_component(attention);
        auto x = random<2>({5, 6}, 1);
        const auto d_y = random<2>({5, 6}, 2);
        const bert::Sequences sequences{{0, 3, 5}};
        bert::SelfAttentionActivations<double> act, d_act;
        act.dropout = {.hidden = probability, .attention = probability, .stream = {1, 2}, .layer = 1};
        bert::Workspace workspace;
        Tensor<double, 2> d_x;
        const auto loss = [&] {
            attention.forward(x, sequences, config, act, workspace);
            return weighted_sum(act.output.norm.y, d_y);
        };
        loss();
        attention.backward(d_y, x, sequences, config, act, gradient, d_act, d_x, workspace);
        CHECK(bert::check_gradient(attention, gradient, loss, {.most = 0}).message == "");
        CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
    }
}
