#include "bert/losses.hpp"

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "bert/ops/reference.hpp"
#include "catch.hpp"
#include "component.hpp"

using bert::IndexTensor;
using bert::LossOptions;
using bert::Normalization;
using bert::Reference;
using bert::Tensor;
using namespace component;

TEST_CASE("span loss: the mean of starts and ends, each over its own sequence, by hand")
{
    // Sequence 0 has the tokens 0 and 1, sequence 1 the token 2. Starts: softmax(0, ln 3) = (1/4, 3/4), label 1; the other sequence is
    // certain. Ends: softmax(0, 0), label 0; the other one ignored.
    const Tensor<double, 2> logits = {{0, 0}, {std::log(3.0), 0}, {5, 5}};
    bert::LossScratch<double> scratch;
    const bert::Batch batch = bert::pack({{1, 2}, {3}});
    const IndexTensor<1> starts = {1, 0}, ends = {-7, 2};  // negative: 0; padded_length or more: ignored
    const auto loss = bert::span_loss<Reference>(logits, batch, starts, ends, {}, scratch);
    const double of_starts = std::log(4.0 / 3) / 2, of_ends = std::log(2.0);
    CHECK(loss.count == 3);
    CHECK(std::abs(loss.value - (of_starts + of_ends) / 2) < 1e-15);
    const auto original =
        bert::span_loss<Reference>(logits, batch, starts, ends, {.normalization = Normalization::original}, scratch);
    CHECK(std::abs(original.value - (of_starts + of_ends / 2) / 2) < 1e-15);
}

TEST_CASE("span loss and choice loss: backward against central differences")
{
    auto logits = random<2>({5, 2}, 1);
    bert::LossScratch<double> scratch;
    const bert::Batch batch = small_batch();
    const IndexTensor<1> starts = {2, 3}, ends = {0, 1};
    Tensor<double, 2> d_logits;
    for (const LossOptions& options :
         {LossOptions{}, LossOptions{.smoothing = 0.2}, LossOptions{.normalization = Normalization::original}}) {
        bert::span_loss_backward<Reference>(3.0, logits, batch, starts, ends, options, d_logits, scratch);
        const auto loss = [&] { return 3 * bert::span_loss<Reference>(logits, batch, starts, ends, options, scratch).value; };
        CHECK(bert::check_tensor_gradient("logits", logits, d_logits, loss).message == "");
    }
    auto endings = random<2>({6, 1}, 2);
    const IndexTensor<1> choices = {2, 0};
    bert::choice_loss_backward<Reference>(1.0, endings, choices, {}, d_logits, scratch);
    CHECK((d_logits.shape() == endings.shape()));
    const auto loss = [&] { return bert::choice_loss<Reference>(endings, choices, {}, scratch).value; };
    CHECK(bert::check_tensor_gradient("logits", endings, d_logits, loss).message == "");
}

TEST_CASE("choice loss: endings of one example compete, by hand")
{
    const Tensor<double, 2> logits = {{0}, {std::log(3.0)}, {0}, {0}};  // two examples of two endings
    bert::LossScratch<double> scratch;
    const auto loss = bert::choice_loss<Reference>(logits, IndexTensor<1>{1, 0}, {}, scratch);
    CHECK(loss.count == 2);
    CHECK(std::abs(loss.value - (std::log(4.0 / 3) + std::log(2.0)) / 2) < 1e-15);
}

TEST_CASE("losses: what doesn't fit is named")
{
    const Tensor<double, 2> logits = {{0, 0}, {0, 0}, {0, 0}};
    bert::LossScratch<double> scratch;
    const bert::Batch batch = bert::pack({{1, 2}, {3}});
    CHECK_THROWS_WITH(bert::span_loss<Reference>(logits, batch, IndexTensor<1>{0}, IndexTensor<1>{0, 0}, {}, scratch),
                      "span_loss: starts: expected [2], got [1]");
    CHECK_THROWS_WITH(bert::span_loss<Reference>(logits, batch, IndexTensor<1>{0, 1}, IndexTensor<1>{0, 0}, {}, scratch),
                      "span_loss: sequence 1: expected a label at a real token, got the masked position 1");
    CHECK_THROWS_WITH(bert::choice_loss<Reference>(Tensor<double, 2>{{1}, {2}, {3}}, IndexTensor<1>{0, 0}, {}, scratch),
                      "choice_loss: choices: expected a divisor of 3 sequences, got 2");
    CHECK(bert::labelled_rows(IndexTensor<1>{-100, 4, -100, 0}) == std::vector<std::size_t>{1, 3});
}
