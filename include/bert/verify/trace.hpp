/// @file
/// The tensors of a model's forward and backward pass with their names, in the order of the computation.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bert/core/parameter_list.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/family.hpp"
#include "bert/io/published_tensors.hpp"
#include "bert/model.hpp"
#include "bert/verify/named_tensor.hpp"

namespace bert {

namespace detail {

/// A tensor in its own shape.
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
                                    std::to_string(matrices.size()) + " in all: set keep_all before forward");
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

/// The trace of a forward pass: its tensors in the order of the computation, with the names of reference_outputs/README.md and 0
/// at padded positions. The functions `trace_tensors` of a body and of heads append to it.
struct ForwardTrace {
    const Batch& batch;                ///< the input of forward
    std::size_t endings = 1;           ///< number of sequences of one example, for multiple choice
    std::vector<NamedTensor> tensors;  ///< the tensors so far

    /// Appends rows of real tokens.
    /// @param name  its name after `forward.`
    /// @param tensor  [T, W]
    template <class Real>
    void rows(const std::string& name, const Tensor<Real, 2>& tensor)
    {
        tensors.push_back(detail::padded_rows("forward." + name, tensor, batch));
    }
    /// Appends a matrix for each head of each sequence.
    /// @param name  its name after `forward.`
    /// @param matrices  [n, n] each
    template <class Real>
    void pairs(const std::string& name, const std::vector<Tensor<Real, 2>>& matrices)
    {
        tensors.push_back(detail::padded_pairs("forward." + name, matrices, batch));
    }
    /// Appends a tensor as it is.
    /// @param name  its name after `forward.`
    /// @param tensor  of any shape
    template <class Real, std::size_t rank>
    void whole(const std::string& name, const Tensor<Real, rank>& tensor)
    {
        tensors.push_back(detail::whole("forward." + name, tensor));
    }
};

/// Appends a block's tensors.
/// @param name  prefix, as in `layer.0.`
/// @param act  its activations, computed with keep_all
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const std::string& name, const EncoderBlockActivations<Real>& act, ForwardTrace& trace)
{
    trace.rows(name + "query", act.attention.qkv.query);
    trace.rows(name + "key", act.attention.qkv.key);
    trace.rows(name + "value", act.attention.qkv.value);
    trace.pairs(name + "scores", act.attention.heads.scores);
    trace.pairs(name + "probabilities", act.attention.heads.probabilities);
    trace.rows(name + "context", act.attention.heads.context);
    trace.rows(name + "attention", act.attention.y());
    trace.rows(name + "intermediate", act.feed_forward.activated);
    trace.rows(name + "output", act.feed_forward.y());
}

/// Appends a body's tensors.
/// @param act  its activations, computed with keep_all
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const BertBodyActivations<Real>& act, ForwardTrace& trace)
{
    if (act.embeddings.after_dropout.size() > 0) trace.rows("embeddings.norm", act.embeddings.norm.y);  // a projection follows
    trace.rows("embeddings", act.embeddings.y);
    for (std::size_t l = 0; l < act.encoder.layer.size(); ++l)
        trace_tensors("layer." + std::to_string(l) + ".", act.encoder.layer[l], trace);
    if (act.pooler.pooled.size() > 0) trace.whole("pooled", act.pooler.pooled);
}

/// Appends a head's tensors. There are none if the format of reference cases has no name for the head's logits.
/// @param[in,out] trace  the tensors are appended
template <class Activations>
void trace_tensors(const Activations&, ForwardTrace& trace) requires requires(Activations act)
{
    act.logits;
}
{
    static_cast<void>(trace);
}
/// Appends a head's tensors.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const MaskedLmActivations<Real>& act, ForwardTrace& trace)
{
    if (act.rows.size() != trace.batch.sequences.tokens()) return;  // computed for selected rows only
    trace.rows("mlm.transform", act.norm.y);
    trace.rows("logits.mlm", act.logits);
}
/// Appends a head's tensors.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const NextSentenceActivations<Real>& act, ForwardTrace& trace)
{
    trace.whole("logits.nsp", act.logits);
}
/// Appends a head's tensors.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const SequenceClassificationActivations<Real>& act, ForwardTrace& trace)
{
    trace.whole("logits.class", act.logits);
}
/// Appends a head's tensors.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const MultipleChoiceActivations<Real>& act, ForwardTrace& trace)
{
    Tensor<Real, 2> by_example = act.logits;
    by_example.reshape({act.logits.shape(0) / trace.endings, trace.endings});
    trace.whole("logits.choice", by_example);
}
/// Appends a head's tensors.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const TokenClassificationActivations<Real>& act, ForwardTrace& trace)
{
    trace.rows("logits.tokens", act.logits);
}
/// Appends a head's tensors.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const QuestionAnsweringActivations<Real>& act, ForwardTrace& trace)
{
    trace.tensors.push_back(detail::padded_column("forward.logits.start", act.logits, 0, trace.batch));
    trace.tensors.push_back(detail::padded_column("forward.logits.end", act.logits, 1, trace.batch));
}

/// All tensors of a forward pass.
/// @param model  the model
/// @param batch  the input of forward
/// @param act  the model's activations, computed with keep_all
/// @param endings  number of sequences of one example, for multiple choice
/// @return  the tensors, in the order of the computation
template <class Real, class Ops, template <class, class> class Body, class Heads>
std::vector<NamedTensor> forward_trace(const Model<Real, Ops, Body, Heads>& model, const Batch& batch,
                                       const typename Model<Real, Ops, Body, Heads>::Activations& act, std::size_t endings = 1)
{
    ForwardTrace trace{batch, endings, {}};
    trace_tensors(act.body, trace);
    model.for_each_head([&]<class Tag>(Tag) {
        if (Tag::member(model)) trace_tensors(Tag::member(act), trace);
    });
    return trace.tensors;
}

/// The losses with their names in reference cases.
/// @param losses  result of Model::loss
/// @return  the tensors
template <class Real, class Heads>
std::vector<NamedTensor> loss_trace(const Losses<Real, Heads>& losses)
{
    std::vector<NamedTensor> trace;
    if constexpr (requires { losses.masked_lm; })
        if (losses.masked_lm) trace.push_back(detail::single("loss.mlm", *losses.masked_lm));
    if constexpr (requires { losses.next_sentence; })
        if (losses.next_sentence) trace.push_back(detail::single("loss.nsp", *losses.next_sentence));
    if constexpr (requires { losses.causal_lm; })
        if (losses.causal_lm) trace.push_back(detail::single("loss.lm", *losses.causal_lm));
    if constexpr (requires { losses.sentence_order; })
        if (losses.sentence_order) trace.push_back(detail::single("loss.sop", *losses.sentence_order));
    trace.push_back(detail::single("loss.total", losses.total));
    return trace;
}

/// All gradients with their published names, in the order of backward: the heads, the layers from the last to the first, the
/// embeddings. The gradient of a layer's result precedes those of its parameters and shows where a wrong gradient begins.
/// @param gradient  the parameters' gradients, from Model::backward
/// @param d_act  gradients of the activations, computed with keep_all
/// @param batch  the input of forward
/// @param family  gives the parameters their published names
/// @return  the tensors
template <class Real, class Ops, template <class, class> class Body, class Heads>
std::vector<NamedTensor> gradient_trace(const Model<Real, Ops, Body, Heads>& gradient,
                                        const typename Model<Real, Ops, Body, Heads>::Gradients& d_act, const Batch& batch,
                                        const Family& family = bert_family)
{
    const std::vector<PublishedTensor<Real>> tensors =
        published_tensors(parameter_list<const Real>(gradient), gradient.config, family);
    std::vector<NamedTensor> trace;
    const auto append = [&](std::optional<std::size_t> depth) {  // in reverse order
        for (auto tensor = tensors.rbegin(); tensor != tensors.rend(); ++tensor)
            if (tensor->depth == depth)
                trace.push_back({"grad." + tensor->name, tensor->shape, {tensor->values.begin(), tensor->values.end()}});
    };
    append(std::nullopt);
    const Config& config = gradient.config;
    for (std::size_t l = config.block_runs(); l-- > 0;) {
        if constexpr (requires { d_act.body.encoder.y; })
            trace.push_back(
                detail::padded_rows("grad.forward.layer." + std::to_string(l) + ".output", d_act.body.encoder.y.at(l), batch));
        if constexpr (requires { d_act.body.encoder.ffn; })  // MobileBERT's feed-forward networks before the last
            for (std::size_t k = d_act.body.encoder.ffn.at(l).size(); k-- > 0;)
                trace.push_back(
                    detail::padded_rows("grad.forward.layer." + std::to_string(l) + ".ffn." + std::to_string(k) + ".output",
                                        d_act.body.encoder.ffn[l][k], batch));
        const auto is_same_block = [&](std::size_t run) { return config.block_of(run) == config.block_of(l); };
        std::size_t first = 0;  // of the runs of this block: after it, going backward, the block's gradient is complete
        while (!is_same_block(first))
            ++first;
        if (first == l) append(config.block_of(l) + 1);
    }
    trace.push_back(detail::padded_rows("grad.forward.embeddings", d_act.body.embeddings.y, batch));
    append(0);
    return trace;
}

}  // namespace bert
