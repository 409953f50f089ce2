#include "bert/heads/last_token_classification.hpp"

#include <cstddef>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"

using bert::IndexTensor;
using bert::Tensor;
using Head = bert::LastTokenClassificationHead<double>;
using namespace component;

TEST_CASE("last token classification: the last token that isn't padding")
{
    std::vector<std::size_t> rows;
    const bert::Batch batch = bert::pack({{5, 6, 0, 0}, {0, 7}, {0, 0}, {8}});
    Head::last_rows(batch, std::nullopt, rows);
    CHECK(rows == std::vector<std::size_t>{3, 5, 7, 8});
    Head::last_rows(batch, 0, rows);  // padding alone: the first, as in transformers 5.23
    CHECK(rows == std::vector<std::size_t>{1, 5, 6, 8});
    CHECK_THROWS_WITH(Head::last_rows(bert::pack({{1}, {}}), 0, rows),
                      "sequence_classification: sequence 1: expected a token, got none");
}

TEST_CASE("last token classification: a matrix without a bias, by hand")
{
    bert::Config config = small_config();
    config.pad_token_id = std::nullopt;
    Head head = Head::make(config);
    head.dense.weight = {{1, 2}, {3, 0}};
    const bert::Batch batch = bert::pack({{1, 4}});
    const Tensor<double, 2> hidden = {{7, 7}, {1, 10}}, pooled, word_table;
    const bert::BodyResult<double> body{batch, hidden, pooled, word_table};
    Head::Activations act, d_act;
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    head.forward(body, std::nullopt, pass, act);
    CHECK((act.logits == Tensor<double, 2>{{21, 3}}));
    auto gradient = zero_component(head);
    Tensor<double, 2> d_hidden = {{5, 5}, {100, 0}}, d_pooled, d_word_table;
    d_act.logits = {{1, 2}};
    head.backward(body, pass, act, gradient, d_act, {d_hidden, d_pooled, d_word_table});
    CHECK((d_hidden == Tensor<double, 2>{{5, 5}, {107, 2}}));
    CHECK((gradient.dense.weight == Tensor<double, 2>{{1, 10}, {2, 20}}));
    CHECK(gradient.dense.bias.size() == 0);
}

TEST_CASE("last token classification: the gradient against central differences")
{
    bert::Config config = small_config();
    config.labels = {"a", "b", "c"};
    check_head<Head>(config, IndexTensor<1>{2, 0});
    config.labels = {"value"};
    check_head<Head>(config, Tensor<double, 1>{0.5, -1});
}

TEST_CASE("last token classification: what doesn't fit is named before anything is written")
{
    const bert::Config config = small_config();  // C 2, H 6
    const auto head = random_component<Head>(config);
    auto gradient = zero_component(head);
    const bert::Batch batch = small_batch(), empty_text = bert::pack({{1, 2}, {}});  // B 2, T 5
    RandomBody body(batch, config), narrow(batch, config), one(empty_text, config);
    narrow.hidden = random<2>({5, 4}, 1);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    Head::Activations act, d_act;
    const auto forward = [&](const RandomBody& of) { head.forward(of.result(), std::nullopt, pass, act); };
    CHECK_THROWS_WITH(forward(one), "sequence_classification: sequence 1: expected a token, got none");
    CHECK_THROWS_WITH(forward(narrow), "sequence_classification: dense.weight: expected [2, 4], got [2, 6]");
    narrow.hidden.resize({4, 4});
    CHECK_THROWS_WITH(forward(narrow), "sequence_classification: hidden: expected [5, 4], got [4, 4]");
    bert::Batch short_ids = batch;
    short_ids.ids.resize({4});
    CHECK_THROWS_WITH(forward(RandomBody(short_ids, config)), "sequence_classification: sequences: expected 4 tokens, got 5");
    CHECK((act.rows.empty() && act.last.size() == 0));

    // One thing after the other is broken, from the last check to the first: the message is that of the earlier check.
    const auto backward = [&] { head.backward(body.result(), pass, act, gradient, d_act, body.gradients()); };
    forward(body);
    d_act.logits = act.logits;
    gradient.dense.weight.resize({3, 6});
    CHECK_THROWS_WITH(backward(), "sequence_classification: d_dense.weight: expected [2, 6], got [3, 6]");
    d_act.logits.resize({5, 2});
    CHECK_THROWS_WITH(backward(), "sequence_classification: d_logits: expected [2, 2], got [5, 2]");
    act.last.resize({2, 4});
    CHECK_THROWS_WITH(backward(), "sequence_classification: act.last (forward computes it): expected [2, 6], got [2, 4]");
    body.d_hidden.resize({5, 4});
    CHECK_THROWS_WITH(backward(), "sequence_classification: d_hidden: expected [5, 6], got [5, 4]");
    body.d_hidden.resize({3, 6});
    CHECK_THROWS_WITH(backward(), "sequence_classification: d_hidden: rows[1]: expected a row below 3, got 4");
    CHECK((d_act.no_bias.size() == 0 && d_act.last.size() == 0));
}
