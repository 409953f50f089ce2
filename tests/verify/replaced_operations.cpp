// A deliberately wrong operation in place of each of ours, in the forward pass and the losses.
#include "replaced.hpp"

using namespace replaced;

namespace {

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
