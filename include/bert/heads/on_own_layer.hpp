/// @file
/// A head that reads vectors made by a layer of its own, where BERT's head reads those of the pooler: the classifiers of RoBERTa
/// and DistilBERT. What follows the layer is BERT's head, which this one is derived from: same target, same loss, same logits.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "bert/body_result.hpp"
#include "bert/config.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/pooler.hpp"

namespace bert {

/// What OnOwnLayer::forward computes: the activations of the head, and those of the layer.
template <class HeadActivations, class LayerActivations>
struct OnOwnLayerActivations : HeadActivations {
    LayerActivations layer;  ///< layer.y, [B, H], is what the head reads
};

/// A layer on each sequence's first hidden state, then a head of BERT.
/// @tparam Layer  the layer, as RobertaClassifierLayer: `dense`, forward to y [B, H], backward; `name` and `classifier`, the
///     published names of it and of the head
/// @tparam Head  a head that reads pooled vectors and has one linear layer, `dense`
template <class Real, class Ops, template <class, class> class Layer, template <class, class> class Head>
struct OnOwnLayer : Head<Real, Ops> {
    Layer<Real, Ops> layer;  ///< from hidden states to what the head reads

    using Base = Head<Real, Ops>;          ///< BERT's head
    using Target = typename Base::Target;  ///< see head.hpp
    using Activations =
        OnOwnLayerActivations<typename Base::Activations, typename Layer<Real, Ops>::Activations>;  ///< see head.hpp

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param prefix  of the names, usually empty
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& prefix, Selves&... selves)
    {
        Linear<Real>::parameters(visit, prefix + Layer<Real, Ops>::name, selves.layer.dense...);
        Linear<Real>::parameters(visit, prefix + Layer<Real, Ops>::classifier, selves.dense...);
    }

    /// @param config  sizes and number of labels
    /// @return  the head, all zeros
    static OnOwnLayer make(const Config& config) { return {Base::make(config), Layer<Real, Ops>::make(config)}; }

    /// @param batch  the tokens; each sequence must have a real token at position 0
    /// @param target  as for BERT's head
    /// @param config  as for BERT's head
    /// @throws std::invalid_argument as BERT's head, and for a sequence without a first token
    static void check(const Batch& batch, const Target& target, const Config& config)
    {
        Pooler<Real, Ops>::check(batch);
        Base::check(batch, target, config);
    }

    /// @param batch  the tokens
    /// @param[in,out] rows  each sequence's first row is appended
    /// @return  true: the head reads no others
    static bool read_rows(const Batch& batch, const Target&, std::vector<std::size_t>& rows)
    {
        const std::vector<std::size_t>& begin = batch.sequences.begin;
        rows.insert(rows.end(), begin.begin(), begin.end() - 1);
        return true;
    }

    /// Runs the layer, then BERT's head on its result.
    /// \f[ y = \mathrm{Layer}(\mathrm{hidden}),\quad \mathrm{logits} = \mathrm{Head}(y) \f]
    /// Symbols: Layer `layer.forward`, Head `Base::forward`, hidden `body.hidden`, \f$y\f$ `act.layer.y`, [B, H], in the place of
    /// the pooled vectors; logits `act.logits`.
    /// @param body  hidden states
    /// @param target  passed on to BERT's head
    /// @param pass  dropout, workspace
    /// @param[out] act  every tensor of both
    /// @throws std::invalid_argument for a sequence without a first token, or if a shape doesn't fit
    void forward(const BodyResult<Real>& body, const std::optional<Target>& target, const Pass& pass, Activations& act) const
    {
        Pooler<Real, Ops>::check(body.batch);
        require_linear("classifier: dense", Base::dense, Base::dense.weight.shape(0), body.hidden.shape(1));
        layer.forward(body.hidden, body.batch, pass, act.layer);
        Base::forward({body.batch, body.hidden, act.layer.y, body.word_table}, target, pass, act);
    }

    /// The steps of forward in reverse order; a prime is a backward, which also adds the gradients of its parameters.
    /// \f[ \delta y = \mathrm{Head}'(\delta\mathrm{logits}),\quad
    ///     \delta\mathrm{hidden} \mathrel{+}= \mathrm{Layer}'(\delta y) \f]
    /// Symbols: \f$\delta y\f$ `d_act.layer.y`, zeros at first, since the head adds to it; \f$\delta\mathrm{hidden}\f$
    /// `d_body.hidden`.
    /// @param body  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_head  the gradients are added to its parameters
    /// @param[in,out] d_act  the gradient of the logits is read; those of the other tensors are written
    /// @param[in,out] d_body  hidden is added to
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations& act, OnOwnLayer& d_head, Activations& d_act,
                  BodyResultGradients<Real> d_body) const
    {
        require_shape("classifier: act.layer.y (forward computes it)", act.layer.y,
                      {body.batch.sequences.count(), body.hidden.shape(1)});
        require_shape("classifier: d_hidden", d_body.hidden, body.hidden.shape());
        require_linear("classifier: d_layer", d_head.layer.dense, body.hidden.shape(1), body.hidden.shape(1));
        d_act.layer.y.resize(act.layer.y.shape());
        d_act.layer.y.fill(Real(0));
        Base::backward({body.batch, body.hidden, act.layer.y, body.word_table}, pass, act, d_head, d_act,
                       {d_body.hidden, d_act.layer.y, d_body.word_table});
        layer.backward(d_act.layer.y, body.batch, pass, act.layer, d_head.layer, d_act.layer, d_body.hidden);
    }
};

}  // namespace bert
