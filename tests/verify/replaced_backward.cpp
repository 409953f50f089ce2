// A deliberately wrong backward in place of each of ours.
#include <cstddef>
#include <optional>

#include "replaced.hpp"

using namespace replaced;

namespace {

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

}  // namespace

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
