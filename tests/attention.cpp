#include "bert/attention.hpp"

#include <cmath>

#include <instances.hpp>
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::Pass;
using bert::SelfAttention;
using bert::Tensor;
using namespace component;

TEST_CASE("self-attention: a stored layer by its input and its tensors")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_many_heads");
    const auto model = reference.model<double>();
    bert::SelfAttentionActivations<double> act;
    bert::Workspace workspace;
    const Pass pass{model.config, reference.batch().sequences, workspace};
    const auto x = reference.rows<double>("forward.layer.0.output");
    model.body.encoder.layer[1].attention.forward(x, pass, act);
    CHECK_THAT(act.qkv.query, bert::matches(reference, "forward.layer.1.query"));
    CHECK_THAT(act.qkv.key, bert::matches(reference, "forward.layer.1.key"));
    CHECK_THAT(act.qkv.value, bert::matches(reference, "forward.layer.1.value"));
    CHECK_THAT(act.heads.context, bert::matches(reference, "forward.layer.1.context"));
    CHECK_THAT(act.y(), bert::matches(reference, "forward.layer.1.attention"));
}

TEST_CASE("self-attention: alone, a token's output is its own value, mixed, added to it and normalized")
{
    // One token: the probability is 1, the context its value.
    // v = 2x = (2 -2), output (v + 1) = (3 -1), sum (4 -2), normalized (1 -1).
    bert::Config config;
    config.hidden_size = 2;
    config.num_attention_heads = 1;
    auto attention = SelfAttention<double>::make(config);
    attention.value.weight = {{2, 0}, {0, 2}};
    attention.output.dense = {{{1, 0}, {0, 1}}, {1, 1}};
    attention.output.norm = {{1, 1}, {0, 5}};
    bert::SelfAttentionActivations<double> act;
    bert::Workspace workspace;
    const bert::Sequences sequences{{0, 1}};
    attention.forward(Tensor<double, 2>{{1, -1}}, {config, sequences, workspace}, act);
    CHECK((act.output.sum == Tensor<double, 2>{{4, -2}}));
    CHECK(std::abs(act.y()(0, 0) - 1) < 1e-9);
    CHECK(std::abs(act.y()(0, 1) - 4) < 1e-9);
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
        bert::Workspace workspace;
        const bert::Dropout dropout{.hidden = probability, .probabilities = probability, .stream = {1, 2}, .layer = 1};
        const Pass pass{config, sequences, workspace, dropout};
        Tensor<double, 2> d_x;
        const auto loss = [&] {
            attention.forward(x, pass, act);
            return weighted_sum(act.y(), d_y);
        };
        loss();
        attention.backward(d_y, x, pass, act, gradient, d_act, d_x);
        CHECK(bert::check_gradient(attention, gradient, loss, {.most = 0}).message == "");
        CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");

        // The result may stand where the gradient of the output stood.
        loss();  // act is that of the last difference until then
        auto in_place = d_y;
        auto again = zero_component(attention);
        attention.backward(in_place, x, pass, act, again, d_act, in_place);
        CHECK((in_place == d_x));
    }
}

TEST_CASE("self-attention: query, key and value alone add to the gradient that the residual has brought")
{
    const bert::Config config = small_config();
    auto attention = random_component<SelfAttention<double>>(config);
    auto gradient = zero_component(attention);
    auto x = random<2>({5, 6}, 1);
    const bert::Sequences sequences{{0, 3, 5}};
    bert::SelfAttentionActivations<double> act, d_act;
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace};
    d_act.heads.context = random<2>({5, 6}, 2);
    const Tensor<double, 2> d_context = d_act.heads.context;
    const auto loss = [&] {
        attention.attend(x, pass, act);
        return weighted_sum(act.heads.context, d_context);
    };
    loss();
    auto d_x = bert::zeros<double, 2>({5, 6});
    d_x.fill(10.0);
    attention.attend_backward(x, pass, act, gradient, d_act, d_x);
    for (double& value : d_x)
        value -= 10;
    CHECK(bert::check_gradient(attention, gradient, loss, {.most = 0}).message == "");
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
}

TEMPLATE_TEST_CASE("self-attention: what doesn't fit is named before anything is written", "", bert::Reference, bert::Fast)
{
    const bert::Config config = small_config();  // H = 6
    auto attention = random_component<SelfAttention<double, TestType>>(config);
    auto gradient = zero_component(attention);
    const auto x = random<2>({5, 6}, 1);
    const bert::Sequences sequences{{0, 3, 5}}, other{{0, 3}};
    bert::SelfAttentionActivations<double> act, d_act;
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace};
    Tensor<double, 2> d_x;
    CHECK_THROWS_WITH(attention.forward(x, {config, other, workspace}, act), "attention: sequences: expected 5 tokens, got 3");
    CHECK_THROWS_WITH(attention.forward(random<2>({5, 4}, 1), pass, act),
                      "attention: output.dense.weight: expected [4, 4], got [6, 6]");
    CHECK_THROWS_WITH(attention.attend(random<2>({5, 4}, 1), pass, act), "attention: query.weight: expected [4, 4], got [6, 6]");
    attention.value.bias.resize({5});
    CHECK_THROWS_WITH(attention.forward(x, pass, act), "attention: value.bias: expected [6], got [5]");
    CHECK(act.qkv.query.size() == 0);
    attention.value.bias.resize({6});
    attention.output.norm.beta.resize({5});
    CHECK_THROWS_WITH(attention.forward(x, pass, act), "attention: output.LayerNorm.bias: expected [6], got [5]");
    attention.output.norm.beta = bert::zeros<double, 1>({6});
    attention.output.dense.weight.resize({5, 6});
    CHECK_THROWS_WITH(attention.forward(x, pass, act), "attention: output.dense.weight: expected [6, 6], got [5, 6]");
    attention.output.dense.weight = random<2>({6, 6}, 3);
    bert::Config five_heads = config;
    five_heads.num_attention_heads = 5;
    const Pass certain{config, sequences, workspace, {.probabilities = 1}};
    CHECK_THROWS_WITH(attention.forward(x, {five_heads, sequences, workspace}, act),
                      "attention: heads: expected a divisor of 6, got 5");
    CHECK_THROWS_WITH(attention.forward(x, certain, act), "dropout: expected a probability in [0, 1), got 1.000000");
    CHECK(act.qkv.query.size() == 0);
    attention.forward(x, pass, act);
    CHECK_THROWS_WITH(attention.backward(x, x, {five_heads, sequences, workspace}, act, gradient, d_act, d_x),
                      "attention: heads: expected a divisor of 6, got 5");
    CHECK_THROWS_WITH(attention.backward(x, x, certain, act, gradient, d_act, d_x),
                      "dropout: expected a probability in [0, 1), got 1.000000");
    CHECK_THROWS_WITH(attention.backward(random<2>({4, 6}, 1), x, pass, act, gradient, d_act, d_x),
                      "attention: d_y: expected [5, 6], got [4, 6]");
    CHECK_THROWS_WITH(attention.backward(x, x, {config, other, workspace}, act, gradient, d_act, d_x),
                      "attention: sequences: expected 5 tokens, got 3");
    const bert::SelfAttentionActivations<double> of_nothing;
    CHECK_THROWS_WITH(attention.backward(x, x, pass, of_nothing, gradient, d_act, d_x),
                      "attention: act.qkv.query (forward computes it): expected [5, 6], got [0, 0]");
    gradient.key.weight.resize({6, 5});
    CHECK_THROWS_WITH(attention.backward(x, x, pass, act, gradient, d_act, d_x),
                      "attention: d_key.weight: expected [6, 6], got [6, 5]");
    CHECK((gradient.output.norm.beta == zero_component(attention).output.norm.beta));  // nothing was added yet
}
