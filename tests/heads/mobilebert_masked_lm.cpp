#include "bert/heads/mobilebert_masked_lm.hpp"

#include <cmath>
#include <cstddef>
#include <optional>

#include "bert/core/parameters.hpp"

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"

using bert::MaskedLmTarget;
using bert::MobileBertMaskedLmHead;
using bert::Tensor;
using namespace component;

namespace {

bert::Config split_config(std::size_t embedding_size, bool tied = true)
{
    bert::Config config = small_config();  // H = 6
    config.embedding_size = embedding_size;
    config.tie_word_embeddings = tied;
    return config;
}

}  // namespace

TEST_CASE("MobileBERT's masked LM: the table reads the first columns, the head's own matrix the rest, by hand")
{
    bert::Config config;
    config.hidden_size = 3;
    config.embedding_size = 1;
    config.vocab_size = 2;
    auto head = MobileBertMaskedLmHead<double>::make(config);
    head.norm.beta = {2, 3, -1};  // gamma is 0: the decoder's input is beta
    head.dense = {{4, 5}, {0, 1}};
    head.bias = {0.5, 0};
    const Tensor<double, 2> table = {{1}, {-2}}, hidden = {{7, 7, 7}, {-5, 4, 1}}, pooled;
    const bert::Batch batch = bert::pack({{1, 1}});
    bert::MobileBertMaskedLmActivations<double> act;
    bert::Workspace workspace;
    head.forward({batch, hidden, pooled, table}, MaskedLmTarget{{1}, {0}}, {config, batch.sequences, workspace}, act);
    CHECK((act.first == Tensor<double, 2>{{2}}));
    CHECK((act.rest == Tensor<double, 2>{{3, -1}}));
    // 2 * 1 + (3 * 4 - 1 * 5) + 0.5 and 2 * -2 + (3 * 0 - 1 * 1)
    CHECK((act.logits == Tensor<double, 2>{{9.5, -5}}));
    head.forward({batch, hidden, pooled, table}, std::nullopt, {config, batch.sequences, workspace}, act);  // all rows
    CHECK((act.logits == Tensor<double, 2>{{9.5, -5}, {9.5, -5}}));
}

TEST_CASE("MobileBERT's masked LM: backward against central differences, tied and not, and without columns of its own")
{
    for (const std::size_t E : {std::size_t{4}, std::size_t{6}})
        for (const bool tied : {true, false}) {
            CAPTURE(E, tied);
            const bert::Config config = split_config(E, tied);
            auto head = random_component<MobileBertMaskedLmHead<double>>(config);
            auto gradient = zero_component(head);
            const bert::Batch batch = small_batch();
            RandomBody body(batch, config);
            body.word_table = random<2>({11, E}, 3);
            body.d_word_table = body.word_table;
            body.d_word_table.fill(10.0);
            const MaskedLmTarget target{{1, 4}, {3, 10}};
            bert::Workspace workspace;
            const bert::Pass pass{config, batch.sequences, workspace};
            bert::MobileBertMaskedLmActivations<double> act, d_act;
            const auto loss = [&] {
                head.forward(body.result(), target, pass, act);
                return head.loss(batch, target, 2, {}, act);
            };
            CHECK(loss() > 0);
            head.loss_backward(batch, target, 2, {}, act, d_act);
            head.backward(body.result(), pass, act, gradient, d_act, body.gradients());
            CHECK(bert::check_gradient(head, gradient, loss, {.most = 0}).message == "");
            body.check(loss);
        }
}

// The following tests break one thing after the other, from the last check to the first: each time the message is that of the
// earlier check, and in the end nothing has been written.

TEST_CASE("MobileBERT's masked LM: forward names what doesn't fit before anything is written")
{
    const bert::Config config = split_config(4);  // V 11, H 6, E 4
    auto head = random_component<MobileBertMaskedLmHead<double>>(config);
    const bert::Batch batch = small_batch();  // T 5
    RandomBody body(batch, config);
    body.word_table = random<2>({11, 4}, 3);
    bert::Workspace workspace;
    bert::MobileBertMaskedLmActivations<double> act;
    const auto forward = [&] {
        head.forward(body.result(), MaskedLmTarget{{1, 5}, {2, 3}}, {config, batch.sequences, workspace}, act);
    };
    CHECK_THROWS_WITH(forward(), "masked_lm: rows[1]: expected a row below 5, got 5");
    head.dense.resize({11, 3});
    CHECK_THROWS_WITH(forward(), "masked_lm: dense: expected [11, 2], got [11, 3]");
    head.bias.resize({10});
    CHECK_THROWS_WITH(forward(), "masked_lm: bias: expected [11], got [10]");
    head.norm.gamma.resize({4});
    CHECK_THROWS_WITH(forward(), "masked_lm: LayerNorm.weight: expected [6], got [4]");
    head.transform.weight.resize({4, 6});
    CHECK_THROWS_WITH(forward(), "masked_lm: transform.weight: expected [6, 6], got [4, 6]");
    CHECK((act.rows.empty() && act.selected.size() == 0));
}

TEST_CASE("MobileBERT's masked LM: backward names what doesn't fit before anything is written")
{
    const bert::Config config = split_config(4);
    const auto head = random_component<MobileBertMaskedLmHead<double>>(config);
    auto gradient = zero_component(head);
    const bert::Batch batch = small_batch();
    RandomBody body(batch, config);
    body.word_table = body.d_word_table = random<2>({11, 4}, 3);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    bert::MobileBertMaskedLmActivations<double> act, d_act;
    const auto backward = [&] { head.backward(body.result(), pass, act, gradient, d_act, body.gradients()); };
    head.forward(body.result(), MaskedLmTarget{{1, 4}, {2, 3}}, pass, act);
    d_act.logits = act.logits;
    gradient.transform.bias.resize({4});
    CHECK_THROWS_WITH(backward(), "masked_lm: d_transform.bias: expected [6], got [4]");
    gradient.norm.gamma.resize({4});
    CHECK_THROWS_WITH(backward(), "masked_lm: d_LayerNorm.weight: expected [6], got [4]");
    gradient.dense.resize({11, 1});
    CHECK_THROWS_WITH(backward(), "masked_lm: d_dense: expected [11, 2], got [11, 1]");
    CHECK((gradient.bias == bert::zeros<double, 1>({11})));
    CHECK((body.d_word_table == body.word_table));
    gradient.bias.resize({10});
    CHECK_THROWS_WITH(backward(), "masked_lm: d_bias: expected [11], got [10]");
    body.d_word_table.resize({11, 6});
    CHECK_THROWS_WITH(backward(), "masked_lm: d_table: expected [11, 4], got [11, 6]");
    d_act.logits.resize({2, 6});
    CHECK_THROWS_WITH(backward(), "masked_lm: d_logits: expected [2, 11], got [2, 6]");
    act.selected.resize({2, 4});
    CHECK_THROWS_WITH(backward(), "masked_lm: act.selected (forward computes it): expected [2, 6], got [2, 4]");
    body.word_table = random<2>({11, 7}, 3);
    CHECK_THROWS_WITH(backward(), "masked_lm: table: expected at most 6 columns, got 7");
    body.d_hidden.resize({5, 4});
    CHECK_THROWS_WITH(backward(), "masked_lm: d_hidden: expected [5, 6], got [5, 4]");
    body.d_hidden.resize({3, 6});
    CHECK_THROWS_WITH(backward(), "masked_lm: d_hidden: rows[1]: expected a row below 3, got 4");
    CHECK((d_act.first.size() == 0 && d_act.selected.size() == 0));
}
