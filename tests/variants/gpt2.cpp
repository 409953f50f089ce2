#include "bert/variants/gpt2.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "bert/core/parameters.hpp"
#include "bert/ops/fast.hpp"
#include "bert/training/initialize.hpp"

#include "catch.hpp"
#include "component.hpp"
#include "variants/check_variant.hpp"

using bert::Pass;
using bert::Tensor;
using namespace component;

namespace {

/// H 6, A 2, I 5, V 11, 7 positions, 2 layers.
bert::Config gpt2_config()
{
    bert::Config config = small_config();
    config.is_causal = true;
    config.type_vocab_size = 0;
    config.has_pooler = false;
    return config;
}

}  // namespace

TEST_CASE("GPT-2's embeddings: word and position, by hand")
{
    const bert::Gpt2Embeddings<double> embeddings{{{1, 2}, {3, 4}}, {{10, 20}, {30, 40}}};
    const bert::Batch batch = bert::pack({{1, 0}, {1}});
    const bert::Config config;
    bert::Workspace workspace;
    bert::Gpt2EmbeddingsActivations<double> act, d_act;
    embeddings.forward(batch, {config, batch.sequences, workspace}, act);
    CHECK((act.y == Tensor<double, 2>{{13, 24}, {31, 42}, {13, 24}}));
    bert::Gpt2Embeddings<double> gradient{bert::zeros<double, 2>({2, 2}), bert::zeros<double, 2>({2, 2})};
    embeddings.backward({{1, 0}, {0, 1}, {5, 5}}, batch, {config, batch.sequences, workspace}, gradient, d_act);
    CHECK((gradient.word == Tensor<double, 2>{{0, 1}, {6, 5}}));  // the padding id's row too
    CHECK((gradient.position == Tensor<double, 2>{{6, 5}, {0, 1}}));
}

TEST_CASE("GPT-2: a token's hidden state doesn't depend on what follows")
{
    const bert::Config config = gpt2_config();
    const auto body = random_component<bert::Gpt2Model<double>>(config).body;
    bert::Workspace workspace;
    const auto hidden = [&](const bert::Batch& batch) {
        bert::Gpt2BodyActivations<double> act;
        body.forward(batch, {config, batch.sequences, workspace}, act);
        return act.final_norm.y;
    };
    const Tensor<double, 2> first = hidden(bert::pack({{1, 4, 2}})), second = hidden(bert::pack({{1, 4, 7}}));
    for (std::size_t h = 0; h < 6; ++h) {
        CHECK(first(0, h) == second(0, h));
        CHECK(first(1, h) == second(1, h));
        CHECK(first(2, h) != second(2, h));
    }
}

TEST_CASE("GPT-2: the number of parameters is that of the published models")
{
    // transformers 5.23: GPT2Model small, medium, large and xl.
    bert::Config config = bert::gpt2_family.defaults();
    const auto count = [&](std::size_t H, std::size_t layers) {
        config.hidden_size = H;
        config.num_hidden_layers = layers;
        config.intermediate_size = 4 * H;
        return bert::parameter_count(config);
    };
    CHECK(count(768, 12) == 124'439'808);
    CHECK(count(1024, 24) == 354'823'168);
    CHECK(count(1280, 36) == 774'030'080);
    CHECK(count(1600, 48) == 1'557'611'200);
    config.hidden_size = 12;
    config.num_hidden_layers = 2;
    config.vocab_size = 11;
    CHECK(bert::count_parameters(bert::Gpt2Model<float>::make(config)) == bert::parameter_count(config));
}

TEST_CASE("GPT-2: new projections in front of a sum are narrower, by the root of twice the layers")
{
    bert::Config config = bert::gpt2_family.defaults();
    config.vocab_size = 50;
    config.hidden_size = 96;
    config.intermediate_size = 200;
    config.num_hidden_layers = 8;
    config.max_position_embeddings = 8;
    auto model = bert::Gpt2Model<double>::make(config);
    bert::initialize(model, 3);
    const auto deviation = [](const Tensor<double, 2>& x) {
        double squares = 0;
        for (const double value : x)
            squares += value * value;
        return std::sqrt(squares / static_cast<double>(x.size()));
    };
    const auto& block = model.body.layer[2];  // 9,216 numbers and more: within 3 %
    CHECK(std::abs(deviation(block.attention.query.weight) / 0.02 - 1) < 0.03);
    CHECK(std::abs(deviation(block.feed_forward.intermediate.weight) / 0.02 - 1) < 0.03);
    CHECK(std::abs(deviation(block.attention.output.dense.weight) / 0.02 * 4 - 1) < 0.03);  // sqrt(2 * 8) is 4
    CHECK(std::abs(deviation(block.feed_forward.output.dense.weight) / 0.02 * 4 - 1) < 0.03);
}

TEST_CASE("GPT-2: every class is trained as its gradient says, with dropout")
{
    variant::check_gradients(bert::load_gpt2<double, bert::Reference>, "gpt2_lm");
    variant::check_gradients(bert::load_gpt2<double, bert::Fast>, "gpt2_sequence_classes");
    variant::check_gradients(bert::load_gpt2<double, bert::Fast>, "gpt2_token_classification");
}

// The following tests break one thing after the other, from the last check to the first: each time the message is that of the
// earlier check, and in the end nothing has been written.

TEST_CASE("GPT-2's embeddings: what doesn't fit is named before anything is written")
{
    const bert::Config config = gpt2_config();
    const auto embeddings = random_component<bert::Gpt2Embeddings<double>>(config);
    const bert::Batch batch = small_batch();  // T 5
    bert::Workspace workspace;
    const Pass certain{config, batch.sequences, workspace, {.hidden = 1}};
    bert::Gpt2EmbeddingsActivations<double> act, d_act;
    CHECK_THROWS_WITH(embeddings.forward(batch, certain, act), "dropout: expected a probability in [0, 1), got 1.000000");
    auto changed = embeddings;
    changed.position.resize({7, 5});
    CHECK_THROWS_WITH(changed.forward(batch, certain, act), "embeddings: position table: expected [7, 6], got [7, 5]");
    bert::Batch other = batch;
    other.positions(3) = 7;
    CHECK_THROWS_WITH(changed.forward(other, certain, act), "embeddings: positions[3]: expected 0 to 6, got 7");
    other.ids(0) = 11;
    CHECK_THROWS_WITH(changed.forward(other, certain, act), "embeddings: ids[0]: expected 0 to 10, got 11");
    other.positions.resize({4});
    CHECK_THROWS_WITH(changed.forward(other, certain, act), "embeddings: positions: expected [5], got [4]");
    other.ids.resize({6});
    CHECK_THROWS_WITH(changed.forward(other, certain, act), "embeddings: ids: expected [5], got [6]");
    other.sequences.begin = {1, 5};
    CHECK_THROWS_WITH(changed.forward(other, certain, act), "embeddings: sequences: begin[0]: expected 0, got 1");
    CHECK(act.word.size() == 0);

    auto gradient = zero_component(embeddings);
    const Tensor<double, 2> d_y = random<2>({5, 6}, 1);
    const auto backward = [&](const Tensor<double, 2>& d_embeddings_y, const bert::Batch& of_forward) {
        embeddings.backward(d_embeddings_y, of_forward, certain, gradient, d_act);
    };
    CHECK_THROWS_WITH(backward(d_y, batch), "dropout: expected a probability in [0, 1), got 1.000000");
    gradient.position.resize({6, 6});
    CHECK_THROWS_WITH(backward(d_y, batch), "embeddings: d_position: expected [7, 6], got [6, 6]");
    gradient.word.resize({11, 5});
    CHECK_THROWS_WITH(backward(d_y, batch), "embeddings: d_word: expected [11, 6], got [11, 5]");
    CHECK_THROWS_WITH(backward(random<2>({5, 5}, 1), batch), "embeddings: d_y: expected [5, 6], got [5, 5]");
    CHECK_THROWS_WITH(backward(d_y, other), "embeddings: sequences: begin[0]: expected 0, got 1");
    CHECK(d_act.sum.size() == 0);
}

TEST_CASE("GPT-2's block: forward names what doesn't fit before anything is written")
{
    const bert::Config config = gpt2_config();
    bert::Config five_heads = config;
    five_heads.num_attention_heads = 5;
    const auto block = random_component<bert::PreNormBlock<double>>(config);  // H 6, I 5
    const Tensor<double, 2> x = random<2>({5, 6}, 1);
    const bert::Sequences sequences{{0, 3, 5}}, other{{0, 3}};
    bert::Workspace workspace;
    bert::PreNormBlockActivations<double> act;
    CHECK_THROWS_WITH(block.forward(x, {config, sequences, workspace, {.hidden = 1}}, act),
                      "dropout: expected a probability in [0, 1), got 1.000000");
    CHECK_THROWS_WITH(block.forward(x, {config, sequences, workspace, {.hidden = 1, .after_attention = false}}, act),
                      "dropout: expected a probability in [0, 1), got 1.000000");
    CHECK_THROWS_WITH(block.forward(x, {five_heads, sequences, workspace}, act),
                      "attention: heads: expected a divisor of 6, got 5");
    const Pass pass{five_heads, other, workspace};
    CHECK_THROWS_WITH(block.forward(x, pass, act), "attention: sequences: expected 5 tokens, got 3");
    auto changed = block;
    changed.feed_forward.output.dense.bias.resize({5});
    CHECK_THROWS_WITH(changed.forward(x, pass, act), "pre_norm_block: output.bias: expected [6], got [5]");
    changed.feed_forward.intermediate.weight.resize({5, 5});
    CHECK_THROWS_WITH(changed.forward(x, pass, act), "pre_norm_block: intermediate.weight: expected [5, 6], got [5, 5]");
    changed.feed_forward.output.norm.gamma.resize({5});
    CHECK_THROWS_WITH(changed.forward(x, pass, act), "pre_norm_block: norm2.weight: expected [6], got [5]");
    changed.attention.output.dense.weight.resize({5, 6});
    CHECK_THROWS_WITH(changed.forward(x, pass, act), "pre_norm_block: attention.output.weight: expected [6, 6], got [5, 6]");
    changed.attention.key.bias.resize({5});
    CHECK_THROWS_WITH(changed.forward(x, pass, act), "pre_norm_block: key.bias: expected [6], got [5]");
    CHECK_THROWS_WITH(changed.forward(random<2>({5, 4}, 1), pass, act), "pre_norm_block: norm1.weight: expected [4], got [6]");
    CHECK((act.norm1.y.size() == 0 && act.attention.qkv.query.size() == 0));
}

TEST_CASE("GPT-2's block: backward names what doesn't fit before anything is written")
{
    const bert::Config config = gpt2_config();
    const auto block = random_component<bert::PreNormBlock<double>>(config);  // H 6, I 5
    auto gradient = zero_component(block);
    const Tensor<double, 2> x = random<2>({5, 6}, 1);
    const bert::Sequences sequences{{0, 3, 5}}, other{{0, 3}};
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace};
    bert::PreNormBlockActivations<double> act, d_act;
    Tensor<double, 2> d_x;
    const auto backward = [&](const Tensor<double, 2>& d_y, const Pass& at) {
        block.backward(d_y, x, at, act, gradient, d_act, d_x);
    };
    block.forward(x, pass, act);
    gradient.feed_forward.output.dense.weight.resize({5, 6});
    CHECK_THROWS_WITH(backward(x, pass), "pre_norm_block: d_output.weight: expected [6, 5], got [5, 6]");
    gradient.feed_forward.output.norm.beta.resize({5});
    CHECK_THROWS_WITH(backward(x, pass), "pre_norm_block: d_norm2.bias: expected [6], got [5]");
    gradient.attention.output.dense.bias.resize({5});
    CHECK_THROWS_WITH(backward(x, pass), "pre_norm_block: d_attention.output.bias: expected [6], got [5]");
    gradient.attention.query.weight.resize({6, 5});
    CHECK_THROWS_WITH(backward(x, pass), "pre_norm_block: d_query.weight: expected [6, 6], got [6, 5]");
    act.feed_forward.activated.resize({5, 6});
    CHECK_THROWS_WITH(backward(x, pass),
                      "pre_norm_block: act.feed_forward.activated (forward computes it): expected [5, 5], got [5, 6]");
    act.attention.heads.context.resize({3, 6});
    CHECK_THROWS_WITH(backward(x, pass),
                      "pre_norm_block: act.attention.heads.context (forward computes it): expected [5, 6], got [3, 6]");
    act = {};
    CHECK_THROWS_WITH(backward(x, pass), "pre_norm_block: act.norm1.x_hat (forward computes it): expected [5, 6], got [0, 0]");
    CHECK_THROWS_WITH(backward(x, {config, other, workspace}), "attention: sequences: expected 5 tokens, got 3");
    CHECK_THROWS_WITH(backward(random<2>({5, 5}, 1), pass), "pre_norm_block: d_y: expected [5, 6], got [5, 5]");
    CHECK((gradient.feed_forward.output.dense.bias == Tensor<double, 1>{0, 0, 0, 0, 0, 0}));
    CHECK((gradient.feed_forward.intermediate.bias == Tensor<double, 1>{0, 0, 0, 0, 0}));
    CHECK((d_act.feed_forward.activated.size() == 0 && d_x.size() == 0));
}

TEST_CASE("GPT-2's body: what doesn't fit is named before anything is written")
{
    using Body = bert::Gpt2Body<double>;
    const bert::Config config = gpt2_config();
    CHECK_THROWS_WITH(Body::make(config, true), "gpt2: has_pooler: expected false, got true");
    const auto body = random_component<bert::Gpt2Model<double>>(config).body;
    const bert::Batch batch = small_batch(), unknown = bert::pack({{1, 11}});
    const bert::Sequences other{{0, 3}};
    bert::Workspace workspace;
    const Pass pass{config, batch.sequences, workspace}, other_pass{config, other, workspace};
    Body::Activations act;
    Body::Gradients d_act;
    auto changed = body;
    changed.final_norm.beta.resize({5});
    CHECK_THROWS_WITH(changed.forward(batch, pass, act), "gpt2: final_norm.bias: expected [6], got [5]");
    CHECK_THROWS_WITH(changed.forward(unknown, {config, unknown.sequences, workspace}, act),
                      "embeddings: ids[1]: expected 0 to 10, got 11");
    CHECK_THROWS_WITH(changed.forward(batch, other_pass, act), "body: pass.sequences: expected those of the batch, got others");
    CHECK((act.embeddings.word.size() == 0 && act.layer.empty()));
    CHECK_THROWS_WITH(Body::input(1, act), "gpt2: act (forward computes it): expected at least 1 layers, got 0");

    auto gradient = zero_component(body);
    const auto backward = [&](const Pass& at) { body.backward(batch, at, act, gradient, d_act); };
    body.forward(batch, pass, act);
    body.clear_result_gradients(batch, gradient, d_act);
    gradient.final_norm.gamma.resize({5});
    CHECK_THROWS_WITH(backward(pass), "gpt2: d_final_norm.weight: expected [6], got [5]");
    d_act.hidden.resize({5, 5});
    CHECK_THROWS_WITH(backward(pass), "gpt2: d_hidden: expected [5, 6], got [5, 5]");
    act.final_norm.x_hat.resize({4, 6});
    CHECK_THROWS_WITH(backward(pass), "gpt2: act.final_norm.x_hat (forward computes it): expected [5, 6], got [4, 6]");
    act.layer.pop_back();
    CHECK_THROWS_WITH(backward(pass), "gpt2: act (forward computes it): expected 2 layers, got 1");
    gradient.layer.clear();
    CHECK_THROWS_WITH(backward(pass), "gpt2: d_body: expected 2 layers, got 0");
    CHECK_THROWS_WITH(backward(other_pass), "body: pass.sequences: expected those of the batch, got others");
    CHECK_THROWS_WITH(bert::copy_parameters(body, gradient), "gpt2: instances side by side: expected 2 layers, got 0");
    CHECK((gradient.final_norm.beta == Tensor<double, 1>{0, 0, 0, 0, 0, 0}));
    CHECK((d_act.embeddings.y.size() == 0 && d_act.encoder.y.empty()));
}
