// A deliberate mistake in place of each of our operations and of each backward: verify must see every one of them.
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "bert/verify/case.hpp"
#include "catch.hpp"

using bert::Linear;
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
struct Replaced : Reference {
    template <class Real>
    static void linear(const Matrix<Real>& x, const Matrix<Real>& weight, const bert::Tensor<Real, 1>& bias, Matrix<Real>& y,
                       Workspace& workspace)
    {
        Reference::linear(x, weight, bias, y, workspace);
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
        Reference::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
        if (wrong == "linear_backward")  // a mean for a sum
            for (Real& value : d_bias)
                value /= Real(d_y.shape(0));
    }

    template <class Ops, class Real>
    static void query_key_value(Ops, const Matrix<Real>& x, const Linear<Real>& query_map, const Linear<Real>& key_map,
                                const Linear<Real>& value_map, Matrix<Real>& query, Matrix<Real>& key, Matrix<Real>& value,
                                Workspace& workspace)
    {
        const bool is_exchanged = wrong == "query_key_value";
        Reference::query_key_value(Ops{}, x, is_exchanged ? key_map : query_map, is_exchanged ? query_map : key_map, value_map,
                                   query, key, value, workspace);
    }

    template <class Ops, class Real>
    static void query_key_value_backward(Ops, const Matrix<Real>& d_query, const Matrix<Real>& d_key, const Matrix<Real>& d_value,
                                         const Matrix<Real>& x, const Linear<Real>& query_map, const Linear<Real>& key_map,
                                         const Linear<Real>& value_map, Linear<Real>& d_query_map, Linear<Real>& d_key_map,
                                         Linear<Real>& d_value_map, Matrix<Real>& d_x, Workspace& workspace)
    {
        if (wrong == "query_key_value_backward") d_x.fill(Real(0));  // the residual is forgotten
        Reference::query_key_value_backward(Ops{}, d_query, d_key, d_value, x, query_map, key_map, value_map, d_query_map,
                                            d_key_map, d_value_map, d_x, workspace);
    }

    template <class Real>
    static void gelu(const Matrix<Real>& x, Matrix<Real>& y)
    {
        wrong == "gelu" ? Reference::gelu_tanh(x, y) : Reference::gelu(x, y);  // the approximation is off by up to 5e-4
    }

    template <class Real>
    static void gelu_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, Matrix<Real>& d_x)
    {
        wrong == "gelu_backward" ? Reference::gelu_tanh_backward(d_y, x, d_x) : Reference::gelu_backward(d_y, x, d_x);
    }

    template <class Real>
    static void gelu_tanh(const Matrix<Real>& x, Matrix<Real>& y)
    {
        wrong == "gelu_tanh" ? Reference::gelu(x, y) : Reference::gelu_tanh(x, y);
    }

    template <class Real>
    static void gelu_tanh_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, Matrix<Real>& d_x)
    {
        wrong == "gelu_tanh_backward" ? Reference::gelu_backward(d_y, x, d_x) : Reference::gelu_tanh_backward(d_y, x, d_x);
    }

    template <class Real>
    static void relu(const Matrix<Real>& x, Matrix<Real>& y)
    {
        wrong == "relu" ? Reference::gelu(x, y) : Reference::relu(x, y);
    }

    template <class Real>
    static void relu_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, Matrix<Real>& d_x)
    {
        wrong == "relu_backward" ? Reference::gelu_backward(d_y, x, d_x) : Reference::relu_backward(d_y, x, d_x);
    }

    template <class Real>
    static void tanh(const Matrix<Real>& x, Matrix<Real>& y)
    {
        Reference::tanh(x, y);
        if (wrong == "tanh") spoil(y);
    }

    template <class Real>
    static void tanh_backward(const Matrix<Real>& d_y, const Matrix<Real>& y, Matrix<Real>& d_x)
    {
        if (wrong == "tanh_backward")
            d_x = d_y;  // as if tanh were flat nowhere
        else
            Reference::tanh_backward(d_y, y, d_x);
    }

    template <class Ops, class Real>
    static void activate(Ops, bert::Activation activation, const Matrix<Real>& x, Matrix<Real>& y)
    {
        wrong == "activate" ? Reference::tanh(x, y) : Reference::activate(Ops{}, activation, x, y);
    }

    template <class Ops, class Real>
    static void activate_backward(Ops, bert::Activation activation, const Matrix<Real>& d_y, const Matrix<Real>& x,
                                  Matrix<Real>& d_x)
    {
        const bool is_exchanged = wrong == "activate_backward";
        Reference::activate_backward(Ops{}, activation, is_exchanged ? x : d_y, is_exchanged ? d_y : x, d_x);
    }

    template <class Real>
    static void softmax(const Matrix<Real>& scores, Matrix<Real>& probabilities)
    {
        Reference::softmax(scores, probabilities);
        if (wrong == "softmax") spoil(probabilities);
    }

    template <class Real>
    static void softmax_backward(const Matrix<Real>& d_probabilities, const Matrix<Real>& probabilities, Matrix<Real>& d_scores)
    {
        if (wrong != "softmax_backward") return Reference::softmax_backward(d_probabilities, probabilities, d_scores);
        d_scores.resize(probabilities.shape());
        for (std::size_t i = 0; i < d_scores.size(); ++i)  // without the average
            d_scores.data()[i] = probabilities.data()[i] * d_probabilities.data()[i];
    }

    template <class Real>
    static void dropout(const Matrix<Real>& x, const bert::DropoutPlace& place, Matrix<Real>& y)
    {
        Reference::dropout(x, place, y);
        if (wrong == "dropout") spoil(y);
    }

    template <class Real>
    static void dropout_backward(const Matrix<Real>& d_y, const bert::DropoutPlace& place, Matrix<Real>& d_x)
    {
        Reference::dropout_backward(d_y, place, d_x);
        if (wrong == "dropout_backward") spoil(d_x);
    }

    template <class Real>
    static void layer_norm(const Matrix<Real>& x, const bert::LayerNorm<Real>& norm, Real epsilon,
                           bert::LayerNormActivations<Real>& act)
    {
        Reference::layer_norm(x, norm, wrong == "layer_norm" ? Real(1e-3) : epsilon, act);
    }

    template <class Real>
    static void layer_norm_backward(const Matrix<Real>& d_y, const bert::LayerNorm<Real>& norm,
                                    const bert::LayerNormActivations<Real>& act, bert::LayerNorm<Real>& d_norm, Matrix<Real>& d_x)
    {
        Reference::layer_norm_backward(d_y, norm, act, d_norm, d_x);
        if (wrong != "layer_norm_backward") return;
        for (std::size_t t = 0; t < d_x.shape(0); ++t)  // the first of the three terms alone
            for (std::size_t h = 0; h < d_x.shape(1); ++h)
                d_x(t, h) = act.rstd(t) * norm.gamma(h) * d_y(t, h);
    }

    template <class Real>
    static void embedding_lookup(const bert::IndexTensor<1>& ids, const Matrix<Real>& table, Matrix<Real>& y)
    {
        Reference::embedding_lookup(ids, table, y);
        if (wrong == "embedding_lookup" && y.shape(0) > 0) y(0, 0) += 1;
    }

    template <class Real>
    static void embedding_lookup_backward(const Matrix<Real>& d_y, const bert::IndexTensor<1>& ids,
                                          std::optional<std::size_t> constant_row, Matrix<Real>& d_table)
    {
        if (wrong == "embedding_lookup_backward") constant_row.reset();  // the padding row learns, too
        Reference::embedding_lookup_backward(d_y, ids, constant_row, d_table);
    }

    template <class Ops, class Real>
    static void attention(Ops, const Matrix<Real>& query, const Matrix<Real>& key, const Matrix<Real>& value,
                          const bert::Sequences& sequences, bert::AttentionOptions options, bert::AttentionActivations<Real>& act,
                          Workspace& workspace)
    {
        if (wrong == "attention") options.causal = true;
        Reference::attention(Ops{}, query, key, value, sequences, options, act, workspace);
    }

    template <class Ops, class Real>
    static void attention_backward(Ops, const Matrix<Real>& d_context, const Matrix<Real>& query, const Matrix<Real>& key,
                                   const Matrix<Real>& value, const bert::Sequences& sequences,
                                   const bert::AttentionOptions& options, const bert::AttentionActivations<Real>& act,
                                   bert::AttentionActivations<Real>& d_act, Matrix<Real>& d_query, Matrix<Real>& d_key,
                                   Matrix<Real>& d_value, Workspace& workspace)
    {
        const bool is_exchanged = wrong == "attention_backward";
        Reference::attention_backward(Ops{}, d_context, query, key, value, sequences, options, act, d_act,
                                      is_exchanged ? d_key : d_query, is_exchanged ? d_query : d_key, d_value, workspace);
    }

    template <class Ops, class Real>
    static void linear_activation(Ops, const Matrix<Real>& x, const Linear<Real>& map, bert::Activation activation,
                                  Matrix<Real>& pre_activation, Matrix<Real>& y, Workspace& workspace)
    {
        Reference::linear_activation(Ops{}, x, map, activation, pre_activation, y, workspace);
        if (wrong == "linear_activation") spoil(y);
    }

    template <class Ops, class Real>
    static void linear_activation_backward(Ops, const Matrix<Real>& d_y, const Matrix<Real>& x, const Linear<Real>& map,
                                           bert::Activation activation, const Matrix<Real>& pre_activation, Linear<Real>& d_map,
                                           Matrix<Real>& d_pre_activation, Matrix<Real>& d_x, Workspace& workspace)
    {
        if (wrong == "linear_activation_backward") d_x.fill(Real(0));  // the residual is forgotten
        Reference::linear_activation_backward(Ops{}, d_y, x, map, activation, pre_activation, d_map, d_pre_activation, d_x,
                                              workspace);
    }

    template <class Ops, class Real>
    static void linear_residual_layer_norm(Ops, const Matrix<Real>& x, const Linear<Real>& map, const Matrix<Real>& residual,
                                           const bert::LayerNorm<Real>& norm, Real epsilon, const bert::DropoutPlace& place,
                                           bert::ResidualActivations<Real>& act, Workspace& workspace)
    {
        Matrix<Real> added = residual;
        if (wrong == "linear_residual_layer_norm")
            for (Real& value : added)
                value /= 2;
        Reference::linear_residual_layer_norm(Ops{}, x, map, added, norm, epsilon, place, act, workspace);
    }

    template <class Ops, class Real>
    static void linear_residual_layer_norm_backward(Ops, const Matrix<Real>& d_y, const Matrix<Real>& x, const Linear<Real>& map,
                                                    const bert::LayerNorm<Real>& norm, const bert::DropoutPlace& place,
                                                    const bert::ResidualActivations<Real>& act, Linear<Real>& d_map,
                                                    bert::LayerNorm<Real>& d_norm, bert::ResidualActivations<Real>& d_act,
                                                    Matrix<Real>& d_x, Workspace& workspace)
    {
        Reference::linear_residual_layer_norm_backward(Ops{}, d_y, x, map, norm, place, act, d_map, d_norm, d_act, d_x,
                                                       workspace);
        if (wrong == "linear_residual_layer_norm_backward") d_act.sum = d_y;  // past the layer norm
    }

    template <class Real>
    static bert::MeanLoss<Real> cross_entropy(const Matrix<Real>& logits, const bert::IndexTensor<1>& labels,
                                              const bert::CrossEntropyOptions& options)
    {
        auto loss = Reference::cross_entropy(logits, labels, options);
        if (wrong == "cross_entropy") loss.value *= Real(loss.count);  // a sum where a mean should be
        return loss;
    }

    template <class Real>
    static void cross_entropy_backward(Real d_loss, const Matrix<Real>& logits, const bert::IndexTensor<1>& labels,
                                       const bert::CrossEntropyOptions& options, Matrix<Real>& d_logits)
    {
        if (wrong == "cross_entropy_backward") d_loss = -d_loss;
        Reference::cross_entropy_backward(d_loss, logits, labels, options, d_logits);
    }

    template <class Real>
    static bert::MeanLoss<Real> mean_squared_error(const Matrix<Real>& predictions, const bert::Tensor<Real, 1>& values)
    {
        auto loss = Reference::mean_squared_error(predictions, values);
        if (wrong == "mean_squared_error") loss.value /= 2;
        return loss;
    }

    template <class Real>
    static void mean_squared_error_backward(Real d_loss, const Matrix<Real>& predictions, const bert::Tensor<Real, 1>& values,
                                            Matrix<Real>& d_predictions)
    {
        if (wrong == "mean_squared_error_backward") d_loss /= 2;
        Reference::mean_squared_error_backward(d_loss, predictions, values, d_predictions);
    }

    template <class Real>
    static bert::MeanLoss<Real> binary_cross_entropy(const Matrix<Real>& logits, const Matrix<Real>& labels)
    {
        auto loss = Reference::binary_cross_entropy(logits, labels);
        if (wrong == "binary_cross_entropy") loss.value *= Real(logits.shape(1));
        return loss;
    }

    template <class Real>
    static void binary_cross_entropy_backward(Real d_loss, const Matrix<Real>& logits, const Matrix<Real>& labels,
                                              Matrix<Real>& d_logits)
    {
        if (wrong == "binary_cross_entropy_backward") d_loss *= Real(logits.shape(1));
        Reference::binary_cross_entropy_backward(d_loss, logits, labels, d_logits);
    }
};

// The first tensor that doesn't hold, of each case that has one, with this operation wrong.
std::vector<std::string> first_failures(const std::string& operation)
{
    wrong = operation;
    std::vector<std::string> failures;
    for (const auto& entry : std::filesystem::directory_iterator(BERT_SOURCE_DIR "/reference_outputs/cases")) {
        const bert::CaseReport report = bert::verify_case<double, Replaced>(ReferenceCase(entry.path()));
        const auto failure = std::find_if(report.comparisons.begin(), report.comparisons.end(),
                                          [](const bert::Comparison& comparison) { return !comparison.holds; });
        if (failure != report.comparisons.end()) failures.push_back(failure->name);
    }
    return failures;
}

// Whether a case fails with this operation wrong, and a tensor is the first to fail.
bool is_caught(const std::string& operation, const std::string& expected_first)
{
    const std::vector<std::string> failures = first_failures(operation);
    UNSCOPED_INFO("first to fail: " << Catch::Detail::stringify(failures));
    return std::find(failures.begin(), failures.end(), expected_first) != failures.end();
}

}  // namespace

TEST_CASE("A set of a reader's own without a mistake holds") { CHECK(first_failures("none").empty()); }

TEST_CASE("A wrong operation of a reader's own makes verify fail, and the first wrong tensor is named")
{
    CHECK(is_caught("linear", "forward.layer.0.query"));
    CHECK(is_caught("query_key_value", "forward.layer.0.query"));
    CHECK(is_caught("gelu", "forward.layer.0.intermediate"));
    CHECK(is_caught("gelu_tanh", "forward.layer.0.intermediate"));
    CHECK(is_caught("relu", "forward.layer.0.intermediate"));
    CHECK(is_caught("tanh", "forward.pooled"));
    CHECK(is_caught("activate", "forward.layer.0.intermediate"));
    CHECK(is_caught("softmax", "forward.layer.0.probabilities"));
    CHECK(is_caught("layer_norm", "forward.embeddings"));
    CHECK(is_caught("embedding_lookup", "forward.embeddings"));
    CHECK(is_caught("attention", "forward.layer.0.probabilities"));
    CHECK(is_caught("linear_activation", "forward.layer.0.intermediate"));
    CHECK(is_caught("linear_residual_layer_norm", "forward.layer.0.attention"));
    CHECK(is_caught("cross_entropy", "loss.total"));
    CHECK(is_caught("mean_squared_error", "loss.total"));
    CHECK(is_caught("binary_cross_entropy", "loss.total"));
    CHECK(is_caught("dropout", "forward.layer.0.context"));
}

TEST_CASE("A wrong backward of a reader's own makes verify fail, and the first wrong gradient is named")
{
    CHECK(is_caught("linear_backward", "grad.bert.pooler.dense.bias"));
    CHECK(is_caught("query_key_value_backward", "grad.forward.embeddings"));
    CHECK(is_caught("gelu_backward", "grad.bert.encoder.layer.1.intermediate.dense.bias"));
    CHECK(is_caught("gelu_tanh_backward", "grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught("relu_backward", "grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught("tanh_backward", "grad.bert.pooler.dense.bias"));
    CHECK(is_caught("activate_backward", "grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught("softmax_backward", "grad.bert.encoder.layer.1.attention.self.key.bias"));
    CHECK(is_caught("dropout_backward", "grad.bert.encoder.layer.1.output.dense.bias"));
    CHECK(is_caught("layer_norm_backward", "grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught("embedding_lookup_backward", "grad.bert.embeddings.word_embeddings.weight"));
    CHECK(is_caught("attention_backward", "grad.bert.encoder.layer.1.attention.self.key.bias"));
    CHECK(is_caught("linear_activation_backward", "grad.bert.encoder.layer.1.attention.output.LayerNorm.bias"));
    CHECK(is_caught("linear_residual_layer_norm_backward", "grad.bert.encoder.layer.1.attention.output.LayerNorm.bias"));
    CHECK(is_caught("cross_entropy_backward", "grad.cls.seq_relationship.bias"));
    CHECK(is_caught("mean_squared_error_backward", "grad.classifier.bias"));
    CHECK(is_caught("binary_cross_entropy_backward", "grad.classifier.bias"));
}
