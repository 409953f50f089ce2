// A deliberate mistake in place of each of our operations, of each backward and of each fused form: verify must see every one.
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bert/ops/fast.hpp"
#include "bert/verify/case.hpp"
#include "catch.hpp"

using bert::Pass;
using bert::Reference;
using bert::ReferenceCase;
using bert::Workspace;

namespace {

template <class Real>
using Matrix = bert::Tensor<Real, 2>;

// 1 % too much.
template <class Tensor>
void spoil(Tensor& y)
{
    for (auto& value : y)
        value *= static_cast<std::decay_t<decltype(value)>>(1.01);
}

// The operation that is wrong; chosen while the program runs, so that one model is compiled for all.
std::string wrong;

// A set of a reader's own, of which all operations are ours but the wrong one.
template <class Base>
struct Replaced : Base {
    template <class Real>
    static void linear(const Matrix<Real>& x, const Matrix<Real>& weight, const bert::Tensor<Real, 1>& bias, Matrix<Real>& y,
                       Workspace& workspace)
    {
        Base::linear(x, weight, bias, y, workspace);
        if (wrong == "linear") spoil(y);
    }

    template <class Real>
    static void linear_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, const Matrix<Real>& weight,
                                Matrix<Real>& d_weight, bert::Tensor<Real, 1>& d_bias, Matrix<Real>& d_x, Workspace& workspace)
    {
        if (wrong == "linear_backward") {  // overwritten instead of added to
            d_weight.fill(Real(0));
            d_bias.fill(Real(0));
        }
        Base::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
        if (wrong == "linear_backward")  // a mean for a sum
            for (Real& value : d_bias)
                value /= Real(d_y.shape(0));
    }

    template <class Real>
    static void gelu(const Matrix<Real>& x, Matrix<Real>& y)
    {
        wrong == "gelu" ? Base::gelu_tanh(x, y) : Base::gelu(x, y);  // the approximation is off by up to 5e-4
    }

    template <class Real>
    static void gelu_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, Matrix<Real>& d_x)
    {
        wrong == "gelu_backward" ? Base::gelu_tanh_backward(d_y, x, d_x) : Base::gelu_backward(d_y, x, d_x);
    }

    template <class Real>
    static void gelu_tanh(const Matrix<Real>& x, Matrix<Real>& y)
    {
        wrong == "gelu_tanh" ? Base::gelu(x, y) : Base::gelu_tanh(x, y);
    }

    template <class Real>
    static void gelu_tanh_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, Matrix<Real>& d_x)
    {
        wrong == "gelu_tanh_backward" ? Base::gelu_backward(d_y, x, d_x) : Base::gelu_tanh_backward(d_y, x, d_x);
    }

    template <class Real>
    static void relu(const Matrix<Real>& x, Matrix<Real>& y)
    {
        wrong == "relu" ? Base::gelu(x, y) : Base::relu(x, y);
    }

    template <class Real>
    static void relu_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, Matrix<Real>& d_x)
    {
        wrong == "relu_backward" ? Base::gelu_backward(d_y, x, d_x) : Base::relu_backward(d_y, x, d_x);
    }

    template <class Real>
    static void tanh(const Matrix<Real>& x, Matrix<Real>& y)
    {
        Base::tanh(x, y);
        if (wrong == "tanh") spoil(y);
    }

    template <class Real>
    static void tanh_backward(const Matrix<Real>& d_y, const Matrix<Real>& y, Matrix<Real>& d_x)
    {
        if (wrong == "tanh_backward")
            d_x = d_y;  // as if tanh were flat nowhere
        else
            Base::tanh_backward(d_y, y, d_x);
    }

    template <class Ops, class Real>
    static void activate(Ops, bert::Activation activation, const Matrix<Real>& x, Matrix<Real>& y)
    {
        wrong == "activate" ? Base::tanh(x, y) : Base::activate(Ops{}, activation, x, y);
    }

    template <class Ops, class Real>
    static void activate_backward(Ops, bert::Activation activation, const Matrix<Real>& d_y, const Matrix<Real>& x,
                                  Matrix<Real>& d_x)
    {
        const bool is_exchanged = wrong == "activate_backward";
        Base::activate_backward(Ops{}, activation, is_exchanged ? x : d_y, is_exchanged ? d_y : x, d_x);
    }

    template <class Real>
    static void softmax(const Matrix<Real>& scores, Matrix<Real>& probabilities)
    {
        Base::softmax(scores, probabilities);
        if (wrong == "softmax") spoil(probabilities);
    }

    template <class Real>
    static void softmax_backward(const Matrix<Real>& d_probabilities, const Matrix<Real>& probabilities, Matrix<Real>& d_scores)
    {
        if (wrong != "softmax_backward") return Base::softmax_backward(d_probabilities, probabilities, d_scores);
        d_scores.resize(probabilities.shape());
        for (std::size_t i = 0; i < d_scores.size(); ++i)  // without the average
            d_scores.data()[i] = probabilities.data()[i] * d_probabilities.data()[i];
    }

    template <class Real>
    static void dropout(const Matrix<Real>& x, const bert::DropoutPlace& place, Matrix<Real>& y)
    {
        Base::dropout(x, place, y);
        if (wrong == "dropout") spoil(y);
    }

    template <class Real>
    static void dropout_backward(const Matrix<Real>& d_y, const bert::DropoutPlace& place, Matrix<Real>& d_x)
    {
        Base::dropout_backward(d_y, place, d_x);
        if (wrong == "dropout_backward") spoil(d_x);
    }

    template <class Real>
    static void layer_norm(const Matrix<Real>& x, const bert::LayerNorm<Real>& norm, Real epsilon,
                           bert::LayerNormActivations<Real>& act)
    {
        Base::layer_norm(x, norm, wrong == "layer_norm" ? Real(1e-3) : epsilon, act);
    }

    template <class Real>
    static void layer_norm_backward(const Matrix<Real>& d_y, const bert::LayerNorm<Real>& norm,
                                    const bert::LayerNormActivations<Real>& act, bert::LayerNorm<Real>& d_norm, Matrix<Real>& d_x)
    {
        Base::layer_norm_backward(d_y, norm, act, d_norm, d_x);
        if (wrong != "layer_norm_backward") return;
        for (std::size_t t = 0; t < d_x.shape(0); ++t)  // the first of the three terms alone
            for (std::size_t h = 0; h < d_x.shape(1); ++h)
                d_x(t, h) = act.rstd(t) * norm.gamma(h) * d_y(t, h);
    }

    template <class Real>
    static void embedding_lookup(const bert::IndexTensor<1>& ids, const Matrix<Real>& table, Matrix<Real>& y)
    {
        Base::embedding_lookup(ids, table, y);
        if (wrong == "embedding_lookup" && y.shape(0) > 0) y(0, 0) += 1;
    }

    template <class Real>
    static void embedding_lookup_backward(const Matrix<Real>& d_y, const bert::IndexTensor<1>& ids,
                                          std::optional<std::size_t> padding_row, Matrix<Real>& d_table)
    {
        if (wrong == "embedding_lookup_backward") padding_row.reset();  // the padding row learns, too
        Base::embedding_lookup_backward(d_y, ids, padding_row, d_table);
    }

    template <class Ops, class Real>
    static void attention(Ops, const bert::QueryKeyValue<Real>& qkv, const Pass& pass, bert::AttentionActivations<Real>& act)
    {
        bert::Config config = pass.config;
        if (wrong == "attention") config.is_causal = true;
        Base::attention(Ops{}, qkv, {config, pass.sequences, pass.workspace, pass.dropout, pass.keep_all}, act);
    }

    template <class Ops, class Real>
    static void attention_backward(Ops, const Matrix<Real>& d_context, const bert::QueryKeyValue<Real>& qkv, const Pass& pass,
                                   const bert::AttentionActivations<Real>& act, bert::AttentionActivations<Real>& d_act,
                                   bert::QueryKeyValue<Real>& d_qkv)
    {
        Base::attention_backward(Ops{}, d_context, qkv, pass, act, d_act, d_qkv);
        if (wrong == "attention_backward") std::swap(d_qkv.query, d_qkv.key);
    }

    template <class Real>
    static bert::Loss<Real> cross_entropy(const Matrix<Real>& logits, const bert::IndexTensor<1>& labels,
                                          const bert::CrossEntropyOptions& options)
    {
        auto loss = Base::cross_entropy(logits, labels, options);
        if (wrong == "cross_entropy") loss.value *= Real(loss.count);  // a sum where a mean should be
        return loss;
    }

    template <class Real>
    static void cross_entropy_backward(Real d_loss, const Matrix<Real>& logits, const bert::IndexTensor<1>& labels,
                                       const bert::CrossEntropyOptions& options, Matrix<Real>& d_logits)
    {
        if (wrong == "cross_entropy_backward") d_loss = -d_loss;
        Base::cross_entropy_backward(d_loss, logits, labels, options, d_logits);
    }

    template <class Real>
    static bert::Loss<Real> mean_squared_error(const Matrix<Real>& predictions, const bert::Tensor<Real, 1>& values,
                                               std::optional<double> divisor)
    {
        auto loss = Base::mean_squared_error(predictions, values, divisor);
        if (wrong == "mean_squared_error") loss.value /= 2;
        return loss;
    }

    template <class Real>
    static void mean_squared_error_backward(Real d_loss, const Matrix<Real>& predictions, const bert::Tensor<Real, 1>& values,
                                            std::optional<double> divisor, Matrix<Real>& d_predictions)
    {
        if (wrong == "mean_squared_error_backward") d_loss /= 2;
        Base::mean_squared_error_backward(d_loss, predictions, values, divisor, d_predictions);
    }

    template <class Real>
    static bert::Loss<Real> binary_cross_entropy(const Matrix<Real>& logits, const Matrix<Real>& labels,
                                                 std::optional<double> divisor)
    {
        auto loss = Base::binary_cross_entropy(logits, labels, divisor);
        if (wrong == "binary_cross_entropy") loss.value *= Real(logits.shape(1));
        return loss;
    }

    template <class Real>
    static void binary_cross_entropy_backward(Real d_loss, const Matrix<Real>& logits, const Matrix<Real>& labels,
                                              std::optional<double> divisor, Matrix<Real>& d_logits)
    {
        if (wrong == "binary_cross_entropy_backward") d_loss *= Real(logits.shape(1));
        Base::binary_cross_entropy_backward(d_loss, logits, labels, divisor, d_logits);
    }

    template <class Real>
    static std::size_t adamw(std::span<const Real> g, bert::UpdateOptions options, bert::ParameterAndMoments<Real> numbers)
    {
        if (wrong == "adamw") options.weight_decay = 0;
        return Base::adamw(g, options, numbers);
    }

    template <class Real>
    static std::size_t bert_adam(std::span<const Real> g, bert::UpdateOptions options, bert::ParameterAndMoments<Real> numbers)
    {
        if (wrong == "bert_adam") options.weight_decay = 0;
        return Base::bert_adam(g, options, numbers);
    }

    template <class Real>
    static std::size_t lamb(std::span<const Real> g, bert::UpdateOptions options, bert::ParameterAndMoments<Real> numbers)
    {
        if (wrong == "lamb") options.use_trust_ratio = false;
        return Base::lamb(g, options, numbers);
    }
};

// A set with fused forms of the boxes, as a fast one has them: each is the box of `Reference`, but for the wrong one.
struct WrongBoxes : Reference {
    using Itself = WrongBoxes;

    template <class Box, class Real>
    static void attend(const Box& box, const Matrix<Real>& x, const Pass& pass, bert::SelfAttentionActivations<Real>& act)
    {
        bert::SelfAttention<Real> plain = plain_attention<Real>(box);
        if (wrong == "attend") std::swap(plain.query, plain.key);
        plain.attend(x, pass, act);
    }

    template <class Box, class Real>
    static void attend_backward(const Box& box, const Matrix<Real>& x, const Pass& pass,
                                const bert::SelfAttentionActivations<Real>& act, Box& d_box,
                                bert::SelfAttentionActivations<Real>& d_act, Matrix<Real>& d_x)
    {
        if (wrong == "attend_backward") d_x.fill(Real(0));  // the residual is forgotten
        bert::SelfAttention<Real> d_plain = plain_attention<Real>(d_box);
        plain_attention<Real>(box).attend_backward(x, pass, act, d_plain, d_act, d_x);
        d_box.query = d_plain.query;
        d_box.key = d_plain.key;
        d_box.value = d_plain.value;
    }

    template <class Box, class Real>
    static void add_and_norm(const Box& box, const Matrix<Real>& x, const Matrix<Real>& residual, const Pass& pass,
                             bert::AddAndNormActivations<Real>& act)
    {
        Matrix<Real> added = residual;
        if (wrong == "add_and_norm")
            for (Real& value : added)
                value /= 2;
        const bert::AddAndNorm<Real> plain{box.dense, box.norm};
        plain.forward(x, added, pass, act);
    }

    template <class Box, class Real>
    static void feed_forward(const Box& box, const Matrix<Real>& x, const Pass& pass, bert::FeedForwardActivations<Real>& act)
    {
        linear(x, box.intermediate.weight, box.intermediate.bias, act.pre_activation, pass.workspace);
        activate(Reference{}, pass.config.hidden_act, act.pre_activation, act.activated);
        if (wrong == "feed_forward") spoil(act.activated);
        add_and_norm(box.output, act.activated, x, pass.at(bert::DropoutSite::feed_forward), act.output);
    }

    // Two mistakes: the residual is forgotten, and its gradient goes past the layer norm.
    template <class Box, class Real>
    static void feed_forward_backward(const Box& box, const Matrix<Real>& x, const Pass& pass,
                                      const bert::FeedForwardActivations<Real>& act, Box& d_box,
                                      bert::FeedForwardActivations<Real>& d_act, Matrix<Real>& d_x)
    {
        const Matrix<Real> d_y = d_x;
        const bert::FeedForward<Real> plain = plain_feed_forward<Real>(box);
        bert::FeedForward<Real> d_plain = plain_feed_forward<Real>(d_box);
        plain.backward(d_y, x, pass, act, d_plain, d_act, d_x);
        for (std::size_t i = 0; i < d_x.size(); ++i) {
            if (wrong == "feed_forward_backward") d_x.data()[i] -= d_act.output.sum.data()[i];
            if (wrong == "past_layer_norm") d_x.data()[i] += d_y.data()[i] - d_act.output.sum.data()[i];
        }
        d_box.intermediate = d_plain.intermediate;
        d_box.output.dense = d_plain.output.dense;
        d_box.output.norm = d_plain.output.norm;
    }

private:
    template <class Real, class Box>
    static bert::SelfAttention<Real> plain_attention(const Box& box)
    {
        return {box.query, box.key, box.value, {}};
    }
    template <class Real, class Box>
    static bert::FeedForward<Real> plain_feed_forward(const Box& box)
    {
        return {box.intermediate, {box.output.dense, box.output.norm}};
    }
};

// The first tensor that doesn't hold, of each case that has one, with this operation wrong.
template <class Ops>
std::vector<std::string> first_failures(const std::string& operation)
{
    wrong = operation;
    std::vector<std::string> failures;
    for (const auto& entry : std::filesystem::directory_iterator(BERT_SOURCE_DIR "/reference_outputs/cases")) {
        if (bert::model_type_of(ReferenceCase(entry.path()).model_folder() / "config.json") != "bert") continue;
        const bert::CaseReport report = bert::verify_case<double, Ops>(ReferenceCase(entry.path()));
        const auto failure = std::find_if(report.comparisons.begin(), report.comparisons.end(),
                                          [](const bert::Comparison& comparison) { return !comparison.holds; });
        if (failure != report.comparisons.end()) failures.push_back(failure->name);
    }
    return failures;
}

// Whether a case fails with this operation wrong, and a tensor is the first to fail.
template <class Ops>
bool is_caught(const std::string& operation, const std::string& expected_first)
{
    const std::vector<std::string> failures = first_failures<Ops>(operation);
    UNSCOPED_INFO("first to fail: " << Catch::Detail::stringify(failures));
    return std::find(failures.begin(), failures.end(), expected_first) != failures.end();
}

}  // namespace

// A set of operations in loops, and one whose boxes have fused forms until an operation is replaced.
using OfReference = Replaced<Reference>;
using OfFast = Replaced<bert::Fast>;
static_assert(bert::fuses<bert::Fast> && !bert::fuses<OfFast> && !bert::fuses<OfReference> && bert::fuses<WrongBoxes>);

TEMPLATE_TEST_CASE("A set of a reader's own without a mistake holds", "", OfReference, OfFast, WrongBoxes)
{
    CHECK(first_failures<TestType>("none").empty());
}

TEMPLATE_TEST_CASE("A wrong operation of a reader's own makes verify fail, and the first wrong tensor is named", "", OfReference,
                   OfFast)
{
    CHECK(is_caught<TestType>("linear", "forward.layer.0.query"));
    CHECK(is_caught<TestType>("gelu", "forward.layer.0.intermediate"));
    CHECK(is_caught<TestType>("gelu_tanh", "forward.layer.0.intermediate"));
    CHECK(is_caught<TestType>("relu", "forward.layer.0.intermediate"));
    CHECK(is_caught<TestType>("tanh", "forward.pooled"));
    CHECK(is_caught<TestType>("activate", "forward.layer.0.intermediate"));
    CHECK(is_caught<TestType>("softmax", "forward.layer.0.probabilities"));
    CHECK(is_caught<TestType>("layer_norm", "forward.embeddings"));
    CHECK(is_caught<TestType>("embedding_lookup", "forward.embeddings"));
    CHECK(is_caught<TestType>("attention", "forward.layer.0.probabilities"));
    CHECK(is_caught<TestType>("cross_entropy", "loss.total"));
    CHECK(is_caught<TestType>("mean_squared_error", "loss.total"));
    CHECK(is_caught<TestType>("binary_cross_entropy", "loss.total"));
    CHECK(is_caught<TestType>("dropout", "forward.embeddings"));
}

TEMPLATE_TEST_CASE("A wrong backward of a reader's own makes verify fail, and the first wrong gradient is named", "", OfReference,
                   OfFast)
{
    CHECK(is_caught<TestType>("linear_backward", "grad.bert.pooler.dense.bias"));
    CHECK(is_caught<TestType>("gelu_backward", "grad.bert.encoder.layer.1.intermediate.dense.bias"));
    CHECK(is_caught<TestType>("gelu_tanh_backward", "grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught<TestType>("relu_backward", "grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught<TestType>("tanh_backward", "grad.bert.pooler.dense.bias"));
    CHECK(is_caught<TestType>("activate_backward", "grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught<TestType>("softmax_backward", "grad.bert.encoder.layer.1.attention.self.key.bias"));
    CHECK(is_caught<TestType>("dropout_backward", "grad.bert.encoder.layer.1.output.dense.bias"));
    CHECK(is_caught<TestType>("layer_norm_backward", "grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught<TestType>("embedding_lookup_backward", "grad.bert.embeddings.word_embeddings.weight"));
    CHECK(is_caught<TestType>("attention_backward", "grad.bert.encoder.layer.1.attention.self.key.bias"));
    CHECK(is_caught<TestType>("cross_entropy_backward", "grad.cls.seq_relationship.bias"));
    CHECK(is_caught<TestType>("mean_squared_error_backward", "grad.classifier.bias"));
    CHECK(is_caught<TestType>("binary_cross_entropy_backward", "grad.classifier.bias"));
}

TEMPLATE_TEST_CASE("A wrong optimizer of a reader's own makes verify fail", "", OfReference, OfFast)
{
    for (const char* const optimizer : {"adamw", "bert_adam", "lamb"})
        CHECK(is_caught<TestType>(optimizer, "train.loss"));
}

TEST_CASE("A wrong fused form of a box makes verify fail, and the first wrong tensor is named")
{
    CHECK(is_caught<WrongBoxes>("attend", "forward.layer.0.query"));
    CHECK(is_caught<WrongBoxes>("feed_forward", "forward.layer.0.intermediate"));
    CHECK(is_caught<WrongBoxes>("add_and_norm", "forward.layer.0.attention"));
    CHECK(is_caught<WrongBoxes>("attend_backward", "grad.forward.embeddings"));
    CHECK(is_caught<WrongBoxes>("feed_forward_backward", "grad.bert.encoder.layer.1.attention.output.LayerNorm.bias"));
    CHECK(is_caught<WrongBoxes>("past_layer_norm", "grad.bert.encoder.layer.1.attention.output.LayerNorm.bias"));
}
