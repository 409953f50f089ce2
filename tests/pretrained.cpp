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
        CHECK_THROWS_WITH(bert.encode(texts, {.pooling = {pooling}}),
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

TEST_CASE("encode names what a model or a text lacks")
{
    auto bert = default_model();
    const auto positions = std::to_string(bert.model.config.max_position_embeddings);
    std::string long_text;
    for (std::size_t i = 0; i < bert.model.config.max_position_embeddings; ++i)
        long_text += "a ";
    CHECK_THROWS_WITH(bert.encode({"a cat", long_text}), "text 1: expected at most " + positions + " tokens, got " +
                                                             std::to_string(bert.model.config.max_position_embeddings + 2));
    CHECK_THROWS_WITH(bert.encode({"a cat"}, {.pooling = {bert::Pooling::pooler}, .layer = 0}),
                      "pooling: expected the last layer for the pooler, got other layers");
    bert.model.body.pooler.reset();
    CHECK_THROWS_WITH(bert.encode({"a cat"}, {.pooling = {bert::Pooling::pooler}}),
                      "pooling: expected a model with a pooler, got " + bert.model.config.architecture);
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

TEST_CASE("pairs are encoded as pairs; a length is the longest text, in tokens")
{
    const auto bert = default_model();
    const auto pairs = bert.encode_pairs({{"a cat", "the dog"}, {"a cat"}});
    const bert::Encoding encoding = bert.tokenizer.encode_pair("a cat", "the dog");
    bert::VectorScratch<float> scratch;
    const bert::Batch batch = bert::pack({encoding.ids}, {encoding.type_ids});
    const auto pooled = bert::pool(token_vectors(bert.model, batch, {}, scratch), batch.sequences, bert::Pooling::mean);
    const auto single = bert.encode({"a cat"});
    for (std::size_t w = 0; w < pooled.shape(1); ++w) {
        CHECK(pairs(0, w) == pooled(0, w));
        CHECK(pairs(1, w) == single(0, w));
    }
    const std::size_t n = bert.tokenizer.encode("a cat").size();  // one token less than "a cat a"
    CHECK_THROWS_WITH(bert.encode({"a cat a"}, {.max_length = n}),
                      "text 0: expected at most " + std::to_string(n) + " tokens, got " + std::to_string(n + 1));
    std::size_t truncated = 0;
    const auto cut = bert.encode({"a cat a", "a"}, {.truncation = bert::Truncation::longest_first, .max_length = n}, &truncated);
    CHECK(truncated == 1);
    CHECK(cut(0, 0) == single(0, 0));
    CHECK_THROWS_WITH(bert.encode({"a"}, {.max_length = 100'000}), "max_length: expected at most the model's " +
                                                                       std::to_string(bert.model.config.max_position_embeddings) +
                                                                       " positions, got 100000");
}
