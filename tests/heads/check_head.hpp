/// @file
/// What tests of heads share: random numbers in place of a body's result, and a head's gradients held to central differences.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "bert/body_result.hpp"
#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/heads/loss_options.hpp"
#include "catch.hpp"
#include "component.hpp"

namespace component {

/// What a body hands to a head, and the gradients that the head adds to, which begin at 10.
struct RandomBody {
    const bert::Batch& batch;
    bert::Tensor<double, 2> hidden, pooled, word_table;
    bert::Tensor<double, 2> d_hidden, d_pooled, d_word_table;

    RandomBody(const bert::Batch& tokens, const bert::Config& config)
        : batch(tokens),
          hidden(random<2>({tokens.sequences.tokens(), config.hidden_size}, 1)),
          pooled(random<2>({tokens.sequences.count(), config.hidden_size}, 2)),
          word_table(random<2>({config.vocab_size, config.hidden_size}, 3)),
          d_hidden(hidden),
          d_pooled(pooled),
          d_word_table(word_table)
    {
        for (bert::Tensor<double, 2>* tensor : {&d_hidden, &d_pooled, &d_word_table})
            tensor->fill(10.0);
    }

    bert::BodyResult<double> result() const { return {batch, hidden, pooled, word_table}; }
    bert::BodyResultGradients<double> gradients() { return {d_hidden, d_pooled, d_word_table}; }

    /// Holds the gradients that a head has added to central differences of a loss.
    template <class Loss>
    void check(const Loss& loss)
    {
        for (bert::Tensor<double, 2>* tensor : {&d_hidden, &d_pooled, &d_word_table})
            for (double& value : *tensor)
                value -= 10;
        CHECK(bert::check_tensor_gradient("hidden", hidden, d_hidden, loss).message == "");
        CHECK(bert::check_tensor_gradient("pooled", pooled, d_pooled, loss).message == "");
        CHECK(bert::check_tensor_gradient("word_table", word_table, d_word_table, loss, {.most = 0}).message == "");
    }
};

/// Holds a head's whole way, from the body's result to its loss and back, to central differences.
/// @param config  small_config, with changes
/// @param target  of small_batch
/// @param options  of the loss
/// @param dropout  of the pass
template <class Head>
void check_head(const bert::Config& config, const typename Head::Target& target, const bert::LossOptions& options = {},
                const bert::Dropout& dropout = {})
{
    const bert::Batch batch = small_batch();
    Head::check(batch, target, config);
    auto head = random_component<Head>(config);
    auto gradient = zero_component(head);
    RandomBody body(batch, config);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace, dropout};
    const auto count = Head::count(batch, target);
    typename Head::Activations act, d_act;
    const auto loss = [&] {
        head.forward(body.result(), target, pass, act);
        return head.loss(batch, target, count, options, act);
    };
    CHECK(loss() > 0);
    head.loss_backward(batch, target, count, options, act, d_act);
    head.backward(body.result(), pass, act, gradient, d_act, body.gradients());
    CHECK(bert::check_gradient(head, gradient, loss, {.most = 0}).message == "");
    body.check(loss);
}

/// A head that reads pooled vectors says so where a body has none, and checks the gradients before it adds to its own.
template <class Head>
void check_pooled_messages(const bert::Config& config)
{
    const bert::Batch batch = small_batch();  // B = 2, H = 6
    const auto head = random_component<Head>(config);
    auto gradient = zero_component(head);
    RandomBody body(batch, config);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    typename Head::Activations act, d_act;
    const std::string name(Head::name);
    body.pooled.resize({0, 6});
    CHECK_THROWS_WITH(head.forward(body.result(), std::nullopt, pass, act), name + ": pooled: expected [2, 6], got [0, 6]");
    body.pooled = random<2>({2, 6}, 2);
    head.forward(body.result(), std::nullopt, pass, act);
    d_act.logits = act.logits;
    body.d_pooled.resize({2, 5});
    CHECK_THROWS_WITH(head.backward(body.result(), pass, act, gradient, d_act, body.gradients()),
                      name + ": d_pooled: expected [2, 6], got [2, 5]");
    CHECK((gradient.dense.bias == zero_component(head).dense.bias));  // nothing was added yet
}

/// The same of a head that reads hidden states.
template <class Head>
void check_hidden_message(const bert::Config& config)
{
    const bert::Batch batch = small_batch();  // T = 5, H = 6
    const auto head = random_component<Head>(config);
    auto gradient = zero_component(head);
    RandomBody body(batch, config);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    typename Head::Activations act, d_act;
    head.forward(body.result(), std::nullopt, pass, act);
    d_act.logits = act.logits;
    RandomBody narrow(batch, config);
    narrow.hidden = random<2>({5, 4}, 1);
    CHECK_THROWS_WITH(head.forward(narrow.result(), std::nullopt, pass, act),
                      std::string(Head::name) + ": hidden: expected [5, 6], got [5, 4]");
    body.d_hidden.resize({4, 6});
    CHECK_THROWS_WITH(head.backward(body.result(), pass, act, gradient, d_act, body.gradients()),
                      std::string(Head::name) + ": d_hidden: expected [5, 6], got [4, 6]");
    CHECK((gradient.dense.bias == zero_component(head).dense.bias));
}

}  // namespace component
