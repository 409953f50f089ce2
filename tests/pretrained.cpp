#include "bert/pretrained.hpp"

#include <limits>
#include <string>
#include <vector>

#include "bert/ops/fast.hpp"
#include "catch.hpp"

#include <instances.hpp>

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

bert::Pretrained<float, bert::Fast> default_model()
{
    return bert::load<float, bert::Fast>(std::string(BERT_SOURCE_DIR) + "/examples/models/default");
}

}  // namespace

TEST_CASE("encode never gives a vector that isn't finite: it names the text and the first tensor to blame")
{
    auto bert = default_model();
    const std::vector<std::string> texts(40, "a cat");  // the second batch begins with text 32
    CHECK(bert.encode(texts).shape(0) == 40);
    bert.model.body.encoder.layer[1].attention.output.dense.weight(3, 5) = infinity;
    bert.model.body.pooler->dense.bias(0) = not_a_number;
    const std::string tensor = "tensor \"bert.encoder.layer.1.attention.output.dense.weight\" of the model is non-finite";
    for (const auto pooling : {bert::Pooling::mean, bert::Pooling::cls, bert::Pooling::max, bert::Pooling::pooler})
        CHECK_THROWS_WITH(bert.encode(texts, {.pooling = pooling}),
                          "text 0: \"a cat\": expected finite numbers, got non-finite ones; " + tensor);
    CHECK_THROWS_AS(bert.encode(texts), bert::InputError);
    CHECK(bert.encode(texts, {.layer = 1}).shape(0) == 40);  // which doesn't need it
}

TEST_CASE("encode names the first text whose vector isn't finite, of any batch")
{
    auto bert = default_model();
    std::vector<std::string> texts(40, "a cat");
    texts[35] = "the " + std::string(300, 'x');
    const auto id = bert.tokenizer.encode("the").ids[1];
    bert.model.body.embeddings.word(static_cast<std::size_t>(id), 7) = not_a_number;
    CHECK_THROWS_WITH(
        bert.encode(texts, {.truncation = bert::Truncation::longest_first}),
        "text 35: \"the " + std::string(196, 'x') +
            "...\": expected finite numbers, got non-finite ones; tensor \"bert.embeddings.word_embeddings.weight\" of the "
            "model is non-finite");
}

TEST_CASE("numbers that overflow are told from weights that aren't finite")
{
    auto bert = default_model();
    bert.model.body.embeddings.norm.gamma.fill(1e35F);  // the first scores are infinite
    const std::string message =
        "text 0: \"a cat\": expected finite numbers, got non-finite ones; all weights of the model are finite: the computation "
        "overflows";
    CHECK_THROWS_WITH(bert.encode({"a cat"}), message);
    CHECK_THROWS_WITH(bert.encode({"a cat"}, {.layer = 0, .normalize = true}), message);
    CHECK(bert.encode({"a cat"}, {.layer = 0}).shape(0) == 1);
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
