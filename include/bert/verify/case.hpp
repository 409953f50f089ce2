/// @file
/// A reference case is a folder with a model, its inputs, and everything that another implementation computed from them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/core/parameter_list.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/family.hpp"
#include "bert/io/json.hpp"
#include "bert/io/json_place.hpp"
#include "bert/io/mapped_file.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/io/published_tensors.hpp"
#include "bert/io/safetensors.hpp"
#include "bert/io/tensor_view.hpp"
#include "bert/training/trainer.hpp"
#include "bert/verify/comparison.hpp"
#include "bert/verify/trace.hpp"

namespace bert {

/// The training steps of a case, each with the same batch.
struct TrainingRecipe {
    TrainingOptions options;  ///< optimizer, schedule, clipping
    std::size_t steps = 0;    ///< number of training steps
};

/// Reads the token ids of a case or a dump.
/// @param file  contains input.ids
/// @return  [B, L], neither of them 0
/// @throws InputError if input.ids is missing, empty, or of another rank or type
inline IndexTensor<2> read_ids(const SafetensorsFile& file)
{
    const TensorView* view = file.find("input.ids");
    if (view == nullptr) fail_input(file.name(), "tensor \"input.ids\": expected, got no such tensor");
    auto ids = read_tensor<std::int64_t, 2>(*view);
    if (ids.size() == 0)  // no sequence, or sequences without a token
        fail_input(file.name(),
                   "tensor \"input.ids\": expected at least one sequence of one token, got " + shape_text(view->shape));
    return ids;
}

/// An opened reference case. Names and shapes of its tensors are those of reference_outputs/README.md.
class ReferenceCase {
public:
    /// Opens a case.
    /// @param folder  contains case.json, config.json, model.safetensors and expected.safetensors; case.json may name another
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
    /// @return  the stored tensors
    const SafetensorsFile& expected() const { return expected_; }

    /// Whether the case stores a tensor.
    /// @param name  a tensor's name, as in `label.mlm`
    /// @return  true if it does
    bool has(const std::string& name) const { return expected_.find(name) != nullptr; }

    /// Reads a stored tensor.
    /// @param name  its name, as in `forward.pooled`
    /// @return  the tensor
    /// @throws InputError if it is missing or has another rank
    template <class Value, std::size_t rank>
    Tensor<Value, rank> tensor(const std::string& name) const
    {
        const TensorView* view = expected_.find(name);
        if (view == nullptr) fail_input(expected_.name(), "tensor \"" + name + "\": expected, got no such tensor");
        return read_tensor<Value, rank>(*view);
    }

    /// Reads a stored tensor over positions in packed form: the rows of its real tokens.
    /// @param name  its name, as in `forward.layer.0.query`
    /// @return  [T, W]
    /// @throws InputError if it is missing or isn't [B, L, W]
    template <class Real>
    Tensor<Real, 2> rows(const std::string& name) const
    {
        return pack_rows(tensor<Real, 3>(name), batch_);
    }

    /// Loads the case's model.
    /// @return  the model
    /// @throws InputError if a file is missing or broken
    template <class Real, class Ops = Reference>
    Model<Real, Ops> model() const
    {
        return load_model<Real, Ops>(model_folder_);
    }

    /// Reads the case's targets, packed like the batch.
    /// @tparam Heads  the model's heads; targets of other heads are left out
    /// @return  the targets; those that the case lacks stay empty
    template <class Real, class Heads = BertHeads>
    Targets<Real, Heads> targets() const
    {
        Targets<Real, Heads> targets;
        if constexpr (requires { targets.masked_lm; })
            if (has("label.mlm")) targets.masked_lm = masked_lm_target();
        if constexpr (requires { targets.causal_lm; })
            if (has("label.lm")) targets.causal_lm = causal_lm_target();
        if constexpr (requires { targets.token_classification; })
            if (has("label.tokens")) targets.token_classification = packed_labels("label.tokens");
        if constexpr (requires { targets.next_sentence; })
            if (has("label.next_sentence")) targets.next_sentence = tensor<std::int64_t, 1>("label.next_sentence");
        if constexpr (requires { targets.sentence_order; })
            if (has("label.sentence_order")) targets.sentence_order = tensor<std::int64_t, 1>("label.sentence_order");
        if constexpr (requires { targets.sequence_classification; }) {
            if (has("label.class")) targets.sequence_classification = tensor<std::int64_t, 1>("label.class");
            if (has("label.value")) targets.sequence_classification = tensor<Real, 1>("label.value");
            if (has("label.multi")) targets.sequence_classification = tensor<Real, 2>("label.multi");
        }
        if constexpr (requires { targets.question_answering; })
            if (has("label.start"))
                targets.question_answering = {tensor<std::int64_t, 1>("label.start"), tensor<std::int64_t, 1>("label.end")};
        if constexpr (requires { targets.multiple_choice; })
            if (has("label.choice")) targets.multiple_choice = tensor<std::int64_t, 1>("label.choice");
        return targets;
    }

    /// The number of sequences of one example: the endings of a multiple choice.
    /// @return  the number; 1 if the case is not multiple choice
    /// @throws InputError if the number of sequences isn't a multiple of the number of examples
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

    /// Reads the case's training steps.
    /// @return  the number of training steps, and their options
    /// @throws InputError if case.json doesn't describe them correctly
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

    /// The masked positions and the ids of their tokens: the labels that aren't ignored.
    MaskedLmTarget masked_lm_target() const
    {
        const IndexTensor<1> labels = packed_labels("label.mlm");
        MaskedLmTarget target;
        std::vector<std::int64_t> ids;
        for (std::size_t t = 0; t < labels.size(); ++t) {
            if (labels(t) == ignored_label) continue;
            target.rows.push_back(t);
            ids.push_back(labels(t));
        }
        target.ids.resize({ids.size()});
        std::copy(ids.begin(), ids.end(), target.ids.begin());
        return target;
    }

    /// The rows whose next token has a label, and that label: the labels are those of the tokens themselves.
    MaskedLmTarget causal_lm_target() const
    {
        const IndexTensor<1> labels = packed_labels("label.lm");
        MaskedLmTarget target;
        std::vector<std::int64_t> ids;
        for (std::size_t b = 0; b < batch_.sequences.count(); ++b)
            for (std::size_t t = batch_.sequences.begin[b] + 1; t < batch_.sequences.begin[b + 1]; ++t) {
                if (labels(t) == ignored_label) continue;
                target.rows.push_back(t - 1);
                ids.push_back(labels(t));
            }
        target.ids.resize({ids.size()});
        std::copy(ids.begin(), ids.end(), target.ids.begin());
        return target;
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

/// Converts a stored tensor of any rank to double.
/// @param view  a stored tensor of type F64, F32 or an integer type
/// @return  name, shape and values
/// @throws InputError if it is of another type
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

/// Result of verifying an implementation with a case.
struct CaseReport {
    std::string name;                     ///< name of the case
    std::vector<Comparison> comparisons;  ///< in the order of the computation

    /// @return  whether there are comparisons and all hold
    bool holds() const
    {
        return !comparisons.empty() &&
               std::all_of(comparisons.begin(), comparisons.end(), [](const Comparison& c) { return c.holds; });
    }
};

/// The parameters that a case names by parts of their published names.
/// @param parts  parts of published names, as in `LayerNorm`
/// @param model  the case's model
/// @param family  gives the parameters their published names
/// @return  the names in our components of the parameters whose published names contain one of the parts
template <class Real, class Ops, template <class, class> class Body, class Heads>
std::vector<std::string> our_names(const std::vector<std::string>& parts, const Model<Real, Ops, Body, Heads>& model,
                                   const Family& family)
{
    std::vector<std::string> names;
    for (const Parameter<const Real>& parameter : parameter_list<const Real>(model)) {
        const std::string published = family.published(parameter.name, model.config);
        if (std::any_of(parts.begin(), parts.end(), [&](const std::string& part) { return published.find(part) != part.npos; }))
            names.push_back(parameter.name);
    }
    return names;
}

/// Takes a case's training steps. Records loss, gradient norm and learning rate of each step, and the trained parameters.
/// @param reference  a case with training steps
/// @param model  the case's model; a copy is trained
/// @param family  gives the parameters their published names
/// @return  the tensors
/// @throws InputError if case.json doesn't describe the training steps, or a file is broken
template <class Real, class Ops, template <class, class> class Body, class Heads>
std::vector<NamedTensor> training_trace(const ReferenceCase& reference, Model<Real, Ops, Body, Heads> model,
                                        const Family& family = bert_family)
{
    TrainingRecipe recipe = reference.training();
    recipe.options.optimizer.no_decay = our_names(recipe.options.optimizer.no_decay, model, family);
    const std::vector<LabelledBatch<Real, Heads>> batch{{reference.batch(), reference.targets<Real, Heads>()}};
    Trainer<Real, Ops, Body, Heads> trainer(recipe.options, model);
    NamedTensor loss{"train.loss", {recipe.steps}, {}}, norm{"train.grad_norm", {recipe.steps}, {}};
    NamedTensor rate{"train.learning_rate", {recipe.steps}, {}};
    for (std::size_t k = 0; k < recipe.steps; ++k) {
        const TrainingReport<Real, Heads> step = trainer.step(batch);
        loss.values.push_back(static_cast<double>(step.losses.total));
        norm.values.push_back(step.norm);
        rate.values.push_back(step.learning_rate);
    }
    std::vector<NamedTensor> trace{loss, norm, rate};
    for (const PublishedTensor<Real>& tensor :
         published_tensors(parameter_list<const Real>(std::as_const(model)), model.config, family))
        trace.push_back({"train.parameter." + tensor.name, tensor.shape, {tensor.values.begin(), tensor.values.end()}});
    return trace;
}

/// Whether a case stores a tensor of a kind.
/// @param reference  the case
/// @param kind  beginning of the kind's name, as in `grad` or `train`
/// @return  true if it does
inline bool has_kind(const ReferenceCase& reference, std::string_view kind)
{
    const auto& tensors = reference.expected().tensors();
    return std::any_of(tensors.begin(), tensors.end(), [&](const TensorView& t) { return kind_of(t.name).starts_with(kind); });
}

/// Visits the tensors of a body that ReLU is applied to, each with the name of its result. Other bodies have functions of their
/// own (verify/variants.hpp).
/// @param act  activations from forward
/// @param visit  called as visit(name, tensor), with `layer.0.intermediate` and its pre-activation, [T, I]
template <class Real, class Visit>
void visit_relu_inputs(BertBodyActivations<Real>& act, const Visit& visit)
{
    for (std::size_t l = 0; l < act.encoder.layer.size(); ++l)
        visit("layer." + std::to_string(l) + ".intermediate", act.encoder.layer[l].feed_forward.pre_activation);
}

/// Gives each pre-activation of ReLU the sign that it has in the case. ReLU's derivative jumps from 0 to 1 at 0: a number that
/// rounding moves across 0, however small, adds a unit's whole gradient or removes it. This happens in bfloat16: in
/// `sequence_regression`, one number of -0.0020 becomes 0.0019, which changes gradients by 0.2.
/// @param reference  the case; its tensors `forward.layer.*.intermediate` and the like give the signs
/// @param[in,out] act  a body's activations from forward; its pre-activations are changed
template <class Activations>
void take_stored_branches(const ReferenceCase& reference, Activations& act)
{
    const std::size_t B = reference.mask().shape(0), L = reference.mask().shape(1);
    visit_relu_inputs(act, [&]<class Real>(const std::string& name, Tensor<Real, 2>& pre_activation) {
        const std::size_t T = pre_activation.shape(0), I = pre_activation.shape(1);
        const TensorView* view = reference.expected().find("forward." + name);
        if (view == nullptr || view->shape != std::vector<std::size_t>{B, L, I})
            return;  // the comparison of the forward tensors reports it
        const Tensor<Real, 2> stored = reference.rows<Real>("forward." + name);  // [T, I]
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t i = 0; i < I; ++i)
                if ((pre_activation(t, i) > 0) != (stored(t, i) > 0))
                    pre_activation(t, i) = stored(t, i) > 0 ? std::numeric_limits<Real>::min() : Real(0);
    });
}

/// Computes the tensors of a case: forward and losses; gradients and training steps if the case has them.
/// @param reference  the case
/// @param model  the case's model
/// @param family  gives the parameters their published names
/// @return  the tensors, in the order of the computation
/// @throws InputError if a file is broken
template <class Real, class Ops, template <class, class> class Body, class Heads>
std::vector<NamedTensor> case_trace(const ReferenceCase& reference, const Model<Real, Ops, Body, Heads>& model,
                                    const Family& family = bert_family)
{
    using AnyModel = Model<Real, Ops, Body, Heads>;
    std::vector<NamedTensor> trace;
    const auto append = [&](const std::vector<NamedTensor>& part) { trace.insert(trace.end(), part.begin(), part.end()); };
    const Batch& batch = reference.batch();
    Workspace workspace;
    const Pass pass{.config = model.config, .sequences = batch.sequences, .workspace = workspace, .keep_all = true};
    const auto targets = reference.targets<Real, Heads>();
    typename AnyModel::Activations all;  // with the logits of all positions
    model.forward(batch, {}, pass, all);
    append(forward_trace(model, batch, all, reference.endings()));

    typename AnyModel::Activations act;
    Counts<Real, Heads> counts;
    model.check(batch, targets);
    model.count(batch, targets, counts);
    model.forward(batch, targets, pass, act);
    append(loss_trace(model.loss(batch, targets, counts, {}, act)));
    if (has_kind(reference, "grad")) {
        if constexpr (limits_of<Real, Ops>().measure == Measure::norm &&
                      requires { visit_relu_inputs(act.body, [](auto&&...) {}); })
            if (model.config.hidden_act == Activation::relu) take_stored_branches(reference, act.body);
        auto gradient = AnyModel::make(model.config);
        typename AnyModel::Gradients d_act;
        model.loss_backward(batch, targets, counts, {}, act, d_act);
        model.backward(batch, pass, act, gradient, d_act);
        append(gradient_trace(gradient, d_act, batch, family));
    }
    if (has_kind(reference, "train")) append(training_trace(reference, model, family));
    return trace;
}

/// Replaces trained parameters by their change. A few training steps change them by some hundredths only: within the limits of
/// bfloat16, a model that wasn't trained at all would pass.
/// @param start  the model before the first step
/// @param family  gives the parameters their published names
/// @param[in,out] tensors  those named `train.parameter.*` are changed
template <class Real, class Ops, template <class, class> class Body, class Heads>
void subtract_start(const Model<Real, Ops, Body, Heads>& start, const Family& family, std::vector<NamedTensor>& tensors)
{
    for (const PublishedTensor<Real>& before : published_tensors(parameter_list<const Real>(start), start.config, family))
        for (NamedTensor& tensor : tensors)
            if (tensor.name == "train.parameter." + before.name && tensor.values.size() == before.values.size())
                std::transform(tensor.values.begin(), tensor.values.end(), before.values.begin(), tensor.values.begin(),
                               [](double after, Real value) { return after - static_cast<double>(value); });
}

/// Runs a model on a case's inputs, forward and backward, then its training steps, and compares every tensor. If errors are
/// measured by norms, trained parameters are compared by their change.
/// @param reference  the case
/// @param model  the case's model
/// @param family  gives the parameters their published names
/// @return  a comparison for each expected tensor
/// @throws InputError if a file is broken
template <class Real, class Ops, template <class, class> class Body, class Heads>
CaseReport verify_model(const ReferenceCase& reference, const Model<Real, Ops, Body, Heads>& model,
                        const Family& family = bert_family)
{
    constexpr Limits limits = limits_of<Real, Ops>();
    std::vector<NamedTensor> found = case_trace(reference, model, family), expected;
    for (const TensorView& view : reference.expected().tensors())
        if (!kind_of(view.name).empty()) expected.push_back(named_tensor(view));
    if constexpr (limits.measure == Measure::norm) {
        subtract_start(model, family, found);
        subtract_start(model, family, expected);
    }
    return {reference.name(), compare_all(found, expected, reference.mask(), limits)};
}

/// Verifies our implementation of BERT with a case.
/// @param reference  the case
/// @return  a comparison for each expected tensor
/// @throws InputError if a file is broken
template <class Real, class Ops>
CaseReport verify_case(const ReferenceCase& reference)
{
    return verify_model(reference, reference.model<Real, Ops>());
}

}  // namespace bert
