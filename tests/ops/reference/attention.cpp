#include "bert/ops/reference/attention.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"
#include "catch.hpp"
#include "differences.hpp"

using bert::Pass;
using bert::Reference;
using bert::Sequences;
using bert::Tensor;

namespace {

double difference(const Tensor<double, 2>& a, const Tensor<double, 2>& b)
{
    REQUIRE(a.shape() == b.shape());
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double d = std::abs(a.data()[i] - b.data()[i]);
        if (!(d <= largest)) largest = d;
    }
    return largest;
}

bert::Config config_of(std::size_t heads, bool causal = false)
{
    bert::Config config;
    config.num_attention_heads = heads;
    config.is_causal = causal;
    return config;
}

}  // namespace

TEST_CASE("attention: two tokens, one head, by hand")
{
    // Scores q_i k_j: {0, 0} and {0, ln 3}. Probabilities 1/2, 1/2 and 1/4, 3/4. Context (4 + 8) / 2 and (4 + 3 * 8) / 4.
    const bert::QueryKeyValue<double> qkv{{{0}, {1}}, {{0}, {std::log(3.0)}}, {{4}, {8}}};
    const Sequences sequences{{0, 2}};
    const bert::Config config = config_of(1), causal = config_of(1, true);
    bert::AttentionActivations<double> act;
    bert::Workspace workspace;
    Reference::attention(Reference{}, qkv, {config, sequences, workspace}, act);
    CHECK(difference(act.scores[0], {{0, 0}, {0, std::log(3.0)}}) < 1e-15);
    CHECK(difference(act.probabilities[0], {{0.5, 0.5}, {0.25, 0.75}}) < 1e-15);
    CHECK(difference(act.context, {{6}, {7}}) < 1e-14);

    Reference::attention(Reference{}, qkv, {causal, sequences, workspace}, act);
    CHECK(difference(act.scores[0], {{0, 0}, {0, std::log(3.0)}}) < 1e-15);  // before the mask
    CHECK(difference(act.probabilities[0], {{1, 0}, {0.25, 0.75}}) < 1e-15);
    CHECK(difference(act.context, {{4}, {7}}) < 1e-14);
}

TEST_CASE("attention: scores are divided by the root of a head's width, heads don't mix, sequences neither")
{
    // D = 4: 4 equal products of 1 make 4, scaled 2. Two heads, the second with other numbers; two sequences, 2 + 1 tokens.
    const Tensor<double, 2> x = {{1, 1, 1, 1, 0, 0, 0, 0}, {0, 0, 0, 0, 2, 2, 2, 2}, {3, 3, 3, 3, 5, 5, 5, 5}};
    const Sequences sequences{{0, 2, 3}};
    const bert::Config config = config_of(2);
    bert::AttentionActivations<double> act;
    bert::Workspace workspace;
    Reference::attention(Reference{}, {x, x, x}, {config, sequences, workspace}, act);
    REQUIRE(act.scores.size() == 4);
    CHECK(difference(act.scores[0], {{2, 0}, {0, 0}}) < 1e-15);  // sequence 0, head 0
    CHECK(difference(act.scores[1], {{0, 0}, {0, 8}}) < 1e-15);  // sequence 0, head 1: 4 * 4 / 2
    CHECK(difference(act.probabilities[2], {{1}}) < 1e-15);      // alone with itself
    for (std::size_t h = 0; h < 8; ++h)
        CHECK(act.context(2, h) == x(2, h));
    const double p = std::exp(2.0) / (std::exp(2.0) + 1);
    CHECK(std::abs(act.context(0, 0) - p) < 1e-15);  // p * 1 + (1 - p) * 0
    CHECK(std::abs(act.context(0, 4) - 1) < 1e-15);  // head 1 of token 0: 1/2 * 0 + 1/2 * 2
}

TEST_CASE("attention: an empty sequence takes nothing and gives nothing")
{
    const Tensor<double, 2> x = {{1}, {2}};
    const Sequences sequences{{0, 0, 2, 2}};
    const bert::Config config = config_of(1);
    bert::AttentionActivations<double> act;
    bert::Workspace workspace;
    Reference::attention(Reference{}, {x, x, x}, {config, sequences, workspace}, act);
    CHECK(act.scores[0].size() == 0);
    CHECK(act.scores[1].size() == 4);
}

TEST_CASE("attention: what doesn't fit is named")
{
    const Tensor<double, 2> x = {{1, 2}, {3, 4}}, narrow = {{1}, {2}};
    bert::AttentionActivations<double> act;
    bert::Workspace workspace;
    const auto attend = [&](const bert::QueryKeyValue<double>& qkv, std::size_t tokens, std::size_t heads) {
        const Sequences sequences{{0, tokens}};
        const bert::Config config = config_of(heads);
        Reference::attention(Reference{}, qkv, {config, sequences, workspace}, act);
    };
    CHECK_THROWS_WITH(attend({x, narrow, x}, 2, 1), "attention: key: expected [2, 2], got [2, 1]");
    CHECK_THROWS_WITH(attend({x, x, narrow}, 2, 1), "attention: value: expected [2, 2], got [2, 1]");
    CHECK_THROWS_WITH(attend({x, x, x}, 1, 1), "attention: sequences: expected 2 tokens, got 1");
    CHECK_THROWS_WITH(attend({x, x, x}, 2, 3), "attention: heads: expected a divisor of 2, got 3");
    CHECK_THROWS_WITH(attend({x, x, x}, 2, 0), "attention: heads: expected a divisor of 2, got 0");
    const auto wide = bert::zeros<double, 2>({2, 4097});
    CHECK_THROWS_WITH(attend({wide, wide, wide}, 2, 4097),
                      "dropout: expected a head below 4096 and a layer below 65536, got 4096 and 0");
}

TEST_CASE("attention_backward: one token gets back what it gave")
{
    // Alone with itself the probability is 1 whatever the score: the value's gradient is the context's, query and key have none.
    const bert::QueryKeyValue<double> qkv{{{2, 3}}, {{5, 7}}, {{1, 4}}};
    const Tensor<double, 2> d_context = {{10, 20}};
    const Sequences sequences{{0, 1}};
    const bert::Config config = config_of(1);
    bert::AttentionActivations<double> act, d_act;
    bert::QueryKeyValue<double> d_qkv;
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace};
    Reference::attention(Reference{}, qkv, pass, act);
    Reference::attention_backward(Reference{}, d_context, qkv, pass, act, d_act, d_qkv);
    CHECK((d_qkv.value == d_context));
    CHECK((d_qkv.query == Tensor<double, 2>{{0, 0}}));
    CHECK((d_qkv.key == Tensor<double, 2>{{0, 0}}));
}

TEST_CASE("attention_backward against central differences: heads, sequences, the causal mask, dropout")
{
    const Sequences sequences{{0, 4, 4, 5, 8}};
    for (const bool causal : {false, true}) {
        for (const double probability : {0.0, 0.4}) {
            bert::QueryKeyValue<double> qkv{differences::random<2>({8, 6}, 1), differences::random<2>({8, 6}, 2),
                                            differences::random<2>({8, 6}, 3)},
                d_qkv;
            const auto d_context = differences::random<2>({8, 6}, 4);
            const bert::Config config = config_of(2, causal);
            bert::AttentionActivations<double> act, d_act;
            bert::Workspace workspace;
            const Pass pass{.config = config,
                            .sequences = sequences,
                            .workspace = workspace,
                            .dropout = {.probabilities = probability, .stream = {5, 6}, .layer = 1}};
            const auto loss = [&] {
                Reference::attention(Reference{}, qkv, pass, act);
                return differences::weighted_sum(act.context, d_context);
            };
            loss();
            Reference::attention_backward(Reference{}, d_context, qkv, pass, act, d_act, d_qkv);
            INFO("causal " << causal << ", dropout " << probability);
            CHECK(bert::check_tensor_gradient("query", qkv.query, d_qkv.query, loss).message == "");
            CHECK(bert::check_tensor_gradient("key", qkv.key, d_qkv.key, loss).message == "");
            CHECK(bert::check_tensor_gradient("value", qkv.value, d_qkv.value, loss).message == "");
        }
    }
}

TEST_CASE(
    "attention: probabilities are dropped by their own probability, at their own site, from the micro-batch's first token on")
{
    const auto x = differences::random<2>({5, 4}, 1);
    const Sequences sequences{{0, 3, 5}};
    const bert::Config config = config_of(2);
    bert::AttentionActivations<double> act;
    bert::Workspace workspace;
    const Pass pass{
        .config = config,
        .sequences = sequences,
        .workspace = workspace,
        .dropout = {.hidden = 0.9, .probabilities = 0.5, .classifier = 0.9, .stream = {5, 6}, .layer = 3, .first_token = 40}};
    Reference::attention(Reference{}, {x, x, x}, pass, act);
    for (std::size_t b = 0; b < 2; ++b) {
        for (std::uint32_t a = 0; a < 2; ++a) {
            bert::DropoutPlace place{.probability = 0.5, .stream = {5, 6}, .layer = 3, .site = bert::DropoutSite::probabilities};
            place.head = a;
            place.first_row = b == 0 ? 40 : 43;
            Tensor<double, 2> expected;
            Reference::dropout(act.probabilities[b * 2 + a], place, expected);
            CHECK((act.after_dropout[b * 2 + a] == expected));
        }
    }
}

TEMPLATE_TEST_CASE("attention: sequences that cross, and backward before forward, are refused", "", Reference, bert::Fast)
{
    const auto x = differences::random<2>({9, 4}, 1);
    const bert::QueryKeyValue<double> qkv{x, x, x};
    const bert::Config config = config_of(2);
    bert::AttentionActivations<double> act, d_act;
    bert::Workspace workspace;
    bert::QueryKeyValue<double> d_qkv;
    const Sequences crossed{{0, 9, 4}}, sequences{{0, 4, 9}};
    const std::string message = "attention: sequences: begin[2]: expected 9 or more, got 4";
    CHECK_THROWS_WITH(TestType::attention(TestType{}, qkv, {config, crossed, workspace}, act), message);
    const auto backward = [&](const Sequences& of) {
        TestType::attention_backward(TestType{}, x, qkv, {config, of, workspace}, act, d_act, d_qkv);
    };
    CHECK_THROWS_WITH(backward(crossed), message);
    if (std::is_same_v<TestType, Reference>)  // Fast computes probabilities anew
        CHECK_THROWS_WITH(backward(sequences),
                          "attention_backward: act.probabilities (forward computes them): expected 4 heads, got 0");
}

TEST_CASE("attention: scores and probabilities that were not kept are not handed out")
{
    const auto x = differences::random<2>({9, 4}, 1);
    bert::AttentionActivations<double> act;
    bert::Workspace workspace;
    const Sequences sequences{{0, 4, 9}};
    const bert::Config config = config_of(2);
    Pass pass{config, sequences, workspace};
    bert::Fast::attention(bert::Fast{}, {x, x, x}, pass, act);
    CHECK_THROWS_WITH(act.probabilities_of(1),
                      "attention: probabilities: expected a head below 0, got 1 (a fast set keeps none unless keep_all is set "
                      "before forward)");
    pass.keep_all = true;
    bert::Fast::attention(bert::Fast{}, {x, x, x}, pass, act);
    CHECK((act.probabilities_of(3).shape() == act.scores_of(2).shape()));
    CHECK_THROWS_WITH(act.scores_of(4), "attention: scores: expected a head below 4, got 4");
}

TEST_CASE("attention_backward: what doesn't fit is named")
{
    bert::Config config;
    config.num_attention_heads = 1;
    bert::Workspace workspace;
    const Sequences sequences{{0, 2}};
    const Pass pass{config, sequences, workspace};
    const Tensor<double, 2> x = {{1, 2}, {3, 4}};
    const bert::QueryKeyValue<double> qkv{x, x, x};
    bert::AttentionActivations<double> act, d_act;
    bert::QueryKeyValue<double> d_qkv;
    Reference::attention(Reference{}, qkv, pass, act);
    const auto backward = [&](const Tensor<double, 2>& d_context) {
        Reference::attention_backward(Reference{}, d_context, qkv, pass, act, d_act, d_qkv);
    };
    CHECK_NOTHROW(backward(x));
    CHECK_THROWS_WITH(backward({{1}, {2}}), "attention_backward: d_context: expected [2, 2], got [2, 1]");
    act.after_dropout[0].resize({1, 2});
    CHECK_THROWS_WITH(backward(x), "attention_backward: act.after_dropout (forward computes them): expected [2, 2], got [1, 2]");
    act.after_dropout.clear();
    CHECK_THROWS_WITH(backward(x), "attention_backward: act.after_dropout (forward computes them): expected 1 heads, got 0");
}
