#include "bert/embeddings.hpp"

#include <cmath>
#include <cstddef>

#include "catch.hpp"
#include "component.hpp"

using bert::Embeddings;
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
    embeddings.forward(bert::pack({{1, 0}}, {{0, 1}}), {}, act);
    // (1 5) + (0 0) + (0 1) = (1 6): normalized (-1 1), scaled and shifted (-3 5). (0 0) + (10 0) + (2 0) = (12 0): (1 -1), (3 3).
    CHECK((act.sum == Tensor<double, 2>{{1, 6}, {12, 0}}));
    CHECK(std::abs(act.y()(0, 0) + 3) < 1e-9);
    CHECK(std::abs(act.y()(0, 1) - 5) < 1e-9);
    CHECK(std::abs(act.y()(1, 0) - 3) < 1e-9);
    CHECK(std::abs(act.y()(1, 1) - 3) < 1e-9);
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
        act.dropout = {.hidden = probability, .stream = {1, 2}};
        const auto loss = [&] {
            embeddings.forward(batch, config, act);
            return weighted_sum(act.y(), d_y);
        };
        loss();
        embeddings.backward(d_y, batch, config, act, gradient, d_act);
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
    embeddings.forward(batch, config, act);
    embeddings.backward(random<2>({2, 6}, 1), batch, config, act, gradient, d_act);
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
    CHECK_THROWS_WITH(embeddings.forward(bert::pack({{1, 11}}), config, act), "embeddings: ids[1]: expected 0 to 10, got 11");
    CHECK_THROWS_WITH(embeddings.forward(bert::pack({{1, 1}}, {{0, 2}}), config, act),
                      "embeddings: segments[1]: expected 0 to 1, got 2");
    CHECK_THROWS_WITH(embeddings.forward(bert::pack({{1, 1, 1, 1, 1, 1, 1, 1}}), config, act),
                      "embeddings: positions[7]: expected 0 to 6, got 7");
    bert::Batch batch = small_batch();
    batch.segments.resize({0});
    CHECK_THROWS_WITH(embeddings.forward(batch, config, act), "embeddings: segments: expected [5], got [0]");
    embeddings.position = bert::zeros<double, 2>({7, 1});
    CHECK_THROWS_WITH(embeddings.forward(small_batch(), config, act), "embeddings: position table: expected [7, 6], got [7, 1]");
}
