#include "bert/heads/masked_lm.hpp"
#include "bert/core/parameters.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"

using bert::MaskedLmHead;
using bert::MaskedLmTarget;
using bert::Tensor;
using namespace component;

TEST_CASE("masked LM: logits by hand, at the target's rows, at all, at none")
{
    // transform is twice the identity, plus (0 2); ReLU; normalized (-1 1); the table's rows (1 0), (0 1), (1 1) and their
    // biases.
    bert::Config config;
    config.hidden_size = 2;
    config.vocab_size = 3;
    config.hidden_act = bert::Activation::relu;
    auto head = MaskedLmHead<double>::make(config);
    head.transform = {{{2, 0}, {0, 2}}, {0, 2}};
    head.norm = {{1, 3}, {0.5, 0}};
    head.bias = {10, 20, 30};
    const Tensor<double, 2> table = {{1, 0}, {0, 1}, {1, 1}}, hidden = {{7, 7}, {-5, 4}}, pooled;
    const bert::Batch batch = bert::pack({{1, 2}});
    const bert::BodyResult<double> body{batch, hidden, pooled, table};
    bert::MaskedLmActivations<double> act;
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    head.forward(body, MaskedLmTarget{{1}, {0}}, pass, act);
    CHECK((act.activated == Tensor<double, 2>{{0, 10}}));
    const Tensor<double, 2> expected = {{10 - 0.5, 20 + 3, 30 + 2.5}};
    for (std::size_t v = 0; v < 3; ++v)
        CHECK(std::abs(act.logits(0, v) - expected(0, v)) < 1e-9);
    head.forward(body, std::nullopt, pass, act);  // all of them
    CHECK(act.rows == std::vector<std::size_t>{0, 1});
    for (std::size_t v = 0; v < 3; ++v)
        CHECK(std::abs(act.logits(1, v) - expected(0, v)) < 1e-9);
    head.forward(body, MaskedLmTarget{}, pass, act);  // none of them
    CHECK((act.logits.shape() == Tensor<double, 2>::shape_type{0, 3}));
}

TEST_CASE("masked LM: backward against central differences, tied and with a decoder of its own")
{
    for (const bool tied : {true, false}) {
        bert::Config config = small_config();
        config.tie_word_embeddings = tied;
        auto head = random_component<MaskedLmHead<double>>(config);
        auto gradient = zero_component(head);
        const bert::Batch batch = small_batch();
        RandomBody body(batch, config);
        const MaskedLmTarget target{{4, 1}, {0, 0}};  // in any order: check is what refuses it
        const auto d_logits = random<2>({2, 11}, 3);
        bert::MaskedLmActivations<double> act, d_act;
        bert::Workspace workspace;
        const bert::Pass pass{config, batch.sequences, workspace};
        const auto loss = [&] {
            head.forward(body.result(), target, pass, act);
            return weighted_sum(act.logits, d_logits);
        };
        loss();
        d_act.logits = d_logits;
        head.backward(body.result(), pass, act, gradient, d_act, body.gradients());
        CHECK(bert::check_gradient(head, gradient, loss, {.most = 0}).message == "");
        body.check(loss);
    }
}

TEST_CASE("masked LM: the loss's gradient against central differences, with smoothing and the original's divisor")
{
    const MaskedLmTarget target{{1, 4}, {7, 10}};
    check_head<MaskedLmHead<double>>(small_config(), target);
    check_head<MaskedLmHead<double>>(small_config(), target, {.smoothing = 0.2});
    check_head<MaskedLmHead<double>>(small_config(), target, {.divisor = bert::LossDivisor::original});
}

TEST_CASE("masked LM: the loss is divided by the count that it is given, the original's by 1e-5 more")
{
    // Two words of three, each certain to half: ln 2 each.
    bert::MaskedLmActivations<double> act;
    act.logits = {{0, 0, -1000}, {-1000, 0, 0}};
    const MaskedLmHead<double> head;
    const bert::Batch batch = small_batch();
    const MaskedLmTarget target{{1, 4}, {0, 2}};
    const double count = MaskedLmHead<double>::count(batch, target);
    CHECK(count == 2);
    CHECK(std::abs(head.loss(batch, target, count, {}, act) - std::log(2.0)) < 1e-15);
    CHECK(std::abs(head.loss(batch, target, 8, {}, act) - std::log(2.0) / 4) < 1e-15);
    const bert::LossOptions original{.divisor = bert::LossDivisor::original};
    CHECK(std::abs(head.loss(batch, target, count, original, act) - 2 * std::log(2.0) / (2 + 1e-5)) < 1e-15);
    act.logits.resize({0, 3});
    CHECK(head.loss(batch, MaskedLmTarget{}, 0, original, act) == 0);
}

TEST_CASE("masked LM: it reads the rows of its target")
{
    std::vector<std::size_t> rows = {0};
    CHECK(MaskedLmHead<double>::read_rows(small_batch(), {{1, 4}, {7, 10}}, rows));
    CHECK(rows == std::vector<std::size_t>{0, 1, 4});
}

TEST_CASE("masked LM: what doesn't fit is named")
{
    const bert::Config config = small_config();
    bert::Config untied_config = config;
    untied_config.tie_word_embeddings = false;
    auto tied = MaskedLmHead<double>::make(config);
    auto untied = MaskedLmHead<double>::make(untied_config);
    CHECK_THROWS_WITH(bert::copy_parameters(tied, untied),
                      "masked_lm: expected instances that are all tied to their word tables, or none");

    const bert::Batch batch = small_batch();
    RandomBody body(batch, config);
    bert::MaskedLmActivations<double> act, d_act;
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    CHECK_THROWS_WITH(tied.forward(body.result(), MaskedLmTarget{{5}, {0}}, pass, act),
                      "masked_lm: rows[0]: expected a row below 5, got 5");
    tied.forward(body.result(), MaskedLmTarget{{4}, {0}}, pass, act);
    body.d_hidden = random<2>({4, 6}, 3);
    d_act.logits = random<2>({1, 11}, 4);
    auto gradient = tied;
    CHECK_THROWS_WITH(tied.backward(body.result(), pass, act, gradient, d_act, body.gradients()),
                      "masked_lm: d_hidden: rows[0]: expected a row below 4, got 4");
    body.d_hidden = random<2>({5, 7}, 3);
    CHECK_THROWS_WITH(tied.backward(body.result(), pass, act, gradient, d_act, body.gradients()),
                      "masked_lm: d_hidden: expected [5, 6], got [5, 7]");
    body.d_hidden = random<2>({5, 6}, 3);
    gradient.norm.beta.resize({5});
    CHECK_THROWS_WITH(tied.backward(body.result(), pass, act, gradient, d_act, body.gradients()),
                      "masked_lm: d_LayerNorm.bias: expected [6], got [5]");
    gradient = untied;
    gradient.decoder.resize({10, 6});
    CHECK_THROWS_WITH(untied.backward(body.result(), pass, act, gradient, d_act, body.gradients()),
                      "masked_lm: d_table: expected [11, 6], got [10, 6]");
    CHECK((gradient.bias == untied.bias));
    gradient = tied;
    gradient.bias.resize({10});
    bert::MaskedLmActivations<double> untouched;
    CHECK_THROWS_WITH(gradient.forward(body.result(), {}, pass, untouched), "masked_lm: bias: expected [11], got [10]");
    gradient.transform.weight.resize({6, 5});
    CHECK_THROWS_WITH(gradient.forward(body.result(), {}, pass, untouched),
                      "masked_lm: transform.weight: expected [6, 6], got [6, 5]");
    CHECK(untouched.rows.empty());

    const auto check = [&](const MaskedLmTarget& target) { MaskedLmHead<double>::check(batch, target, config); };
    CHECK_NOTHROW(check({}));
    CHECK_NOTHROW(check({{1, 4}, {0, 10}}));
    CHECK_THROWS_WITH(check({{1, 5}, {0, 0}}), "masked_lm: rows[1]: expected a row below 5, got 5");
    CHECK_THROWS_WITH(check({{4, 1}, {0, 0}}), "masked_lm: rows[1]: expected more than 4, got 1");
    CHECK_THROWS_WITH(check({{1, 1}, {0, 0}}), "masked_lm: rows[1]: expected more than 1, got 1");
    CHECK_THROWS_WITH(check({{1, 4}, {0}}), "masked_lm: ids: expected [2], got [1]");
    CHECK_THROWS_WITH(check({{1, 4}, {0, 11}}), "masked_lm: ids[1]: expected 0 to 10, got 11");
}
