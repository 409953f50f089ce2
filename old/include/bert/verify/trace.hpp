/// @file
/// A model's forward pass as a list of named tensors, in the order of the computation: what is verified, dumped and compared.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/losses.hpp"
#include "bert/model.hpp"
#include "bert/verify/named_tensor.hpp"

namespace bert {

namespace detail {

/// A tensor as it is.
template <class Value, std::size_t rank>
NamedTensor whole(const std::string& name, const Tensor<Value, rank>& tensor)
{
    return {name, {tensor.shape().begin(), tensor.shape().end()}, {tensor.begin(), tensor.end()}};
}

/// Rows of real tokens [T, W], laid out over padded positions: [B, L, W].
template <class Real>
NamedTensor padded_rows(const std::string& name, const Tensor<Real, 2>& rows, const Batch& batch)
{
    return whole(name, unpack_rows(rows, batch));
}

/// One column of [T, C], laid out over padded positions: [B, L].
template <class Real>
NamedTensor padded_column(const std::string& name, const Tensor<Real, 2>& rows, std::size_t column, const Batch& batch)
{
    Tensor<Real, 2> single;
    single.resize({rows.shape(0), 1});
    for (std::size_t t = 0; t < rows.shape(0); ++t)
        single(t, 0) = rows(t, column);
    NamedTensor tensor = padded_rows(name, single, batch);
    tensor.shape.pop_back();
    return tensor;
}

/// One matrix [n, n] for each head of each sequence, laid out over padded positions: [B, A, L, L].
template <class Real>
NamedTensor padded_pairs(const std::string& name, const std::vector<Tensor<Real, 2>>& matrices, const Batch& batch)
{
    const std::size_t B = batch.sequences.count(), L = batch.padded_length, A = B == 0 ? 0 : matrices.size() / B;
    if (matrices.size() != B * A || (B > 0 && A == 0))
        throw std::invalid_argument(name + ": expected as many heads for each of " + std::to_string(B) + " sequences, got " +
                                    std::to_string(matrices.size()) + " in all: set encoder.keep_all before forward");
    auto padded = zeros<Real, 4>({B, A, L, L});
    for (std::size_t b = 0; b < B; ++b) {
        const std::size_t first = batch.sequences.begin[b], n = batch.sequences.length(b);
        for (std::size_t a = 0; a < A; ++a) {
            require_shape(name, matrices[b * A + a], {n, n});
            for (std::size_t i = 0; i < n; ++i)
                for (std::size_t j = 0; j < n; ++j)
                    padded(b, a, static_cast<std::size_t>(batch.positions(first + i)),
                           static_cast<std::size_t>(batch.positions(first + j))) = matrices[b * A + a](i, j);
        }
    }
    return whole(name, padded);
}

/// A single number.
template <class Real>
NamedTensor single(const std::string& name, Real value)
{
    return {name, {}, {static_cast<double>(value)}};
}

}  // namespace detail

/// Every forward tensor under its published name, padded positions 0.
/// @param model  whose forward computed act, with encoder.keep_all set
/// @param batch  what forward was given
/// @param act  what it computed
/// @param endings  for multiple choice: how many sequences make one example
/// @return  the tensors, in the order of the computation
template <class Real, class Ops>
std::vector<NamedTensor> forward_trace(const Model<Real, Ops>& model, const Batch& batch, const ModelActivations<Real>& act,
                                       std::size_t endings = 1)
{
    std::vector<NamedTensor> trace;
    const auto rows = [&](const std::string& name, const Tensor<Real, 2>& tensor) {
        trace.push_back(detail::padded_rows("forward." + name, tensor, batch));
    };
    rows("embeddings", act.embeddings.y());
    for (std::size_t l = 0; l < act.encoder.layer.size(); ++l) {
        const std::string layer = "layer." + std::to_string(l) + ".";
        const SelfAttentionActivations<Real>& attention = act.encoder.layer[l].attention;
        const FeedForwardActivations<Real>& feed_forward = act.encoder.layer[l].feed_forward;
        rows(layer + "query", attention.query);
        rows(layer + "key", attention.key);
        rows(layer + "value", attention.value);
        trace.push_back(detail::padded_pairs("forward." + layer + "scores", attention.heads.scores, batch));
        trace.push_back(detail::padded_pairs("forward." + layer + "probabilities", attention.heads.probabilities, batch));
        rows(layer + "context", attention.heads.context);
        rows(layer + "attention", attention.output.norm.y);
        rows(layer + "intermediate", feed_forward.intermediate);
        rows(layer + "output", feed_forward.output.norm.y);
    }
    if (model.pooler) trace.push_back(detail::whole("forward.pooled", act.pooler.pooled));
    if (model.masked_word && act.masked_word.rows.size() == batch.sequences.tokens()) {
        rows("mlm.transform", act.masked_word.norm.y);
        rows("logits.mlm", act.masked_word.logits);
    }
    if (model.next_sentence) trace.push_back(detail::whole("forward.logits.nsp", act.next_sentence_logits));
    switch (heads_of(model.config.architecture).classifier) {
        case Classifier::none: break;
        case Classifier::sequence: trace.push_back(detail::whole("forward.logits.class", act.classifier_logits)); break;
        case Classifier::tokens: rows("logits.tokens", act.classifier_logits); break;
        case Classifier::choice: {
            Tensor<Real, 2> by_example = act.classifier_logits;
            by_example.reshape({act.classifier_logits.shape(0) / endings, endings});
            trace.push_back(detail::whole("forward.logits.choice", by_example));
            break;
        }
        case Classifier::span:
            trace.push_back(detail::padded_column("forward.logits.start", act.classifier_logits, 0, batch));
            trace.push_back(detail::padded_column("forward.logits.end", act.classifier_logits, 1, batch));
            break;
    }
    return trace;
}

/// The losses under their published names.
/// @param losses  what model_loss returned
/// @return  the tensors
template <class Real>
std::vector<NamedTensor> loss_trace(const Losses<Real>& losses)
{
    std::vector<NamedTensor> trace;
    if (losses.masked_words) trace.push_back(detail::single("loss.mlm", *losses.masked_words));
    if (losses.next_sentence) trace.push_back(detail::single("loss.nsp", *losses.next_sentence));
    trace.push_back(detail::single("loss.total", losses.total));
    return trace;
}

/// Every gradient under its published name, in the order of backward: heads first, then layer after layer down to the embeddings;
/// before each layer's parameters the gradient of its result, which shows where a wrong gradient begins.
/// @param gradient  what Model::backward added to, from zero
/// @param d_act  what it computed besides
/// @param batch  what it was given
/// @return  the tensors
template <class Real, class Ops>
std::vector<NamedTensor> gradient_trace(const Model<Real, Ops>& gradient, const ModelGradients<Real>& d_act, const Batch& batch)
{
    std::vector<NamedTensor> forwards;  // parameters in the order of forward
    Model<Real, Ops>::parameters(
        [&](const std::string& name, const auto& tensor) { forwards.push_back(detail::whole("grad." + name, tensor)); }, "",
        gradient);
    const std::size_t layers = gradient.encoder.layer.size();
    const auto is_of = [](const NamedTensor& tensor, const std::string& part) {
        return tensor.name.find(part) != std::string::npos;
    };

    std::vector<NamedTensor> trace;
    const auto take = [&](const auto& belongs) {
        for (auto tensor = forwards.rbegin(); tensor != forwards.rend(); ++tensor)
            if (belongs(*tensor)) trace.push_back(*tensor);
    };
    take([&](const NamedTensor& t) { return !is_of(t, "encoder.layer.") && !is_of(t, "embeddings."); });
    for (std::size_t l = layers; l-- > 0;) {
        const std::string layer = "layer." + std::to_string(l) + ".";
        trace.push_back(detail::padded_rows("grad.forward." + layer + "output", d_act.encoder.y[l], batch));
        take([&](const NamedTensor& t) { return is_of(t, "encoder." + layer); });
    }
    trace.push_back(detail::padded_rows("grad.forward.embeddings", d_act.encoder_input, batch));
    take([&](const NamedTensor& t) { return is_of(t, "embeddings."); });
    return trace;
}

}  // namespace bert
