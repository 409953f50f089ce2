// A head that no header knows: it stands in a model's list of heads, its gradient is checked, and it is trained.
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bert/body_result.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/pass.hpp"
#include "bert/heads/head_list.hpp"
#include "bert/heads/loss_options.hpp"
#include "bert/heads/masked_lm.hpp"
#include "bert/model.hpp"
#include "bert/ops/fast.hpp"
#include "bert/training/initialize.hpp"
#include "bert/training/trainer.hpp"

#include "catch.hpp"
#include "component.hpp"
#include "sanitizers.hpp"

using bert::Batch;
using bert::Pass;
using bert::Tensor;

// Not an anonymous namespace: a model is made of the head, and g++ warns of a type that other files could not name.
namespace toy {

template <class Real>
struct CountingActivations {
    Tensor<Real, 2> logits;  // one number for each token, [T, 1]
    Tensor<Real, 2> hidden;  // as a gradient: what the head adds to that of the hidden states, [T, H]
};

/// How often the token occurs in its sequence: a linear layer on every hidden state, and a mean squared error.
template <class Real, class Ops = bert::Reference>
struct CountingHead {
    bert::Linear<Real> dense;  // [1, H], [1]

    using Scalar = Real;
    using Target = Tensor<Real, 1>;  // of each token, [T]
    using Count = double;            // tokens
    using Activations = CountingActivations<Real>;
    static constexpr std::string_view name = "counting";
    template <class Member>
    struct Named {
        Member counting{};
    };
    template <class Owner>
    static auto& member(Owner& owner)
    {
        return owner.counting;
    }

    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const bert::Name& prefix, Selves&... selves)
    {
        bert::Linear<Real>::parameters(visit, prefix + "counting", selves.dense...);
    }
    static CountingHead make(const bert::Config& config) { return {bert::make_linear<Real>(1, config.hidden_size)}; }
    static void check(const Batch& batch, const Target& target, const bert::Config&)
    {
        bert::require_shape("counting", target, {batch.sequences.tokens()});
    }
    static Count count(const Batch&, const Target& target) { return static_cast<Count>(target.size()); }
    static bool read_rows(const Batch&, const Target&, std::vector<std::size_t>&) { return false; }
    void forward(const bert::BodyResult<Real>& body, const std::optional<Target>&, const Pass& pass, Activations& act) const
    {
        Ops::linear(body.hidden, dense.weight, dense.bias, act.logits, pass.workspace);
    }
    Real loss(const Batch&, const Target& target, Count count, const bert::LossOptions&, const Activations& act) const
    {
        return Ops::mean_squared_error(act.logits, target, bert::divisor_of(count)).value;
    }
    void loss_backward(const Batch&, const Target& target, Count count, const bert::LossOptions&, const Activations& act,
                       Activations& d_act) const
    {
        Ops::mean_squared_error_backward(Real(1), act.logits, target, bert::divisor_of(count), d_act.logits);
    }
    void backward(const bert::BodyResult<Real>& body, const Pass& pass, const Activations&, CountingHead& d_head,
                  Activations& d_act, bert::BodyResultGradients<Real> d_body) const
    {
        Ops::linear_backward(d_act.logits, body.hidden, dense.weight, d_head.dense.weight, d_head.dense.bias, d_act.hidden,
                             pass.workspace);
        bert::add(d_act.hidden, d_body.hidden);
    }
};

}  // namespace toy

namespace {

/// The head beside one of the published ones.
using ToyHeads = bert::HeadList<bert::MaskedLmHead, toy::CountingHead>;
template <class Real, class Ops>
using ToyModel = bert::Model<Real, Ops, bert::BertBody, ToyHeads>;

bert::Config toy_config(const std::vector<std::string>& heads)
{
    bert::Config config = component::small_config();
    config.hidden_size = 8;
    config.intermediate_size = 16;
    config.has_pooler = false;
    config.heads = heads;
    return config;
}

/// Four sequences of seven tokens, in which a token occurs once, twice or three times.
Batch toy_batch()
{
    return bert::pack({{1, 2, 3, 1, 4, 5, 1}, {6, 6, 7, 8, 9, 9, 10}, {2, 5, 2, 5, 2, 5, 8}, {10, 9, 8, 7, 6, 5, 4}});
}

template <class Real>
Tensor<Real, 1> occurrences(const Batch& batch)
{
    auto target = bert::zeros<Real, 1>({batch.sequences.tokens()});
    for (std::size_t b = 0; b < batch.sequences.count(); ++b)
        for (std::size_t t = batch.sequences.begin[b]; t < batch.sequences.begin[b + 1]; ++t)
            for (std::size_t other = batch.sequences.begin[b]; other < batch.sequences.begin[b + 1]; ++other)
                target(t) += batch.ids(other) == batch.ids(t) ? Real(1) : Real(0);
    return target;
}

}  // namespace

TEST_CASE("A head of one's own: its gradient, and the whole model's, agree with central differences")
{
    auto model = ToyModel<double, bert::Reference>::make(toy_config({"counting", "masked_lm"}));
    REQUIRE((model.counting && model.masked_lm));
    unsigned seed = 100;
    ToyModel<double, bert::Reference>::parameters(
        [&](const bert::Name&, auto& tensor) {
            for (double& value : tensor)
                value = component::random<1>({1}, seed++)(0) / 2;
        },
        "", model);
    auto gradient = ToyModel<double, bert::Reference>::make(model.config);
    const Batch batch = toy_batch();
    bert::Targets<double, ToyHeads> targets;
    targets.counting = occurrences<double>(batch);
    targets.masked_lm = {{0, 3, 9}, {1, 4, 7}};
    model.check(batch, targets);
    bert::Counts<double, ToyHeads> counts;
    model.count(batch, targets, counts);
    CHECK(counts.counting == 28);
    decltype(model)::Activations act;
    decltype(model)::Gradients d_act;
    bert::Workspace workspace;
    const Pass pass{model.config, batch.sequences, workspace, {.hidden = 0.2, .probabilities = 0.2, .stream = {1, 2}}};
    const auto loss = [&] {
        model.forward(batch, targets, pass, act);
        return model.loss(batch, targets, counts, {}, act).total;
    };
    CHECK(loss() > 0);
    model.loss_backward(batch, targets, counts, {}, act, d_act);
    model.backward(batch, pass, act, gradient, d_act);
    const std::size_t tried = !is_optimized || with_sanitizer ? 3 : 12;  // numbers of each parameter
    const bert::GradientCheck result = bert::check_gradient(model, gradient, loss, {.most = tried});
    CHECK(result.message == "");
    CHECK(result.count > 30 * tried);

    double of_head = 0;
    for (const double value : gradient.counting->dense.weight)
        of_head += std::abs(value);
    CHECK(of_head > 0);
    targets.counting->resize({3});
    CHECK_THROWS_WITH(model.check(batch, targets), "counting: expected [28], got [3]");
}

TEST_CASE("A head of one's own is trained by a Trainer, in micro-batches too")
{
    using Real = float;
    auto model = ToyModel<Real, bert::Fast>::make(toy_config({"counting"}));
    CHECK(!model.masked_lm);
    bert::initialize(model, 1);
    auto same = model;
    const Batch batch = toy_batch();
    bert::LabelledBatch<Real, ToyHeads> example{batch, {}};
    example.targets.counting = occurrences<Real>(batch);
    bert::TrainingOptions options;
    options.optimizer.learning_rate = 1e-2;
    options.optimizer.weight_decay = 0;
    options.dropout = false;
    bert::Trainer<Real, bert::Fast, bert::BertBody, ToyHeads> trainer(options, model), in_parts(options, same);
    // Twice the batch has the loss and the gradient of the batch: the count is that of all micro-batches.
    const std::vector<bert::LabelledBatch<Real, ToyHeads>> whole{example}, parts{example, example};
    const auto first = trainer.step(whole), first_in_parts = in_parts.step(parts);
    CHECK(first.losses.count == 28);
    CHECK(first_in_parts.losses.count == 56);
    REQUIRE(first.losses.counting);
    CHECK(*first.losses.counting == first.losses.total);
    CHECK(!first.losses.masked_lm);
    CHECK(first_in_parts.losses.total == Approx(first.losses.total));
    CHECK(first_in_parts.norm == Approx(first.norm).epsilon(1e-4));

    Real last = 0;
    for (int step = 0; step < 300; ++step)
        last = trainer.step(whole).losses.total;
    INFO("from " << first.losses.total << " to " << last);
    CHECK(last < first.losses.total / 20);
}
