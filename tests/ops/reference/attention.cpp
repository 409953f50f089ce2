#include "bert/ops/reference/attention.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <type_traits>

#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"
#include "catch.hpp"
#include "differences.hpp"

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

}  // namespace

TEST_CASE("attention: two tokens, one head, by hand")
{
    // Scores q_i k_j: {0, 0} and {0, ln 3}. Probabilities 1/2, 1/2 and 1/4, 3/4. Context (4 + 8) / 2 and (4 + 3 * 8) / 4.
    const Tensor<double, 2> query = {{0}, {1}}, key = {{0}, {std::log(3.0)}}, value = {{4}, {8}};
    bert::AttentionActivations<double> act;
    bert::Workspace workspace;
    Reference::attention(Reference{}, query, key, value, Sequences{{0, 2}}, {.heads = 1}, act, workspace);
    CHECK(difference(act.scores[0], {{0, 0}, {0, std::log(3.0)}}) < 1e-15);
    CHECK(difference(act.probabilities[0], {{0.5, 0.5}, {0.25, 0.75}}) < 1e-15);
    CHECK(difference(act.context, {{6}, {7}}) < 1e-14);

    Reference::attention(Reference{}, query, key, value, Sequences{{0, 2}}, {.heads = 1, .causal = true}, act, workspace);
    CHECK(difference(act.scores[0], {{0, 0}, {0, std::log(3.0)}}) < 1e-15);  // before the mask
    CHECK(difference(act.probabilities[0], {{1, 0}, {0.25, 0.75}}) < 1e-15);
    CHECK(difference(act.context, {{4}, {7}}) < 1e-14);
}

TEST_CASE("attention: scores are divided by the root of a head's width, heads don't mix, sequences neither")
{
    // D = 4: 4 equal products of 1 make 4, scaled 2. Two heads, the second with other numbers; two sequences, 2 + 1 tokens.
    const Tensor<double, 2> x = {{1, 1, 1, 1, 0, 0, 0, 0}, {0, 0, 0, 0, 2, 2, 2, 2}, {3, 3, 3, 3, 5, 5, 5, 5}};
    bert::AttentionActivations<double> act;
    bert::Workspace workspace;
    Reference::attention(Reference{}, x, x, x, Sequences{{0, 2, 3}}, {.heads = 2}, act, workspace);
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
    bert::AttentionActivations<double> act;
    bert::Workspace workspace;
    Reference::attention(Reference{}, x, x, x, Sequences{{0, 0, 2, 2}}, {.heads = 1}, act, workspace);
    CHECK(act.scores[0].size() == 0);
    CHECK(act.scores[1].size() == 4);
}

TEST_CASE("attention: what doesn't fit is named")
{
    const Tensor<double, 2> x = {{1, 2}, {3, 4}}, narrow = {{1}, {2}};
    bert::AttentionActivations<double> act;
    bert::Workspace workspace;
    CHECK_THROWS_WITH(Reference::attention(Reference{}, x, narrow, x, Sequences{{0, 2}}, {.heads = 1}, act, workspace),
                      "attention: key: expected [2, 2], got [2, 1]");
    CHECK_THROWS_WITH(Reference::attention(Reference{}, x, x, x, Sequences{{0, 1}}, {.heads = 1}, act, workspace),
                      "attention: sequences: expected 2 tokens, got 1");
    CHECK_THROWS_WITH(Reference::attention(Reference{}, x, x, x, Sequences{{0, 2}}, {.heads = 3}, act, workspace),
                      "attention: heads: expected a divisor of 2, got 3");
}

TEST_CASE("attention_backward: one token gets back what it gave")
{
    // Alone with itself the probability is 1 whatever the score: the value's gradient is the context's, query and key have none.
    const Tensor<double, 2> query = {{2, 3}}, key = {{5, 7}}, value = {{1, 4}}, d_context = {{10, 20}};
    bert::AttentionActivations<double> act, d_act;
    Tensor<double, 2> d_query, d_key, d_value;
    bert::Workspace workspace;
    Reference::attention(Reference{}, query, key, value, Sequences{{0, 1}}, {.heads = 1}, act, workspace);
    Reference::attention_backward(Reference{}, d_context, query, key, value, Sequences{{0, 1}}, {.heads = 1}, act, d_act, d_query,
                                  d_key, d_value, workspace);
    CHECK((d_value == d_context));
    CHECK((d_query == Tensor<double, 2>{{0, 0}}));
    CHECK((d_key == Tensor<double, 2>{{0, 0}}));
}

TEST_CASE("attention_backward against central differences: heads, sequences, the causal mask, dropout")
{
    const Sequences sequences{{0, 4, 4, 5, 8}};
    for (const bool causal : {false, true}) {
        for (const double probability : {0.0, 0.4}) {
            auto query = differences::random<2>({8, 6}, 1), key = differences::random<2>({8, 6}, 2),
                 value = differences::random<2>({8, 6}, 3);
            const auto d_context = differences::random<2>({8, 6}, 4);
            bert::AttentionOptions options{.heads = 2, .causal = causal};
            options.dropout = {
                .probability = probability, .stream = {5, 6}, .layer = 1, .site = bert::DropoutSite::probabilities};
            bert::AttentionActivations<double> act, d_act;
            Tensor<double, 2> d_query, d_key, d_value;
            bert::Workspace workspace;
            const auto loss = [&] {
                Reference::attention(Reference{}, query, key, value, sequences, options, act, workspace);
                return differences::weighted_sum(act.context, d_context);
            };
            loss();
            Reference::attention_backward(Reference{}, d_context, query, key, value, sequences, options, act, d_act, d_query,
                                          d_key, d_value, workspace);
            INFO("causal " << causal << ", dropout " << probability);
            CHECK(bert::check_tensor_gradient("query", query, d_query, loss).message == "");
            CHECK(bert::check_tensor_gradient("key", key, d_key, loss).message == "");
            CHECK(bert::check_tensor_gradient("value", value, d_value, loss).message == "");
        }
    }
}

TEMPLATE_TEST_CASE("attention: sequences that cross, and backward before forward, are refused", "", Reference, bert::Fast)
{
    const auto x = differences::random<2>({9, 4}, 1);
    bert::AttentionActivations<double> act, d_act;
    bert::Workspace workspace;
    Tensor<double, 2> d_query, d_key, d_value;
    const Sequences crossed{{0, 9, 4}}, sequences{{0, 4, 9}};
    const std::string message = "attention: sequences: begin[2]: expected 9 or more, got 4";
    CHECK_THROWS_WITH(TestType::attention(TestType{}, x, x, x, crossed, {.heads = 2}, act, workspace), message);
    const auto backward = [&](const Sequences& of) {
        TestType::attention_backward(TestType{}, x, x, x, x, of, {.heads = 2}, act, d_act, d_query, d_key, d_value, workspace);
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
    bert::AttentionOptions options{.heads = 2, .keep_scores = false};
    bert::Fast::attention(bert::Fast{}, x, x, x, sequences, options, act, workspace);
    CHECK_THROWS_WITH(act.probabilities_of(1),
                      "attention: probabilities: expected a head below 0, got 1 (a fast set keeps none unless keep_all is set "
                      "before forward)");
    options.keep_scores = true;
    bert::Fast::attention(bert::Fast{}, x, x, x, sequences, options, act, workspace);
    CHECK((act.probabilities_of(3).shape() == act.scores_of(2).shape()));
    CHECK_THROWS_WITH(act.scores_of(4), "attention: scores: expected a head below 4, got 4");
}
