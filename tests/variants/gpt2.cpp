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

using bert::Tensor;

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
    bert::Config config = component::small_config();
    config.is_causal = true;
    config.type_vocab_size = 0;
    config.has_pooler = false;
    const auto body = component::random_component<bert::Gpt2Model<double>>(config).body;
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
