#include "bert/embeddings.hpp"

#include <cmath>
#include <cstddef>

#include "catch.hpp"
#include "component.hpp"

using bert::Embeddings;
using bert::Pass;
using bert::Tensor;
using namespace component;

TEST_CASE("embeddings: three rows added, normalized, scaled, by hand")
{
    Embeddings<double> embeddings;
    embeddings.word = {{0, 0}, {1, 5}};
    embeddings.position = {{0, 1}, {2, 0}};
    embeddings.segment = {{0, 0}, {10, 0}};
    embeddings.norm = {{3, 1}, {0, 4}};
    bert::EmbeddingsActivations<double> act;
    bert::Workspace workspace;
    const bert::Config config;
    const bert::Batch batch = bert::pack({{1, 0}}, {{0, 1}});
    embeddings.forward(batch, {config, batch.sequences, workspace}, act);
    // (1 5) + (0 0) + (0 1) = (1 6): normalized (-1 1), scaled and shifted (-3 5).
    // (0 0) + (10 0) + (2 0) = (12 0): (1 -1), (3 3).
    CHECK((act.sum == Tensor<double, 2>{{1, 6}, {12, 0}}));
    CHECK(std::abs(act.y(0, 0) + 3) < 1e-9);
    CHECK(std::abs(act.y(0, 1) - 5) < 1e-9);
    CHECK(std::abs(act.y(1, 0) - 3) < 1e-9);
    CHECK(std::abs(act.y(1, 1) - 3) < 1e-9);
}

TEST_CASE("embeddings: backward against central differences, with dropout and without")
{
    const bert::Config config = small_config();
    for (const double probability : {0.0, 0.5}) {
        auto embeddings = random_component<Embeddings<double>>(config);
        auto gradient = zero_component(embeddings);
        const bert::Batch batch = small_batch();  // without the padding id 0
        const auto d_y = random<2>({5, 6}, 1);
        bert::EmbeddingsActivations<double> act, d_act;
        bert::Workspace workspace;
        const Pass pass{config, batch.sequences, workspace, {.hidden = probability, .stream = {1, 2}}};
        const auto loss = [&] {
            embeddings.forward(batch, pass, act);
            return weighted_sum(act.y, d_y);
        };
        loss();
        embeddings.backward(d_y, batch, pass, act, gradient, d_act);
        CHECK(bert::check_gradient(embeddings, gradient, loss, {.most = 0}).message == "");
    }
}

TEST_CASE("embeddings: the padding token's row learns nothing from being looked up")
{
    const bert::Config config = small_config();
    const auto embeddings = random_component<Embeddings<double>>(config);
    auto gradient = zero_component(embeddings);
    bert::EmbeddingsActivations<double> act, d_act;
    const bert::Batch batch = bert::pack({{0, 3}});
    bert::Workspace workspace;
    const Pass pass{config, batch.sequences, workspace};
    embeddings.forward(batch, pass, act);
    embeddings.backward(random<2>({2, 6}, 1), batch, pass, act, gradient, d_act);
    double of_padding = 0, of_three = 0, of_position = 0;
    for (std::size_t h = 0; h < 6; ++h) {
        of_padding += std::abs(gradient.word(0, h));
        of_three += std::abs(gradient.word(3, h));
        of_position += std::abs(gradient.position(0, h));
    }
    CHECK(of_padding == 0);
    CHECK(of_three > 0);
    CHECK(of_position > 0);
}

TEST_CASE("embeddings: what doesn't fit is named")
{
    const bert::Config config = small_config();
    auto embeddings = random_component<Embeddings<double>>(config);
    bert::EmbeddingsActivations<double> act;
    bert::Workspace workspace;
    const auto forward = [&](const bert::Batch& batch) { embeddings.forward(batch, {config, batch.sequences, workspace}, act); };
    CHECK_THROWS_WITH(forward(bert::pack({{1, 11}})), "embeddings: ids[1]: expected 0 to 10, got 11");
    CHECK_THROWS_WITH(forward(bert::pack({{1, 1}}, {{0, 2}})), "embeddings: segments[1]: expected 0 to 1, got 2");
    CHECK_THROWS_WITH(forward(bert::pack({{1, 1, 1, 1, 1, 1, 1, 1}})), "embeddings: positions[7]: expected 0 to 6, got 7");
    bert::Batch batch = small_batch();
    batch.segments.resize({0});
    CHECK_THROWS_WITH(forward(batch), "embeddings: segments: expected [5], got [0]");
    batch = small_batch();
    embeddings.norm.beta.resize({5});
    CHECK_THROWS_WITH(forward(batch), "embeddings: LayerNorm.bias: expected [6], got [5]");
    CHECK(act.word.size() == 0);
    embeddings.norm.beta = bert::zeros<double, 1>({6});
    forward(batch);
    const Pass pass{config, batch.sequences, workspace};
    auto gradient = zero_component(embeddings);
    bert::EmbeddingsActivations<double> d_act;
    CHECK_THROWS_WITH(embeddings.backward(random<2>({5, 6}, 1), batch, pass, {}, gradient, d_act),
                      "embeddings: act.norm.x_hat (forward computes it): expected [5, 6], got [0, 0]");
    bert::Config other_padding = config;
    other_padding.pad_token_id = 11;
    CHECK_THROWS_WITH(
        embeddings.backward(random<2>({5, 6}, 1), batch, {other_padding, batch.sequences, workspace}, act, gradient, d_act),
        "embeddings: pad_token_id: expected less than 11, got 11");
    CHECK_THROWS_WITH(embeddings.backward(random<2>({4, 6}, 1), batch, pass, act, gradient, d_act),
                      "embeddings: d_y: expected [5, 6], got [4, 6]");
    gradient.position.resize({7, 5});
    CHECK_THROWS_WITH(embeddings.backward(random<2>({5, 6}, 1), batch, pass, act, gradient, d_act),
                      "embeddings: d_position: expected [7, 6], got [7, 5]");
    gradient = zero_component(embeddings);
    bert::Batch other = batch;
    other.ids(1) = 11;
    CHECK_THROWS_WITH(embeddings.backward(random<2>({5, 6}, 1), other, pass, act, gradient, d_act),
                      "embeddings: ids[1]: expected 0 to 10, got 11");
    CHECK((gradient.norm.beta == zero_component(embeddings).norm.beta));  // nothing was added yet
    embeddings.position = bert::zeros<double, 2>({7, 1});
    CHECK_THROWS_WITH(forward(small_batch()), "embeddings: position table: expected [7, 6], got [7, 1]");
}
