#include "bert/heads/causal_lm.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "bert/core/parameters.hpp"

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"

using bert::CausalLmHead;
using bert::Tensor;
using namespace component;

TEST_CASE("causal LM: hidden states against the word table, by hand")
{
    bert::Config config;
    const CausalLmHead<double> head{bert::zeros<double, 2>({0, 0})};
    const bert::Batch batch = bert::pack({{1, 0}});
    const Tensor<double, 2> hidden = {{1, 2}, {3, 4}}, pooled, table = {{1, 0}, {0, 1}, {1, 1}};
    const bert::BodyResult<double> body{batch, hidden, pooled, table};
    bert::CausalLmActivations<double> act, d_act;
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    head.forward(body, std::nullopt, pass, act);
    CHECK((act.logits == Tensor<double, 2>{{1, 2, 3}, {3, 4, 7}}));
    const bert::MaskedLmTarget first{{0}, {2}};  // token 2 follows the first
    head.forward(body, first, pass, act);
    CHECK((act.logits == Tensor<double, 2>{{1, 2, 3}}));
    const double sum = std::exp(1) + std::exp(2) + std::exp(3);
    CHECK(std::abs(head.loss(batch, first, 1, {}, act) - (std::log(sum) - 3)) < 1e-15);
    auto gradient = head;
    Tensor<double, 2> d_hidden = {{10, 10}, {20, 20}}, d_pooled, d_table = bert::zeros<double, 2>({3, 2});
    d_act.logits = {{1, 0, 2}};
    head.backward(body, pass, act, gradient, d_act, {d_hidden, d_pooled, d_table});
    CHECK((d_hidden == Tensor<double, 2>{{13, 12}, {20, 20}}));
    CHECK((d_table == Tensor<double, 2>{{1, 2}, {0, 0}, {2, 4}}));
}

TEST_CASE("causal LM: the gradient against central differences, with the word table and with a matrix of its own")
{
    bert::Config config = small_config();
    check_head<CausalLmHead<double>>(config, {{0, 1, 3}, {4, 2, 10}});
    config.tie_word_embeddings = false;
    check_head<CausalLmHead<double>>(config, {{0, 3}, {4, 10}}, {.smoothing = 0.2});
}

TEST_CASE("causal LM: it reads the target's rows; what doesn't fit is named")
{
    std::vector<std::size_t> rows;
    CHECK(CausalLmHead<double>::read_rows(small_batch(), {{1, 3}, {2, 10}}, rows));
    CHECK(rows == std::vector<std::size_t>{1, 3});
    CHECK(CausalLmHead<double>::count(small_batch(), {{1, 3}, {2, 10}}) == 2);
    const auto check = [](const bert::MaskedLmTarget& target) {
        CausalLmHead<double>::check(small_batch(), target, small_config());
    };
    CHECK_NOTHROW(check({{0, 4}, {1, 2}}));
    CHECK_THROWS_WITH(check({{0, 5}, {1, 2}}), "causal_lm: rows[1]: expected a row below 5, got 5");
    CHECK_THROWS_WITH(check({{1, 1}, {1, 2}}), "causal_lm: rows[1]: expected more than 1, got 1");
    CHECK_THROWS_WITH(check({{0}, {1, 2}}), "causal_lm: ids: expected [1], got [2]");
    CHECK_THROWS_WITH(check({{0}, {11}}), "causal_lm: ids[0]: expected 0 to 10, got 11");
}

TEST_CASE("causal LM: forward and backward name what doesn't fit before anything is written")
{
    bert::Config config = small_config();  // V 11, H 6
    const auto tied = random_component<CausalLmHead<double>>(config);
    config.tie_word_embeddings = false;
    const auto head = random_component<CausalLmHead<double>>(config);
    auto gradient = zero_component(head);
    const bert::Batch batch = small_batch();  // T 5
    RandomBody body(batch, config);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    bert::CausalLmActivations<double> act, d_act;
    CHECK_THROWS_WITH(head.forward(body.result(), bert::MaskedLmTarget{{1, 5}, {2, 3}}, pass, act),
                      "causal_lm: rows[1]: expected a row below 5, got 5");
    auto changed = head;
    changed.decoder.resize({11, 3});
    CHECK_THROWS_WITH(changed.forward(body.result(), bert::MaskedLmTarget{{1, 5}, {2, 3}}, pass, act),
                      "causal_lm: table: expected [11, 6], got [11, 3]");
    CHECK((act.rows.empty() && act.selected.size() == 0));

    // One thing after the other is broken, from the last check to the first: the message is that of the earlier check.
    const auto backward = [&] { head.backward(body.result(), pass, act, gradient, d_act, body.gradients()); };
    head.forward(body.result(), bert::MaskedLmTarget{{1, 3}, {2, 10}}, pass, act);
    d_act.logits.resize({2, 6});
    CHECK_THROWS_WITH(backward(), "causal_lm: d_logits: expected [2, 11], got [2, 6]");
    act.selected.resize({5, 6});
    CHECK_THROWS_WITH(backward(), "causal_lm: act.selected (forward computes it): expected [2, 6], got [5, 6]");
    gradient.decoder.resize({10, 6});
    CHECK_THROWS_WITH(backward(), "causal_lm: d_table: expected [11, 6], got [10, 6]");
    body.d_word_table.resize({11, 5});
    CHECK_THROWS_WITH(tied.backward(body.result(), pass, act, gradient, d_act, body.gradients()),
                      "causal_lm: d_table: expected [11, 6], got [11, 5]");
    body.hidden = body.d_hidden = random<2>({5, 7}, 1);
    CHECK_THROWS_WITH(backward(), "causal_lm: hidden: expected [5, 6], got [5, 7]");
    body.d_hidden.resize({5, 4});
    CHECK_THROWS_WITH(backward(), "causal_lm: d_hidden: expected [5, 7], got [5, 4]");
    body.d_hidden.resize({3, 6});
    CHECK_THROWS_WITH(backward(), "causal_lm: d_hidden: rows[1]: expected a row below 3, got 3");
    CHECK((d_act.no_bias.size() == 0 && d_act.selected.size() == 0));
    changed = tied;
    CHECK_THROWS_WITH(bert::copy_parameters(head, changed),
                      "causal_lm: expected instances that are all tied to their word tables, or none");
}
