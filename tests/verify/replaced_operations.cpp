#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "bert/verify/case.hpp"
#include "catch.hpp"

using bert::CaseReport;
using bert::Reference;
using bert::ReferenceCase;

namespace {

std::vector<std::filesystem::path> all_cases()
{
    std::vector<std::filesystem::path> cases;
    for (const auto& entry : std::filesystem::directory_iterator(BERT_SOURCE_DIR "/reference_outputs/cases"))
        cases.push_back(entry.path());
    std::sort(cases.begin(), cases.end());
    return cases;
}

}  // namespace

// A deliberately wrong operation in place of each of ours: verify must see every one of them.
namespace {

/// 1 % too much.
template <class Tensor>
void spoil(Tensor& y)
{
    for (auto& value : y)
        value *= static_cast<std::decay_t<decltype(value)>>(1.01);
}

template <class Real>
using Matrix = bert::Tensor<Real, 2>;

struct WrongLinear : Reference {
    template <class Real>
    static void linear(const Matrix<Real>& x, const Matrix<Real>& weight, const bert::Tensor<Real, 1>& bias, Matrix<Real>& y,
                       bert::Workspace& workspace)
    {
        Reference::linear(x, weight, bias, y, workspace);
        spoil(y);
    }
};

struct WrongQueryKeyValue : Reference {
    template <class Ops, class Real>
    static void query_key_value(Ops, const Matrix<Real>& x, const bert::Linear<Real>& query_map,
                                const bert::Linear<Real>& key_map, const bert::Linear<Real>& value_map, Matrix<Real>& query,
                                Matrix<Real>& key, Matrix<Real>& value, bert::Workspace& workspace)
    {
        Reference::query_key_value(Ops{}, x, key_map, query_map, value_map, query, key, value, workspace);  // exchanged
    }
};

struct WrongGelu : Reference {
    template <class Real>
    static void gelu(const Matrix<Real>& x, Matrix<Real>& y)
    {
        Reference::gelu_tanh(x, y);  // the approximation is off by up to 5e-4
    }
};

struct WrongGeluTanh : Reference {
    template <class Real>
    static void gelu_tanh(const Matrix<Real>& x, Matrix<Real>& y)
    {
        Reference::gelu(x, y);
    }
};

struct WrongRelu : Reference {
    template <class Real>
    static void relu(const Matrix<Real>& x, Matrix<Real>& y)
    {
        Reference::gelu(x, y);
    }
};

struct WrongTanh : Reference {
    template <class Real>
    static void tanh(const Matrix<Real>& x, Matrix<Real>& y)
    {
        Reference::tanh(x, y);
        spoil(y);
    }
};

struct WrongActivate : Reference {
    template <class Ops, class Real>
    static void activate(Ops, bert::Activation, const Matrix<Real>& x, Matrix<Real>& y)
    {
        Reference::tanh(x, y);
    }
};

struct WrongSoftmax : Reference {
    template <class Real>
    static void softmax(const Matrix<Real>& scores, Matrix<Real>& probabilities)
    {
        Reference::softmax(scores, probabilities);
        spoil(probabilities);
    }
};

struct WrongLayerNorm : Reference {
    template <class Real>
    static void layer_norm(const Matrix<Real>& x, const bert::LayerNorm<Real>& norm, Real, bert::LayerNormActivations<Real>& act)
    {
        Reference::layer_norm(x, norm, Real(1e-3), act);  // another epsilon
    }
};

struct WrongEmbeddingLookup : Reference {
    template <class Real>
    static void embedding_lookup(const bert::IndexTensor<1>& ids, const Matrix<Real>& table, Matrix<Real>& y)
    {
        Reference::embedding_lookup(ids, table, y);
        if (y.shape(0) > 0) y(0, 0) += 1;
    }
};

struct WrongAttention : Reference {
    template <class Ops, class Real>
    static void attention(Ops, const Matrix<Real>& query, const Matrix<Real>& key, const Matrix<Real>& value,
                          const bert::Sequences& sequences, bert::AttentionOptions options, bert::AttentionActivations<Real>& act,
                          bert::Workspace& workspace)
    {
        options.causal = true;
        Reference::attention(Ops{}, query, key, value, sequences, options, act, workspace);
    }
};

struct WrongLinearActivation : Reference {
    template <class Ops, class Real>
    static void linear_activation(Ops, const Matrix<Real>& x, const bert::Linear<Real>& map, bert::Activation activation,
                                  Matrix<Real>& pre_activation, Matrix<Real>& y, bert::Workspace& workspace)
    {
        Reference::linear_activation(Ops{}, x, map, activation, pre_activation, y, workspace);
        spoil(y);
    }
};

struct WrongLinearResidualLayerNorm : Reference {
    template <class Ops, class Real>
    static void linear_residual_layer_norm(Ops, const Matrix<Real>& x, const bert::Linear<Real>& map,
                                           const Matrix<Real>& residual, const bert::LayerNorm<Real>& norm, Real epsilon,
                                           const bert::DropoutPlace& place, bert::ResidualActivations<Real>& act,
                                           bert::Workspace& workspace)
    {
        Matrix<Real> half = residual;
        for (Real& value : half)
            value /= 2;
        Reference::linear_residual_layer_norm(Ops{}, x, map, half, norm, epsilon, place, act, workspace);
    }
};

struct WrongCrossEntropy : Reference {
    template <class Real>
    static bert::MeanLoss<Real> cross_entropy(const Matrix<Real>& logits, const bert::IndexTensor<1>& labels,
                                              const bert::CrossEntropyOptions& options)
    {
        auto loss = Reference::cross_entropy(logits, labels, options);
        loss.value *= Real(loss.count);  // a sum where a mean should be
        return loss;
    }
};

struct WrongMeanSquaredError : Reference {
    template <class Real>
    static bert::MeanLoss<Real> mean_squared_error(const Matrix<Real>& predictions, const bert::Tensor<Real, 1>& values)
    {
        auto loss = Reference::mean_squared_error(predictions, values);
        loss.value /= 2;
        return loss;
    }
};

struct WrongBinaryCrossEntropy : Reference {
    template <class Real>
    static bert::MeanLoss<Real> binary_cross_entropy(const Matrix<Real>& logits, const Matrix<Real>& labels)
    {
        auto loss = Reference::binary_cross_entropy(logits, labels);
        loss.value *= Real(logits.shape(1));
        return loss;
    }
};

struct WrongDropout : Reference {
    template <class Real>
    static void dropout(const Matrix<Real>& x, const bert::DropoutPlace& place, Matrix<Real>& y)
    {
        Reference::dropout(x, place, y);
        spoil(y);
    }
};

struct WrongLinearBackward : Reference {
    template <class Real>
    static void linear_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, const Matrix<Real>& weight,
                                Matrix<Real>& d_weight, bert::Tensor<Real, 1>& d_bias, Matrix<Real>& d_x,
                                bert::Workspace& workspace)
    {
        d_weight.fill(Real(0));  // overwritten instead of added to
        d_bias.fill(Real(0));
        Reference::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
        for (Real& value : d_bias)
            value /= Real(d_y.shape(0));  // a mean for a sum
    }
};

struct WrongQueryKeyValueBackward : Reference {
    template <class Ops, class Real>
    static void query_key_value_backward(Ops, const Matrix<Real>& d_query, const Matrix<Real>& d_key, const Matrix<Real>& d_value,
                                         const Matrix<Real>& x, const bert::Linear<Real>& query_map,
                                         const bert::Linear<Real>& key_map, const bert::Linear<Real>& value_map,
                                         bert::Linear<Real>& d_query_map, bert::Linear<Real>& d_key_map,
                                         bert::Linear<Real>& d_value_map, Matrix<Real>& d_x, bert::Workspace& workspace)
    {
        d_x.fill(Real(0));  // the residual is forgotten
        Reference::query_key_value_backward(Ops{}, d_query, d_key, d_value, x, query_map, key_map, value_map, d_query_map,
                                            d_key_map, d_value_map, d_x, workspace);
    }
};

struct WrongGeluBackward : Reference {
    template <class Real>
    static void gelu_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, Matrix<Real>& d_x)
    {
        Reference::gelu_tanh_backward(d_y, x, d_x);
    }
};

struct WrongGeluTanhBackward : Reference {
    template <class Real>
    static void gelu_tanh_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, Matrix<Real>& d_x)
    {
        Reference::gelu_backward(d_y, x, d_x);
    }
};

struct WrongReluBackward : Reference {
    template <class Real>
    static void relu_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, Matrix<Real>& d_x)
    {
        Reference::gelu_backward(d_y, x, d_x);
    }
};

struct WrongTanhBackward : Reference {
    template <class Real>
    static void tanh_backward(const Matrix<Real>& d_y, const Matrix<Real>&, Matrix<Real>& d_x)
    {
        d_x = d_y;  // as if tanh were flat nowhere
    }
};

struct WrongActivateBackward : Reference {
    template <class Ops, class Real>
    static void activate_backward(Ops, bert::Activation activation, const Matrix<Real>& d_y, const Matrix<Real>& x,
                                  Matrix<Real>& d_x)
    {
        Reference::activate_backward(Ops{}, activation, x, d_y, d_x);  // exchanged
    }
};

struct WrongSoftmaxBackward : Reference {
    template <class Real>
    static void softmax_backward(const Matrix<Real>& d_probabilities, const Matrix<Real>& probabilities, Matrix<Real>& d_scores)
    {
        d_scores.resize(probabilities.shape());
        for (std::size_t i = 0; i < d_scores.size(); ++i)  // without the average
            d_scores.data()[i] = probabilities.data()[i] * d_probabilities.data()[i];
    }
};

struct WrongDropoutBackward : Reference {
    template <class Real>
    static void dropout_backward(const Matrix<Real>& d_y, const bert::DropoutPlace& place, Matrix<Real>& d_x)
    {
        Reference::dropout_backward(d_y, place, d_x);
        spoil(d_x);
    }
};

struct WrongLayerNormBackward : Reference {
    template <class Real>
    static void layer_norm_backward(const Matrix<Real>& d_y, const bert::LayerNorm<Real>& norm,
                                    const bert::LayerNormActivations<Real>& act, bert::LayerNorm<Real>& d_norm, Matrix<Real>& d_x)
    {
        Reference::layer_norm_backward(d_y, norm, act, d_norm, d_x);
        for (std::size_t t = 0; t < d_x.shape(0); ++t)  // the first of the three terms alone
            for (std::size_t h = 0; h < d_x.shape(1); ++h)
                d_x(t, h) = act.rstd(t) * norm.gamma(h) * d_y(t, h);
    }
};

struct WrongEmbeddingLookupBackward : Reference {
    template <class Real>
    static void embedding_lookup_backward(const Matrix<Real>& d_y, const bert::IndexTensor<1>& ids, std::optional<std::size_t>,
                                          Matrix<Real>& d_table)
    {
        Reference::embedding_lookup_backward(d_y, ids, std::nullopt, d_table);  // the padding row learns, too
    }
};

struct WrongAttentionBackward : Reference {
    template <class Ops, class Real>
    static void attention_backward(Ops, const Matrix<Real>& d_context, const Matrix<Real>& query, const Matrix<Real>& key,
                                   const Matrix<Real>& value, const bert::Sequences& sequences,
                                   const bert::AttentionOptions& options, const bert::AttentionActivations<Real>& act,
                                   bert::AttentionActivations<Real>& d_act, Matrix<Real>& d_query, Matrix<Real>& d_key,
                                   Matrix<Real>& d_value, bert::Workspace& workspace)
    {
        Reference::attention_backward(Ops{}, d_context, query, key, value, sequences, options, act, d_act, d_key, d_query,
                                      d_value,
                                      workspace);  // exchanged
    }
};

struct WrongLinearActivationBackward : Reference {
    template <class Ops, class Real>
    static void linear_activation_backward(Ops, const Matrix<Real>& d_y, const Matrix<Real>& x, const bert::Linear<Real>& map,
                                           bert::Activation activation, const Matrix<Real>& pre_activation,
                                           bert::Linear<Real>& d_map, Matrix<Real>& d_pre_activation, Matrix<Real>& d_x,
                                           bert::Workspace& workspace)
    {
        d_x.fill(Real(0));  // the residual is forgotten
        Reference::linear_activation_backward(Ops{}, d_y, x, map, activation, pre_activation, d_map, d_pre_activation, d_x,
                                              workspace);
    }
};

struct WrongLinearResidualLayerNormBackward : Reference {
    template <class Ops, class Real>
    static void linear_residual_layer_norm_backward(Ops, const Matrix<Real>& d_y, const Matrix<Real>& x,
                                                    const bert::Linear<Real>& map, const bert::LayerNorm<Real>& norm,
                                                    const bert::DropoutPlace& place, const bert::ResidualActivations<Real>& act,
                                                    bert::Linear<Real>& d_map, bert::LayerNorm<Real>& d_norm,
                                                    bert::ResidualActivations<Real>& d_act, Matrix<Real>& d_x,
                                                    bert::Workspace& workspace)
    {
        Reference::linear_residual_layer_norm_backward(Ops{}, d_y, x, map, norm, place, act, d_map, d_norm, d_act, d_x,
                                                       workspace);
        d_act.sum = d_y;  // past the layer norm
    }
};

struct WrongCrossEntropyBackward : Reference {
    template <class Real>
    static void cross_entropy_backward(Real d_loss, const Matrix<Real>& logits, const bert::IndexTensor<1>& labels,
                                       const bert::CrossEntropyOptions& options, Matrix<Real>& d_logits)
    {
        Reference::cross_entropy_backward(-d_loss, logits, labels, options, d_logits);
    }
};

struct WrongMeanSquaredErrorBackward : Reference {
    template <class Real>
    static void mean_squared_error_backward(Real d_loss, const Matrix<Real>& predictions, const bert::Tensor<Real, 1>& values,
                                            Matrix<Real>& d_predictions)
    {
        Reference::mean_squared_error_backward(d_loss / 2, predictions, values, d_predictions);
    }
};

struct WrongBinaryCrossEntropyBackward : Reference {
    template <class Real>
    static void binary_cross_entropy_backward(Real d_loss, const Matrix<Real>& logits, const Matrix<Real>& labels,
                                              Matrix<Real>& d_logits)
    {
        Reference::binary_cross_entropy_backward(d_loss * Real(logits.shape(1)), logits, labels, d_logits);
    }
};

/// Whether any of the cases fails with these operations, and the first failing tensor of the first one that does.
template <class Ops>
bool is_caught(const std::string& expected_first)
{
    std::string caught;
    for (const auto& folder : all_cases()) {
        const CaseReport report = bert::verify_case<double, Ops>(ReferenceCase(folder));
        for (const bert::Comparison& comparison : report.comparisons)
            if (!comparison.holds) {
                if (comparison.name == expected_first) return true;
                caught += " " + comparison.name;
                break;
            }
    }
    if (!caught.empty())
        FAIL_CHECK("caught, but never with " << expected_first << " as the first wrong tensor, but with" << caught);
    return false;
}

}  // namespace

TEST_CASE("A wrong operation of a reader's own makes verify fail, and the first wrong tensor is named")
{
    CHECK(is_caught<WrongLinear>("forward.layer.0.query"));
    CHECK(is_caught<WrongQueryKeyValue>("forward.layer.0.query"));
    CHECK(is_caught<WrongGelu>("forward.layer.0.intermediate"));
    CHECK(is_caught<WrongGeluTanh>("forward.layer.0.intermediate"));
    CHECK(is_caught<WrongRelu>("forward.layer.0.intermediate"));
    CHECK(is_caught<WrongTanh>("forward.pooled"));
    CHECK(is_caught<WrongActivate>("forward.layer.0.intermediate"));
    CHECK(is_caught<WrongSoftmax>("forward.layer.0.probabilities"));
    CHECK(is_caught<WrongLayerNorm>("forward.embeddings"));
    CHECK(is_caught<WrongEmbeddingLookup>("forward.embeddings"));
    CHECK(is_caught<WrongAttention>("forward.layer.0.probabilities"));
    CHECK(is_caught<WrongLinearActivation>("forward.layer.0.intermediate"));
    CHECK(is_caught<WrongLinearResidualLayerNorm>("forward.layer.0.attention"));
    CHECK(is_caught<WrongCrossEntropy>("loss.total"));
    CHECK(is_caught<WrongMeanSquaredError>("loss.total"));
    CHECK(is_caught<WrongBinaryCrossEntropy>("loss.total"));
    CHECK(is_caught<WrongDropout>("forward.layer.0.context"));
}

TEST_CASE("A wrong backward of a reader's own makes verify fail, and the first wrong gradient is named")
{
    CHECK(is_caught<WrongLinearBackward>("grad.bert.pooler.dense.bias"));
    CHECK(is_caught<WrongQueryKeyValueBackward>("grad.forward.embeddings"));
    CHECK(is_caught<WrongGeluBackward>("grad.bert.encoder.layer.1.intermediate.dense.bias"));
    CHECK(is_caught<WrongGeluTanhBackward>("grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught<WrongReluBackward>("grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught<WrongTanhBackward>("grad.bert.pooler.dense.bias"));
    CHECK(is_caught<WrongActivateBackward>("grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught<WrongSoftmaxBackward>("grad.bert.encoder.layer.1.attention.self.key.bias"));
    CHECK(is_caught<WrongDropoutBackward>("grad.bert.encoder.layer.1.output.dense.bias"));
    CHECK(is_caught<WrongLayerNormBackward>("grad.cls.predictions.transform.dense.bias"));
    CHECK(is_caught<WrongEmbeddingLookupBackward>("grad.bert.embeddings.word_embeddings.weight"));
    CHECK(is_caught<WrongAttentionBackward>("grad.bert.encoder.layer.1.attention.self.key.bias"));
    CHECK(is_caught<WrongLinearActivationBackward>("grad.bert.encoder.layer.1.attention.output.LayerNorm.bias"));
    CHECK(is_caught<WrongLinearResidualLayerNormBackward>("grad.bert.encoder.layer.1.attention.output.LayerNorm.bias"));
    CHECK(is_caught<WrongCrossEntropyBackward>("grad.cls.seq_relationship.bias"));
    CHECK(is_caught<WrongMeanSquaredErrorBackward>("grad.classifier.bias"));
    CHECK(is_caught<WrongBinaryCrossEntropyBackward>("grad.classifier.bias"));
}
