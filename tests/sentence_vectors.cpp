#include "bert/sentence_vectors.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "bert/io/architectures.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::Layers;
using bert::Pooling;
using bert::Sequences;
using bert::Tensor;
using bert::token_vectors;
using namespace component;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

bert::Config with_layers(std::size_t layers)
{
    bert::Config config = small_config();
    bert::set_architecture("BertModel", config);
    config.num_hidden_layers = layers;
    return config;
}

}  // namespace

TEST_CASE("token vectors are the hidden states of a layer, or of the last four: added, or side by side")
{
    const auto model = random_component<bert::Model<double>>(with_layers(5));
    const bert::Batch batch = small_batch();  // T = 5, H = 6
    bert::Workspace workspace;
    bert::ModelActivations<double> act;
    model.forward(batch, {}, {model.config, batch.sequences, workspace}, act);
    const auto& layer = act.body.encoder.layer;
    bert::VectorScratch<double> scratch;
    CHECK((token_vectors(model, batch, {}, scratch) == layer[4].y()));
    CHECK((token_vectors(model, batch, {.layer = 0}, scratch) == act.body.embeddings.y));
    CHECK((token_vectors(model, batch, {.layer = 2}, scratch) == layer[1].y()));
    const Tensor<double, 2> sum = token_vectors(model, batch, {.layers = Layers::sum4}, scratch);
    const Tensor<double, 2> side_by_side = token_vectors(model, batch, {.layers = Layers::concat4}, scratch);
    REQUIRE((sum.shape() == layer[0].y().shape()));
    REQUIRE((side_by_side.shape(0) == 5 && side_by_side.shape(1) == 4 * 6));
    for (std::size_t t = 0; t < 5; ++t) {
        for (std::size_t h = 0; h < 6; ++h) {
            CHECK(sum(t, h) == Approx(layer[1].y()(t, h) + layer[2].y()(t, h) + layer[3].y()(t, h) + layer[4].y()(t, h)));
            for (std::size_t k = 0; k < 4; ++k)
                CHECK(side_by_side(t, k * 6 + h) == layer[k + 1].y()(t, h));
        }
    }
}

TEST_CASE("layers that a model doesn't have are refused")
{
    const auto model = random_component<bert::Model<double>>(with_layers(3));
    const bert::Batch batch = small_batch();
    bert::VectorScratch<double> scratch;
    CHECK_THROWS_WITH(token_vectors(model, batch, {.layers = Layers::sum4}, scratch),
                      "layers: expected a model with at least 4 layers, got 3");
    CHECK_THROWS_WITH(token_vectors(model, batch, {.layer = 4}, scratch), "layer: expected 0 to 3, got 4");
    const auto deeper = random_component<bert::Model<double>>(with_layers(4));
    CHECK_THROWS_WITH(token_vectors(deeper, batch, {.layers = Layers::concat4, .layer = 1}, scratch),
                      "layer: expected none beside the last four, got 1");
}

TEST_CASE("pooling by hand; an empty text and the pooler are refused")
{
    const Sequences sequences{{0, 3, 4}};
    const Tensor<double, 2> vectors = {{1, -2}, {3, -4}, {2, -3}, {7, 8}};
    CHECK((bert::pool(vectors, sequences, Pooling::mean) == Tensor<double, 2>{{2, -3}, {7, 8}}));
    CHECK((bert::pool(vectors, sequences, Pooling::cls) == Tensor<double, 2>{{1, -2}, {7, 8}}));
    CHECK((bert::pool(vectors, sequences, Pooling::max) == Tensor<double, 2>{{3, -2}, {7, 8}}));
    CHECK((bert::pool(vectors, sequences, Pooling::lasttoken) == Tensor<double, 2>{{2, -3}, {7, 8}}));
    CHECK((bert::pool(vectors, sequences, Pooling::weightedmean) ==
           Tensor<double, 2>{{(1 + 2 * 3 + 3 * 2) / 6.0, (-2 - 2 * 4 - 3 * 3) / 6.0}, {7, 8}}));
    CHECK(
        (bert::pool(Tensor<double, 2>{{1}, {3}, {2}, {8}}, Sequences{{0, 4}}, Pooling::mean_sqrt_len) == Tensor<double, 2>{{7}}));
    CHECK_THROWS_WITH(bert::pool(vectors, sequences, Pooling::pooler), "pool: pooling: expected one without a model, got pooler");
    CHECK_THROWS_WITH(bert::pool(vectors, Sequences{{0, 4, 4}}, Pooling::mean), "pool: sequence 1: expected a token, got none");
    CHECK_THROWS_WITH(bert::pool(vectors, Sequences{{0, 3}}, Pooling::mean), "pool: vectors: expected [3, 2], got [4, 2]");
}

TEST_CASE("a prompt's tokens can be left out; weights go on counting them")
{
    const Sequences sequences{{0, 3}};
    const Tensor<double, 2> vectors = {{100}, {3}, {5}};
    CHECK(bert::pool(vectors, sequences, Pooling::mean, 1)(0, 0) == 4);
    CHECK(bert::pool(vectors, sequences, Pooling::cls, 1)(0, 0) == 3);
    CHECK(bert::pool(vectors, sequences, Pooling::max, 1)(0, 0) == 5);
    CHECK(bert::pool(vectors, sequences, Pooling::weightedmean, 1)(0, 0) == (2 * 3 + 3 * 5) / 5.0);
    CHECK_THROWS_WITH(bert::pool(vectors, sequences, Pooling::mean, 3),
                      "pool: sequence 0: expected a token after the prompt, got none");
}

TEST_CASE("the largest of a column with NaN is NaN, wherever it stands")
{
    bert::Sequences sequences;
    sequences.begin = {0, 3};
    for (std::size_t t = 0; t < 3; ++t) {
        bert::Tensor<float, 2> vectors = {{1, -2}, {3, -4}, {2, -3}};
        CHECK(bert::pool(vectors, sequences, bert::Pooling::max)(0, 0) == 3);
        vectors(t, 0) = not_a_number;
        const bert::Tensor<float, 2> pooled = bert::pool(vectors, sequences, bert::Pooling::max);
        CHECK(std::isnan(pooled(0, 0)));
        CHECK(pooled(0, 1) == -2);
    }
}

TEST_CASE("a row is scaled to length 1; zeros stay, an infinite length leaves no number")
{
    bert::Tensor<float, 2> rows = {{3, 4}, {0, 0}, {1e30F, 1}};
    bert::normalize_rows(rows);
    CHECK((rows(0, 0) == 0.6F && rows(0, 1) == 0.8F));
    CHECK((rows(1, 0) == 0 && rows(1, 1) == 0));
    CHECK((std::isnan(rows(2, 0)) && std::isnan(rows(2, 1))));
}
