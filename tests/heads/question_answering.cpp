#include "bert/heads/question_answering.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"

using bert::LossDivisor;
using bert::LossOptions;
using bert::QuestionAnsweringCount;
using bert::QuestionAnsweringHead;
using bert::QuestionAnsweringTarget;
using bert::Tensor;
using namespace component;

using Head = QuestionAnsweringHead<double>;

TEST_CASE("question answering: the mean of starts and ends, each over its own sequence, by hand")
{
    // Sequence 0 has the tokens 0 and 1, sequence 1 the token 2. Starts: softmax(0, ln 3) = (1/4, 3/4), label 1; the other
    // sequence is certain. Ends: softmax(0, 0), label 0; the other one ignored.
    bert::QuestionAnsweringActivations<double> act;
    act.logits = {{0, 0}, {std::log(3.0), 0}, {5, 5}};
    const bert::Batch batch = bert::pack({{1, 2}, {3}});
    const QuestionAnsweringTarget target{{1, 0}, {-7, 2}};  // negative: 0; padded_length or more: ignored
    const QuestionAnsweringCount count = Head::count(batch, target);
    CHECK((count.start_count == 2 && count.end_count == 1 && count.sequence_count == 2));
    CHECK(static_cast<double>(count) == 3);
    const double of_starts = std::log(4.0 / 3) / 2, of_ends = std::log(2.0);
    CHECK(std::abs(Head{}.loss(batch, target, count, {}, act) - (of_starts + of_ends) / 2) < 1e-15);
    CHECK(std::abs(Head{}.loss(batch, target, count, {.divisor = LossDivisor::original}, act) - (of_starts + of_ends / 2) / 2) <
          1e-15);

    // Of a batch twice as large, a half.
    QuestionAnsweringCount twice = count;
    twice += count;
    CHECK((twice.start_count == 4 && twice.end_count == 2 && twice.sequence_count == 4));
    CHECK(std::abs(Head{}.loss(batch, target, twice, {}, act) - (of_starts + of_ends) / 4) < 1e-15);
}

TEST_CASE("question answering: the loss's gradient against central differences")
{
    const bert::Batch batch = small_batch();
    const QuestionAnsweringTarget target{{2, 3}, {0, 1}};
    const QuestionAnsweringCount counted = Head::count(batch, target);
    // A third of the count makes three times the loss.
    const QuestionAnsweringCount count{counted.start_count / 3, counted.end_count / 3, counted.sequence_count / 3};
    bert::QuestionAnsweringActivations<double> act, d_act;
    act.logits = random<2>({5, 2}, 1);
    for (const LossOptions& options :
         {LossOptions{}, LossOptions{.smoothing = 0.2}, LossOptions{.divisor = LossDivisor::original}}) {
        Head{}.loss_backward(batch, target, count, options, act, d_act);
        const auto loss = [&] { return Head{}.loss(batch, target, count, options, act); };
        CHECK(std::abs(loss() - 3 * Head{}.loss(batch, target, counted, options, act)) < 1e-14);
        CHECK(bert::check_tensor_gradient("logits", act.logits, d_act.logits, loss).message == "");
    }
}

TEST_CASE("question answering: the whole head's gradient against central differences")
{
    const QuestionAnsweringTarget target{{2, 3}, {0, 1}};
    check_head<Head>(small_config(), target);
    check_head<Head>(small_config(), target, {.smoothing = 0.2, .divisor = LossDivisor::original});
}

TEST_CASE("question answering: a linear layer and its backward, by hand")
{
    const Head head{{{{1, 2}, {3, 0}}, {0, 1}}};
    const bert::Config config;
    const bert::Batch batch = bert::pack({{1}});
    const Tensor<double, 2> hidden = {{1, 10}}, pooled, word_table;
    const bert::BodyResult<double> body{batch, hidden, pooled, word_table};
    bert::QuestionAnsweringActivations<double> act, d_act;
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    head.forward(body, std::nullopt, pass, act);
    CHECK((act.logits == Tensor<double, 2>{{21, 4}}));
    auto gradient = zero_component(head);
    Tensor<double, 2> d_hidden = {{100, 0}}, d_pooled, d_word_table;
    d_act.logits = {{1, 2}};
    head.backward(body, pass, act, gradient, d_act, {d_hidden, d_pooled, d_word_table});
    CHECK((d_act.hidden == Tensor<double, 2>{{7, 2}}));
    CHECK((d_hidden == Tensor<double, 2>{{107, 2}}));
    CHECK((gradient.dense.weight == Tensor<double, 2>{{1, 10}, {2, 20}}));
    CHECK((gradient.dense.bias == Tensor<double, 1>{1, 2}));
}

TEST_CASE("question answering: it reads every row; what doesn't fit is named")
{
    std::vector<std::size_t> rows;
    CHECK_FALSE(Head::read_rows(small_batch(), {}, rows));
    bert::QuestionAnsweringActivations<double> act;
    act.logits = {{0, 0}, {0, 0}, {0, 0}};
    const bert::Batch batch = bert::pack({{1, 2}, {3}});
    const auto loss = [&](const QuestionAnsweringTarget& target) { Head{}.loss(batch, target, {2, 2, 2}, {}, act); };
    const auto check = [&](const QuestionAnsweringTarget& target) { Head::check(batch, target, small_config()); };
    const QuestionAnsweringTarget short_one{{0}, {0, 0}}, padding{{0, 1}, {0, 0}};
    CHECK_THROWS_WITH(loss(short_one), "question_answering: starts: expected [2], got [1]");
    CHECK_THROWS_WITH(check(short_one), "question_answering: starts: expected [2], got [1]");
    CHECK_THROWS_WITH(check({{0, 0}, {0}}), "question_answering: ends: expected [2], got [1]");
    CHECK_THROWS_WITH(loss(padding), "question_answering: starts[1]: expected a real token, got padding at position 1");
    CHECK_THROWS_WITH(check(padding), "question_answering: starts[1]: expected a real token, got padding at position 1");
    CHECK_THROWS_WITH(check({{0, 0}, {0, 1}}), "question_answering: ends[1]: expected a real token, got padding at position 1");
    CHECK_NOTHROW(check({{1, 0}, {-7, 2}}));
    act.logits = {{0, 0}};
    CHECK_THROWS_WITH(loss({{0, 0}, {0, 0}}), "question_answering: logits: expected [3, 2], got [1, 2]");
    check_hidden_message<Head>(small_config());
    bert::Batch broken = batch;
    broken.positions.resize({2});
    CHECK_THROWS_WITH(Head::check(broken, {{0, 0}, {0, 0}}, small_config()),
                      "question_answering: positions: expected [3], got [2]");
    broken = batch;
    broken.sequences.begin = {0, 2, 1};
    CHECK_THROWS_WITH(Head::check(broken, {{0, 0}, {0, 0}}, small_config()),
                      "question_answering: sequences: begin[2]: expected 2 or more, got 1");
}
