/// @file
/// Reference cases: a folder with a model, its inputs, and everything that another implementation computed from them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/io/json.hpp"
#include "bert/io/json_place.hpp"
#include "bert/io/mapped_file.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/io/safetensors.hpp"
#include "bert/io/tensor_view.hpp"
#include "bert/losses.hpp"
#include "bert/training/trainer.hpp"
#include "bert/verify/comparison.hpp"
#include "bert/verify/trace.hpp"

namespace bert {

/// Training steps as a case describes them: the same batch in each.
struct TrainingRecipe {
    TrainingOptions options;  ///< optimizer, schedule, clipping
    std::size_t steps = 0;    ///< how many
};

/// The token ids of a case or a dump.
/// @param file  with input.ids
/// @return  [B, L], neither of them 0
/// @throws InputError if they aren't there, or aren't that
inline IndexTensor<2> read_ids(const SafetensorsFile& file)
{
    const TensorView* view = file.find("input.ids");
    if (view == nullptr) fail_input(file.name(), "tensor \"input.ids\": expected, got no such tensor");
    auto ids = read_tensor<std::int64_t, 2>(*view);
    if (ids.size() == 0)  // of any number of sequences without a token
        fail_input(file.name(),
                   "tensor \"input.ids\": expected at least one sequence of one token, got " + shape_text(view->shape));
    return ids;
}

/// A reference case, opened. The names and shapes of its tensors are those of reference_outputs/README.md.
class ReferenceCase {
public:
    /// Opens a case.
    /// @param folder  holds case.json, config.json, model.safetensors and expected.safetensors; case.json may name another
    ///     folder for the model, `"model": "../../../examples/models/default"`
    /// @throws InputError if a file is missing, broken, or of another format
    explicit ReferenceCase(const std::filesystem::path& folder)
        : folder_(folder), model_folder_(model_folder_of(folder)), expected_(folder / "expected.safetensors")
    {
        const IndexTensor<2> ids = read_ids(expected_);
        mask_ = tensor<std::int64_t, 2>("input.mask");
        batch_ = pack(ids, tensor<std::int64_t, 2>("input.segments"), mask_);
    }

    /// @return  the folder's own name
    std::string name() const { return std::filesystem::weakly_canonical(folder_).filename().string(); }
    /// @return  the folder that holds config.json and model.safetensors
    const std::filesystem::path& model_folder() const { return model_folder_; }
    /// @return  the inputs, packed
    const Batch& batch() const { return batch_; }
    /// @return  1 where a position holds a real token, [B, L]
    const IndexTensor<2>& mask() const { return mask_; }
    /// @return  everything that was stored
    const SafetensorsFile& expected() const { return expected_; }

    /// Whether the case stores a tensor.
    /// @param name  as in `label.mlm`
    /// @return  whether it does
    bool has(const std::string& name) const { return expected_.find(name) != nullptr; }

    /// A stored tensor as it is.
    /// @param name  as in `forward.pooled`
    /// @return  its elements
    /// @throws InputError if it isn't there or has another rank
    template <class Value, std::size_t rank>
    Tensor<Value, rank> tensor(const std::string& name) const
    {
        const TensorView* view = expected_.find(name);
        if (view == nullptr) fail_input(expected_.name(), "tensor \"" + name + "\": expected, got no such tensor");
        return read_tensor<Value, rank>(*view);
    }

    /// A stored tensor over positions, as the rows of the real tokens: what an implementation on packed sequences computes.
    /// @param name  as in `forward.layer.0.query`
    /// @return  [T, W]
    /// @throws InputError if it isn't there or isn't [B, L, W]
    template <class Real>
    Tensor<Real, 2> rows(const std::string& name) const
    {
        return pack_rows(tensor<Real, 3>(name), batch_);
    }

    /// The case's model.
    /// @return  the model
    /// @throws InputError if a file is missing or broken
    template <class Real, class Ops = Reference>
    Model<Real, Ops> model() const
    {
        return load_model<Real, Ops>(model_folder_);
    }

    /// The case's labels, packed like the batch.
    /// @return  what the case has; the others are empty
    template <class Real>
    Labels<Real> labels() const
    {
        Labels<Real> labels;
        if (has("label.mlm")) labels.masked_words = packed_labels("label.mlm");
        if (has("label.tokens")) labels.tokens = packed_labels("label.tokens");
        if (has("label.next_sentence")) labels.next_sentence = tensor<std::int64_t, 1>("label.next_sentence");
        if (has("label.class")) labels.classes = tensor<std::int64_t, 1>("label.class");
        if (has("label.start")) labels.starts = tensor<std::int64_t, 1>("label.start");
        if (has("label.end")) labels.ends = tensor<std::int64_t, 1>("label.end");
        if (has("label.choice")) labels.choices = tensor<std::int64_t, 1>("label.choice");
        if (has("label.value")) labels.values = tensor<Real, 1>("label.value");
        if (has("label.multi")) labels.several = tensor<Real, 2>("label.multi");
        return labels;
    }

    /// How many sequences make one example: the endings of a multiple choice.
    /// @return  1 if the case is none
    /// @throws InputError if they aren't as many for each example
    std::size_t endings() const
    {
        const TensorView* choices = expected_.find("label.choice");
        if (choices == nullptr || choices->shape.empty() || choices->shape[0] == 0) return 1;
        const std::size_t sequences = batch_.sequences.count(), examples = choices->shape[0];
        if (sequences % examples != 0)
            fail_input(expected_.name(), "label.choice: expected a divisor of " + std::to_string(sequences) + " sequences, got " +
                                             std::to_string(examples));
        return sequences / examples;
    }

    /// The case's training steps.
    /// @return  what case.json says of them
    /// @throws InputError if it says nothing, or not what it should
    TrainingRecipe training() const
    {
        const std::filesystem::path file = folder_ / "case.json";
        const nlohmann::json description = parse_json(file.string(), MappedFile(file).text());
        const detail::JsonPlace train = detail::JsonPlace{description, file.string()}.at("train");
        constexpr double large = 1e9;
        TrainingRecipe recipe;
        recipe.steps = static_cast<std::size_t>(train.at("steps").number(1'000'000));
        recipe.options.dropout = false;
        OptimizerOptions& optimizer = recipe.options.optimizer;
        const std::string kind = train.at("optimizer").one_of({"adamw", "bert_adam", "lamb"});
        optimizer.kind = kind == "adamw" ? OptimizerKind::adamw : kind == "lamb" ? OptimizerKind::lamb : OptimizerKind::bert_adam;
        optimizer.learning_rate = train.at("learning_rate").real(0, large);
        optimizer.beta1 = train.at("beta1").real(0, 1);
        optimizer.beta2 = train.at("beta2").real(0, 1);
        optimizer.epsilon = train.at("epsilon").real(0, large);
        optimizer.weight_decay = train.at("weight_decay").real(0, large);
        optimizer.no_decay.clear();
        for (const detail::JsonPlace& part : train.at("no_decay").elements())
            optimizer.no_decay.push_back(part.text());
        optimizer.clipping = {train.at("max_grad_norm").real(0, large), train.at("clip_epsilon").real(0, 1)};
        const detail::JsonPlace schedule = train.at("schedule");
        schedule.at("type").one_of({"linear"});
        optimizer.schedule = {.kind = ScheduleKind::linear,
                              .warmup_steps = static_cast<std::size_t>(schedule.at("warmup_steps").number(1'000'000)),
                              .total_steps = static_cast<std::size_t>(schedule.at("total_steps").number(1'000'000))};
        return recipe;
    }

private:
    static std::filesystem::path model_folder_of(const std::filesystem::path& folder)
    {
        const std::filesystem::path file = folder / "case.json";
        const nlohmann::json description = parse_json(file.string(), MappedFile(file).text());
        if (!description.is_object()) fail_input(file.string(), "expected an object");
        const auto format = description.find("format");
        if (format == description.end() || *format != 1)
            fail_input(file.string(),
                       "format: expected 1, got " + (format == description.end() ? "none" : one_line(format->dump())));
        const auto model = description.find("model");
        if (model == description.end()) return folder;
        if (!model->is_string())
            fail_input(file.string(), "model: expected the path of a folder, got " + one_line(model->dump()));
        return folder / model->get<std::string>();
    }

    IndexTensor<1> packed_labels(const std::string& name) const
    {
        IndexTensor<2> padded = tensor<std::int64_t, 2>(name);
        const std::size_t B = padded.shape(0), L = padded.shape(1), T = batch_.sequences.tokens();
        require_shape(name, padded, {mask_.shape(0), mask_.shape(1)});
        IndexTensor<1> labels;
        labels.resize({T});
        std::size_t t = 0;
        for (std::size_t b = 0; b < B; ++b)
            for (std::size_t l = 0; l < L; ++l)
                if (mask_(b, l) != 0) labels(t++) = padded(b, l);
        return labels;
    }

    std::filesystem::path folder_, model_folder_;
    SafetensorsFile expected_;
    IndexTensor<2> mask_;
    Batch batch_;
};

/// A stored tensor in double, of any rank.
/// @param view  F64, F32 or an integer tensor of a file
/// @return  name, shape and values
/// @throws InputError for another dtype
inline NamedTensor named_tensor(const TensorView& view)
{
    NamedTensor tensor{view.name, view.shape, {}};
    std::size_t count = 1;
    for (const std::size_t size : view.shape)
        count *= size;
    TensorView flat = view;
    flat.shape = {count};
    if (view.dtype == Dtype::I64 || view.dtype == Dtype::I32) {
        const auto values = read_tensor<std::int64_t, 1>(flat);
        tensor.values.assign(values.begin(), values.end());
    } else {
        const auto values = read_tensor<double, 1>(flat);
        tensor.values.assign(values.begin(), values.end());
    }
    return tensor;
}

/// What came of holding an implementation to a case.
struct CaseReport {
    std::string name;                     ///< the case's
    std::vector<Comparison> comparisons;  ///< in the order of the computation

    /// @return  whether every comparison holds, and there is one
    bool holds() const
    {
        return !comparisons.empty() &&
               std::all_of(comparisons.begin(), comparisons.end(), [](const Comparison& c) { return c.holds; });
    }
};

/// The loss curve and the parameters of a case's training steps, under their published names.
/// @param reference  a case that has them
/// @return  the tensors
/// @throws InputError if case.json doesn't say how, or a file is broken
template <class Real, class Ops>
std::vector<NamedTensor> training_trace(const ReferenceCase& reference)
{
    const TrainingRecipe recipe = reference.training();
    const std::vector<Example<Real>> batch{{reference.batch(), reference.labels<Real>()}};
    auto model = reference.model<Real, Ops>();
    Trainer<Real, Ops> trainer(recipe.options, model);
    NamedTensor loss{"train.loss", {recipe.steps}, {}}, norm{"train.grad_norm", {recipe.steps}, {}};
    NamedTensor rate{"train.learning_rate", {recipe.steps}, {}};
    for (std::size_t k = 0; k < recipe.steps; ++k) {
        const TrainingReport<Real> step = trainer.step(batch, model);
        loss.values.push_back(static_cast<double>(step.losses.total));
        norm.values.push_back(step.norm);
        rate.values.push_back(step.learning_rate);
    }
    std::vector<NamedTensor> trace{loss, norm, rate};
    Model<Real, Ops>::parameters(
        [&](const std::string& name, const auto& tensor) { trace.push_back(detail::whole("train.parameter." + name, tensor)); },
        "", model);
    return trace;
}

/// Whether a case stores a tensor of some kind.
/// @param reference  the case
/// @param kind  what the kind begins with: `grad`, `train`
/// @return  whether it does
inline bool has_kind(const ReferenceCase& reference, std::string_view kind)
{
    const auto& tensors = reference.expected().tensors();
    return std::any_of(tensors.begin(), tensors.end(), [&](const TensorView& t) { return kind_of(t.name).starts_with(kind); });
}

/// Puts each pre-activation of ReLU on the side of 0 on which the case has it. ReLU's derivative jumps there from 0 to 1: a
/// number that rounding moves across 0 gives a unit's whole gradient, or takes it away, however small the number is. In
/// bfloat16 that happens: in `sequence_regression` one of -0.0020 becomes 0.0019, and with it gradients change by 0.2.
/// @param reference  the case, whose intermediate results tell the sides
/// @param[in,out] act  what forward computed
template <class Real>
void take_stored_branches(const ReferenceCase& reference, ModelActivations<Real>& act)
{
    const std::size_t B = reference.mask().shape(0), L = reference.mask().shape(1);
    for (std::size_t l = 0; l < act.encoder.layer.size(); ++l) {
        Tensor<Real, 2>& pre_activation = act.encoder.layer[l].feed_forward.pre_activation;
        const std::size_t T = pre_activation.shape(0), I = pre_activation.shape(1);
        const std::string name = "forward.layer." + std::to_string(l) + ".intermediate";
        const TensorView* view = reference.expected().find(name);
        if (view == nullptr || view->shape != std::vector<std::size_t>{B, L, I})
            continue;                                               // another shape is no match in forward
        const Tensor<Real, 2> stored = reference.rows<Real>(name);  // [T, I]
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t i = 0; i < I; ++i)
                if ((pre_activation(t, i) > 0) != (stored(t, i) > 0))
                    pre_activation(t, i) = stored(t, i) > 0 ? std::numeric_limits<Real>::min() : Real(0);
    }
}

/// What a case expects, computed: forward and losses; gradients and training steps where the case has them.
/// @param reference  the case
/// @return  the tensors, in the order of the computation
/// @throws InputError if a file is broken
template <class Real, class Ops>
std::vector<NamedTensor> case_trace(const ReferenceCase& reference)
{
    std::vector<NamedTensor> trace;
    const auto append = [&](const std::vector<NamedTensor>& part) { trace.insert(trace.end(), part.begin(), part.end()); };
    const Batch& batch = reference.batch();
    const Labels<Real> labels = reference.labels<Real>();
    const auto model = reference.model<Real, Ops>();
    ModelActivations<Real> act;
    act.encoder.keep_all = true;
    Workspace workspace;
    model.forward(batch, act, workspace);
    append(forward_trace(model, batch, act, reference.endings()));
    append(loss_trace(model_loss(model, batch, act, labels)));
    if (has_kind(reference, "grad")) {
        if (limits_of<Real, Ops>().measure == Measure::norm && model.config.hidden_act == Activation::relu)
            take_stored_branches(reference, act);
        auto gradient = Model<Real, Ops>::make(model.config);
        ModelGradients<Real> d_act;
        model_loss_backward(model, batch, act, labels, {}, d_act);
        model.backward(batch, act, gradient, d_act, workspace);
        append(gradient_trace(gradient, d_act, batch));
    }
    if (has_kind(reference, "train")) append(training_trace<Real, Ops>(reference));
    return trace;
}

/// Makes trained parameters their change. A few steps change them by some hundredths: with the limits of bfloat16 a model that
/// wasn't trained at all would pass.
/// @param start  the model before the first step
/// @param[in,out] tensors  of which those named `train.parameter.*` change
template <class Real, class Ops>
void subtract_start(const Model<Real, Ops>& start, std::vector<NamedTensor>& tensors)
{
    Model<Real, Ops>::parameters(
        [&](const std::string& name, const auto& parameter) {
            for (NamedTensor& tensor : tensors)
                if (tensor.name == "train.parameter." + name && tensor.values.size() == parameter.size())
                    std::transform(tensor.values.begin(), tensor.values.end(), parameter.begin(), tensor.values.begin(),
                                   [](double after, Real before) { return after - static_cast<double>(before); });
        },
        "", start);
}

/// Runs a case's model on its inputs, forward and backward, then its training steps, and compares every tensor. Where errors are
/// measured by norms, what is compared of a trained parameter is its change.
/// @param reference  the case
/// @return  a comparison for each expected tensor
/// @throws InputError if a file is broken
template <class Real, class Ops>
CaseReport verify_case(const ReferenceCase& reference)
{
    constexpr Limits limits = limits_of<Real, Ops>();
    std::vector<NamedTensor> found = case_trace<Real, Ops>(reference), expected;
    for (const TensorView& view : reference.expected().tensors())
        if (!kind_of(view.name).empty()) expected.push_back(named_tensor(view));
    if constexpr (limits.measure == Measure::norm) {
        const auto start = reference.model<Real, Ops>();
        subtract_start(start, found);
        subtract_start(start, expected);
    }
    return {reference.name(), compare_all(found, expected, reference.mask(), limits)};
}

}  // namespace bert
