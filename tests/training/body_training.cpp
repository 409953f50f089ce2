#include "bert/training/body_training.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "bert/core/parameter_list.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"
#include "bert/training/trainer.hpp"
#include "catch.hpp"
#include "component.hpp"

using bert::BertBody;
using bert::EncoderPlan;

namespace {

// A body whose parameters all matter.
template <class Ops>
BertBody<double, Ops> random_body(const bert::Config& config)
{
    auto body = BertBody<double, Ops>::make(config, true);
    unsigned seed = 1;
    for (const auto& parameter : bert::parameter_list<double>(body)) {
        const auto numbers = component::random<1>({parameter.values.size()}, seed++);
        std::transform(numbers.begin(), numbers.end(), parameter.values.begin(), [](double number) { return number / 2; });
    }
    return body;
}

// What heads would add: to the hidden states of some rows, and to every pooled vector.
template <class Gradients>
void fill_gradients(std::span<const std::size_t> rows, Gradients& d_act)
{
    for (const std::size_t row : rows)
        for (std::size_t h = 0; h < d_act.hidden.shape(1); ++h)
            d_act.hidden(row, h) = std::sin(static_cast<double>(7 * row + h));
    d_act.pooler.pooled = component::random<2>({d_act.pooler.pooled.shape(0), d_act.pooler.pooled.shape(1)}, 50);
}

template <class Body>
std::vector<double> numbers_of(const Body& body)
{
    std::vector<double> numbers;
    for (const auto& parameter : bert::parameter_list<const double>(body))
        numbers.insert(numbers.end(), parameter.values.begin(), parameter.values.end());
    return numbers;
}

// A body of one number, which has no plans.
struct OneNumber {
    struct Activations {
        double y = 0;
    };
    using Gradients = Activations;
    double factor = 3;

    void forward(const bert::Batch& batch, const bert::Pass&, Activations& act) const
    {
        act.y = factor * static_cast<double>(batch.sequences.tokens());
    }
    double result(const bert::Batch&, const Activations& act) const { return act.y; }
    void backward(const bert::Batch& batch, const bert::Pass&, const Activations&, OneNumber& d_body, Gradients& d_act) const
    {
        d_body.factor += d_act.y * static_cast<double>(batch.sequences.tokens());
    }
};

}  // namespace

TEMPLATE_TEST_CASE("BERT's body in training computes what it computes else, whatever the plan, dropout included", "",
                   bert::Reference, bert::Fast)
{
    using Body = BertBody<double, TestType>;
    using Training = bert::BodyTraining<Body>;
    bert::Config config = component::small_config();
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.2;
    const Body body = random_body<TestType>(config);
    const bert::Batch batch = component::small_batch();
    const std::vector<std::size_t> rows{0, 1, 3};  // both first rows, for the pooler, and one more
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace, bert::dropout_of(config, {4, 2})};

    typename Body::Activations act;
    typename Body::Gradients d_act;
    Body d_body = Body::make(config, true);
    body.forward(batch, pass, act);
    body.clear_result_gradients(batch, d_body, d_act);
    fill_gradients(rows, d_act);
    body.backward(batch, pass, act, d_body, d_act);
    const bert::BodyResult<double> expected = body.result(batch, act);
    const std::vector<double> expected_gradient = numbers_of(d_body);

    for (const bool gradient_checkpointing : {false, true}) {
        for (const bool selects : {false, true}) {
            CAPTURE(gradient_checkpointing, selects);
            const EncoderPlan plan{gradient_checkpointing, selects ? std::span(rows) : std::span<const std::size_t>()};
            typename Training::Activations trained_act;
            typename Training::Gradients d_trained_act;
            Body d_trained = Body::make(config, true);
            const auto found = Training::forward(body, batch, plan, pass, trained_act);
            CHECK((found.pooled == expected.pooled));
            CHECK(&found.word_table == &body.embeddings.word);
            for (std::size_t t = 0; t < batch.sequences.tokens(); ++t) {
                const bool is_computed = !selects || std::find(rows.begin(), rows.end(), t) != rows.end();
                for (std::size_t h = 0; h < config.hidden_size; ++h)
                    CHECK(found.hidden(t, h) == (is_computed ? expected.hidden(t, h) : 0));
            }
            body.clear_result_gradients(batch, d_trained, d_trained_act);
            fill_gradients(rows, d_trained_act);
            Training::backward(body, batch, plan, pass, trained_act, d_trained, d_trained_act);
            const std::vector<double> gradient = numbers_of(d_trained);
            REQUIRE(gradient.size() == expected_gradient.size());
            double largest = 0;
            for (std::size_t i = 0; i < gradient.size(); ++i)
                largest = std::max(largest, std::abs(gradient[i] - expected_gradient[i]));
            CHECK(largest <= (selects ? 1e-13 : 0.0));  // fewer rows are added up in another order
        }
    }
}

TEST_CASE("A body that has no plans runs as it stands, and gradient checkpointing is refused")
{
    using Training = bert::BodyTraining<OneNumber>;
    const bert::Config config = component::small_config();
    const bert::Batch batch = component::small_batch();
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    const OneNumber body;
    OneNumber::Activations act, d_act{2};
    OneNumber d_body{0};
    const std::vector<std::size_t> rows{1};
    CHECK(Training::forward(body, batch, {false, rows}, pass, act) == 15);  // all five tokens, whatever is selected
    Training::backward(body, batch, {false, rows}, pass, act, d_body, d_act);
    CHECK(d_body.factor == 10);
    CHECK_THROWS_WITH(Training::forward(body, batch, {true, {}}, pass, act),
                      "gradient_checkpointing: expected a body that supports it, got one that doesn't");
}
