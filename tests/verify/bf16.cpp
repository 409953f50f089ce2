// The verification of products in bfloat16: the set itself holds, and mistakes that its rounding could hide are noticed.
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bert/io/families/bert.hpp"
#include "bert/ops/fast.hpp"
#include "bert/verify/case.hpp"
#include "catch.hpp"

using bert::FastBf16;
using bert::Pass;

namespace {

const std::filesystem::path cases = BERT_SOURCE_DIR "/reference_outputs/cases";

template <class Real>
using Matrix = bert::Tensor<Real, 2>;

// A mistake each; chosen while the program runs, so that one model is compiled for all.
enum class Mistake {
    none,
    loss_factor,             // 0.9 of the gradient of each loss
    activation_factor,       // 0.9 of the gradient behind each activation
    value_factor,            // 0.9 of the values' gradient
    context_factor,          // 0.9 of attention's result
    layer_norm_term,         // the third term of a layer norm's backward is missing
    attention_residual,      // what goes past attention is missing
    feed_forward_residual,   // what goes past the feed-forward network is missing
    repeated_ids,            // of a word that stands twice only the last gives a gradient
    bias_gradient,           // of query, key and value is missing
    query_weight_transposed  // the gradient of the query's weight
};
Mistake mistake = Mistake::none;

template <class Tensor>
void shrink(Mistake which, Tensor& tensor)
{
    if (mistake == which)
        for (auto& value : tensor)
            value *= 0.9F;
}

// Mistakes in operations: the boxes run their statements.
struct Mistaken : FastBf16 {
    template <class Real>
    static void cross_entropy_backward(Real d_loss, const Matrix<Real>& logits, const bert::IndexTensor<1>& labels,
                                       const bert::CrossEntropyOptions& options, Matrix<Real>& d_logits)
    {
        FastBf16::cross_entropy_backward(d_loss, logits, labels, options, d_logits);
        shrink(Mistake::loss_factor, d_logits);
    }

    template <class Real>
    static void mean_squared_error_backward(Real d_loss, const Matrix<Real>& predictions, const bert::Tensor<Real, 1>& values,
                                            std::optional<double> divisor, Matrix<Real>& d_predictions)
    {
        FastBf16::mean_squared_error_backward(d_loss, predictions, values, divisor, d_predictions);
        shrink(Mistake::loss_factor, d_predictions);
    }

    template <class Real>
    static void binary_cross_entropy_backward(Real d_loss, const Matrix<Real>& logits, const Matrix<Real>& labels,
                                              std::optional<double> divisor, Matrix<Real>& d_logits)
    {
        FastBf16::binary_cross_entropy_backward(d_loss, logits, labels, divisor, d_logits);
        shrink(Mistake::loss_factor, d_logits);
    }

    template <class Ops, class Real>
    static void activate_backward(Ops, bert::Activation activation, const Matrix<Real>& d_y, const Matrix<Real>& x,
                                  Matrix<Real>& d_x)
    {
        FastBf16::activate_backward(Ops{}, activation, d_y, x, d_x);
        shrink(Mistake::activation_factor, d_x);
    }

    template <class Ops, class Real>
    static void attention(Ops, const bert::QueryKeyValue<Real>& qkv, const Pass& pass, bert::AttentionActivations<Real>& act)
    {
        FastBf16::attention(Ops{}, qkv, pass, act);
        shrink(Mistake::context_factor, act.context);
    }

    template <class Ops, class Real>
    static void attention_backward(Ops, const Matrix<Real>& d_context, const bert::QueryKeyValue<Real>& qkv, const Pass& pass,
                                   const bert::AttentionActivations<Real>& act, bert::AttentionActivations<Real>& d_act,
                                   bert::QueryKeyValue<Real>& d_qkv)
    {
        FastBf16::attention_backward(Ops{}, d_context, qkv, pass, act, d_act, d_qkv);
        shrink(Mistake::value_factor, d_qkv.value);
    }

    template <class Real>
    static void layer_norm_backward(const Matrix<Real>& d_y, const bert::LayerNorm<Real>& norm,
                                    const bert::LayerNormActivations<Real>& act, bert::LayerNorm<Real>& d_norm, Matrix<Real>& d_x)
    {
        const Matrix<Real> before = d_y;  // d_x may be d_y
        FastBf16::layer_norm_backward(d_y, norm, act, d_norm, d_x);
        if (mistake != Mistake::layer_norm_term) return;
        const std::size_t T = before.shape(0), H = before.shape(1);
        for (std::size_t t = 0; t < T; ++t) {
            Real average = 0;
            for (std::size_t h = 0; h < H; ++h)
                average += norm.gamma(h) * before(t, h) / Real(H);
            for (std::size_t h = 0; h < H; ++h)
                d_x(t, h) = act.rstd(t) * (norm.gamma(h) * before(t, h) - average);
        }
    }

    template <class Real>
    static void embedding_lookup_backward(const Matrix<Real>& d_y, const bert::IndexTensor<1>& ids,
                                          std::optional<std::size_t> padding_row, Matrix<Real>& d_table)
    {
        Matrix<Real> some = d_y;
        if (mistake == Mistake::repeated_ids)
            for (std::size_t t = 0; t < ids.size(); ++t)
                if (std::find(ids.begin() + static_cast<std::ptrdiff_t>(t) + 1, ids.end(), ids(t)) != ids.end())
                    for (std::size_t h = 0; h < some.shape(1); ++h)
                        some(t, h) = 0;
        FastBf16::embedding_lookup_backward(some, ids, padding_row, d_table);
    }
};

// Mistakes in the fused forms of the boxes.
struct MistakenBoxes : FastBf16 {
    using Itself = MistakenBoxes;

    template <class Box, class Real, class Act>
    static void attend_backward(const Box& box, const Matrix<Real>& x, const Pass& pass, const Act& act, Box& d_box, Act& d_act,
                                Matrix<Real>& d_x)
    {
        if (mistake == Mistake::attention_residual) d_x.fill(0);
        FastBf16::attend_backward(box, x, pass, act, d_box, d_act, d_x);
        if (mistake == Mistake::bias_gradient)
            for (auto* const dense : {&d_box.query, &d_box.key, &d_box.value})
                dense->bias.fill(0);
        if (mistake == Mistake::query_weight_transposed)
            for (std::size_t i = 0; i < x.shape(1); ++i)
                for (std::size_t j = 0; j < i; ++j)
                    std::swap(d_box.query.weight(i, j), d_box.query.weight(j, i));
    }

    template <class Box, class Real, class Act>
    static void feed_forward_backward(const Box& box, const Matrix<Real>& x, const Pass& pass, const Act& act, Box& d_box,
                                      Act& d_act, Matrix<Real>& d_x)
    {
        FastBf16::feed_forward_backward(box, x, pass, act, d_box, d_act, d_x);
        if (mistake == Mistake::feed_forward_residual)
            for (std::size_t i = 0; i < d_x.size(); ++i)
                d_x.data()[i] -= d_act.output.sum.data()[i];
    }
};

template <class Ops = Mistaken>
bert::CaseReport report_with(Mistake which, const std::filesystem::path& folder)
{
    mistake = which;
    auto report = bert::verify_case<float, Ops>(bert::ReferenceCase(folder));
    mistake = Mistake::none;
    return report;
}

// The name of the first tensor in the order of the computation that doesn't hold.
template <class Ops = Mistaken>
std::string first_failure(Mistake which, const char* name)
{
    for (const bert::Comparison& comparison : report_with<Ops>(which, cases / name).comparisons)
        if (!comparison.holds) return comparison.name;
    return "none";
}

}  // namespace

TEMPLATE_TEST_CASE("Every case holds with products in bfloat16", "", Mistaken, MistakenBoxes)
{
    for (const auto& entry : std::filesystem::directory_iterator(cases)) {
        if (bert::model_type_of(bert::ReferenceCase(entry.path()).model_folder() / "config.json") != "bert") continue;
        for (const bert::Comparison& comparison : report_with<TestType>(Mistake::none, entry.path()).comparisons) {
            INFO(entry.path().filename() << ": " << comparison.message);
            CHECK(comparison.holds);
        }
    }
}

TEST_CASE("In bfloat16 a factor of 0.9 is noticed where it begins")
{
    CHECK(first_failure(Mistake::loss_factor, "pretraining_gelu") == "grad.cls.seq_relationship.bias");
    CHECK(first_failure(Mistake::loss_factor, "sequence_classes") == "grad.classifier.bias");
    CHECK(first_failure(Mistake::loss_factor, "sequence_regression") == "grad.classifier.bias");
    CHECK(first_failure(Mistake::loss_factor, "sequence_multi_label") == "grad.classifier.bias");
    CHECK(first_failure(Mistake::activation_factor, "pretraining_gelu") == "grad.cls.predictions.transform.dense.bias");
    CHECK(first_failure(Mistake::activation_factor, "sequence_regression") ==
          "grad.bert.encoder.layer.1.intermediate.dense.bias");
    CHECK(first_failure(Mistake::value_factor, "pretraining_gelu") == "grad.bert.encoder.layer.1.attention.self.value.bias");
    CHECK(first_failure(Mistake::context_factor, "pretraining_gelu") == "forward.layer.0.context");
}

TEST_CASE("In bfloat16 a term that is missing and a matrix that is transposed are noticed where they are")
{
    CHECK(first_failure(Mistake::layer_norm_term, "pretraining_gelu") == "grad.cls.predictions.transform.dense.bias");
    CHECK(first_failure<MistakenBoxes>(Mistake::attention_residual, "pretraining_gelu") == "grad.forward.layer.0.output");
    CHECK(first_failure<MistakenBoxes>(Mistake::feed_forward_residual, "pretraining_gelu") ==
          "grad.bert.encoder.layer.1.attention.output.LayerNorm.bias");
    CHECK(first_failure(Mistake::repeated_ids, "pretraining_gelu") == "grad.bert.embeddings.token_type_embeddings.weight");
    CHECK(first_failure<MistakenBoxes>(Mistake::bias_gradient, "pretraining_gelu") ==
          "grad.bert.encoder.layer.1.attention.self.value.bias");
    CHECK(first_failure<MistakenBoxes>(Mistake::query_weight_transposed, "pretraining_gelu") ==
          "grad.bert.encoder.layer.1.attention.self.query.weight");
}

TEST_CASE("In bfloat16 a factor of 0.9 on a loss's gradient fails nearly all gradients, and the curve of their norm")
{
    for (const char* name : {"pretraining_gelu", "pretraining_relu", "sequence_regression", "question_answering"}) {
        std::size_t gradients = 0, failed = 0;
        for (const bert::Comparison& comparison : report_with(Mistake::loss_factor, cases / name).comparisons) {
            // In sequence_regression a unit that ReLU has switched on makes the norm larger by 0.06, which makes up for it.
            if (comparison.name == "train.grad_norm" && name != std::string("sequence_regression")) CHECK_FALSE(comparison.holds);
            if (!comparison.name.starts_with("grad.")) continue;
            ++gradients;
            failed += comparison.holds ? 0 : 1;
        }
        INFO(name << ": " << failed << " of " << gradients);
        CHECK(failed > gradients * 3 / 4);  // the others are small beside the rest, as a key's bias
    }
}

TEST_CASE("In bfloat16 it is noticed that training changed parameters by half as much, not at all, or the other way")
{
    const bert::ReferenceCase reference(cases / "pretraining_gelu");
    const auto start = reference.model<float, Mistaken>();
    std::vector<bert::NamedTensor> expected;
    for (const bert::TensorView& view : reference.expected().tensors())
        if (view.name.starts_with("train.parameter.")) expected.push_back(bert::named_tensor(view));
    for (const double factor : {0.5, 0.0, -1.0}) {
        std::vector<bert::NamedTensor> found = expected, changes = expected;
        bert::Model<float, Mistaken>::parameters(
            [&](const std::string& name, const auto& before) {
                for (bert::NamedTensor& tensor : found) {
                    if (tensor.name != "train.parameter." + name) continue;
                    for (std::size_t i = 0; i < tensor.values.size(); ++i)
                        tensor.values[i] = before.data()[i] + factor * (tensor.values[i] - before.data()[i]);
                }
            },
            "", start);
        bert::subtract_start(start, bert::bert_family, found);
        bert::subtract_start(start, bert::bert_family, changes);
        const auto comparisons = bert::compare_all(found, changes, {}, bert::limits_of<float, Mistaken>());
        CHECK(std::count_if(comparisons.begin(), comparisons.end(), [](const auto& c) { return !c.holds; }) > 10);
    }
}
