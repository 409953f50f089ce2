#include "../../examples/bert/operation_count.hpp"

#include <cstdint>
#include <vector>

#include <catch.hpp>

namespace {

/// Two layers of H = 2, I = 3, with V = 5.
bert::Config tiny()
{
    bert::Config config;
    config.hidden_size = 2;
    config.num_attention_heads = 1;
    config.num_hidden_layers = 2;
    config.intermediate_size = 3;
    config.vocab_size = 5;
    return config;
}

/// Three tokens and one.
bert::Batch batch() { return bert::pack(std::vector<std::vector<std::int64_t>>{{1, 2, 3}, {4}}); }

// A layer, by hand, in multiplications. Each of the 4 tokens: query, key, value and output 2 x 2 each, 16; intermediate 3 x 2 and
// output 2 x 3, 12. Attention: scores and contexts of 3 x 3 and 1 x 1 pairs of 2 numbers each, 2 (18 + 2) = 40.
constexpr double of_token = 16 + 12, layer = 4 * of_token + 40;
// What follows attention, for one token: its output 2 x 2, and the feed-forward network.
constexpr double behind_attention = 4 + 12;

}  // namespace

TEST_CASE("operations of the encoder are those counted by hand")
{
    CHECK(program::operation_count(tiny(), batch(), false) == 2 * (2 * layer));
    CHECK(2 * (2 * layer) == 608);
}

TEST_CASE("a training step is three times forward, with only the rows that heads read behind the last attention")
{
    // One masked position of four tokens: its transform 2 x 2 and its logits 5 x 2; three tokens less behind the last attention.
    CHECK(program::operation_count(tiny(), batch(), true, {1}, 1) == 3 * 2 * (2 * layer - 3 * behind_attention + 4 + 10));
    // The first token of both sequences.
    CHECK(program::operation_count(tiny(), batch(), true, {0, 3}) == 3 * 2 * (2 * layer - 2 * behind_attention));
    // Every token is classified.
    CHECK(program::operation_count(tiny(), batch(), true) == 3 * 2 * (2 * layer));
}

TEST_CASE("operations of variants are those counted by hand")
{
    bert::Config albert = tiny();  // one block that runs twice, and a projection of 1 x 2 for each token
    albert.embedding_size = 1;
    albert.num_hidden_groups = 1;
    CHECK(program::operation_count(albert, batch(), false) == 2 * (2 * layer + 4 * 2));
    // A masked position: its transform 1 x 2 and its logits 5 x 1.
    CHECK(program::operation_count(albert, batch(), true, {1}, 1) == 3 * 2 * (2 * layer + 4 * 2 - 3 * behind_attention + 2 + 5));

    bert::Config gpt2 = tiny();  // 6 pairs of 3 x 3, and one of 1 x 1; every row is computed; two tokens with logits 5 x 2
    gpt2.is_causal = true;
    CHECK(program::operation_count(gpt2, batch(), true, {0, 1}, 2) == 3 * 2 * (2 * (4 * of_token + 2 * (12 + 2)) + 2 * 10));

    // Bottlenecks of 4 to 2: two, then query and key 2 x 2, value 2 x 4; output 2 x 2, two networks of 12, and back 4 x 2. A linear
    // layer of 3 x 1 to 4 for each token.
    bert::Config mobilebert = tiny();
    mobilebert.hidden_size = 4;
    mobilebert.embedding_size = 1;
    mobilebert.mobilebert = {.intra_bottleneck_size = 2, .num_feedforward_networks = 2};
    CHECK(program::operation_count(mobilebert, batch(), false) == 2 * (2 * (4 * (16 + 8 + 8 + 4 + 24 + 8) + 40) + 4 * 12));
}
