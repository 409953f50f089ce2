/// @file
/// MobileBERT's pooler: BERT's, or each sequence's first hidden state as it is, which is the case in the published model.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>

#include "bert/config.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/rows.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/reference.hpp"
#include "bert/pooler.hpp"

namespace bert {

/// BERT's pooler, or, if classifier_activation is false, one without parameters, as in the published model. (The transformers
/// library, MobileBertPooler.)
template <class Real, class Ops = Reference>
struct MobileBertPooler : Pooler<Real, Ops> {
    using Pooler<Real, Ops>::dense;  ///< [H, H], [H]; published as dense; empty if classifier_activation is false

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `pooler`
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if only some have a linear layer
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        (require_same_parts(first, selves), ...);  // for each of selves
        if (first.has_weights()) Pooler<Real, Ops>::parameters(visit, name, first, selves...);
    }

    /// Makes the component of a configuration.
    /// @param config  hidden_size and classifier_activation
    /// @return  the component, all zeros
    static MobileBertPooler make(const Config& config)
    {
        if (config.mobilebert.value().classifier_activation) return {Pooler<Real, Ops>::make(config)};
        return {Pooler<Real, Ops>{make_linear<Real>(0, 0)}};
    }

    /// @return  whether it has a linear layer and a tanh
    bool has_weights() const { return dense.weight.size() > 0; }

    /// Pools each sequence's first hidden state: with a linear layer Pooler::forward, without one
    /// \f[ \mathrm{pooled}_b = x_{\mathrm{begin}_b} \f]
    /// Symbols: begin `batch.sequences.begin`, pooled `act.pooled`.
    /// @param x  hidden states, [T, H]
    /// @param batch  sequences and positions; each sequence must have a real token at position 0
    /// @param pass  workspace
    /// @param[out] act  pooled, [B, H]; with a linear layer, first and pre_activation too
    /// @throws std::invalid_argument as Pooler::forward
    void forward(const Tensor<Real, 2>& x, const Batch& batch, const Pass& pass, PoolerActivations<Real>& act) const
    {
        if (has_weights()) return Pooler<Real, Ops>::forward(x, batch, pass, act);
        this->check(batch);
        require_shape("pooler: x", x, {batch.sequences.tokens(), x.shape(1)});
        take_rows("pooler: x", x, std::span(batch.sequences.begin).first(batch.sequences.count()), act.pooled);
    }

    /// The steps of forward in reverse order: with a linear layer Pooler::backward, without one
    /// \f[ \delta x_{\mathrm{begin}_b} \mathrel{+}= \delta\mathrm{pooled}_b \f]
    /// Symbols: \f$\delta\mathrm{pooled}\f$ `d_pooled`, \f$\delta x\f$ `d_x`.
    /// @param d_pooled  [B, H]
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_pooler  the gradients are added to it
    /// @param[out] d_act  with a linear layer, the gradients of pre_activation and first
    /// @param[in,out] d_x  [T, H]; added to, because heads read the same hidden states
    /// @throws std::invalid_argument as Pooler::backward
    void backward(const Tensor<Real, 2>& d_pooled, const Batch& batch, const Pass& pass, const PoolerActivations<Real>& act,
                  MobileBertPooler& d_pooler, PoolerActivations<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        require_same_parts(*this, d_pooler);
        if (has_weights()) return Pooler<Real, Ops>::backward(d_pooled, batch, pass, act, d_pooler, d_act, d_x);
        const std::size_t H = d_x.shape(1);
        this->check(batch);
        require_shape("pooler: act.pooled (forward computes it)", act.pooled, {batch.sequences.count(), H});
        require_shape("pooler: d_pooled", d_pooled, {batch.sequences.count(), H});
        require_shape("pooler: d_x", d_x, {batch.sequences.tokens(), H});
        add_rows("pooler: d_x", d_pooled, std::span(batch.sequences.begin).first(batch.sequences.count()), d_x);
    }

private:
    template <class Other>
    static void require_same_parts(const MobileBertPooler& pooler, const Other& other)
    {
        if (pooler.has_weights() != other.has_weights())
            throw std::invalid_argument("pooler: expected instances that all have a linear layer, or none");
    }
};

}  // namespace bert
