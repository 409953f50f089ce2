/// @file
/// The pooler: one vector for a whole sequence, made from its first token's hidden state.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

#include "bert/config.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/rows.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What Pooler::forward computes.
template <class Real>
struct PoolerActivations {
    Tensor<Real, 2> first;           ///< each sequence's first hidden state, that of [CLS], [B, H]
    Tensor<Real, 2> pre_activation;  ///< before the tanh, [B, H]
    Tensor<Real, 2> pooled;          ///< after it, [B, H]
};

/// A linear layer and a tanh. (Devlin et al. 2019, section 3, where the vector is the hidden state itself; linear layer and tanh
/// are from the published code.)
template <class Real, class Ops = Reference>
struct Pooler {
    Linear<Real> dense;  ///< [H, H], [H]; published as dense

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `pooler`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".dense", selves.dense...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes
    /// @return  the component, all zeros
    static Pooler make(const Config& config) { return {make_linear<Real>(config.hidden_size, config.hidden_size)}; }

    /// Checks that each sequence has a first token. If it is padding, there is no [CLS], and a vector made of another token would
    /// be silently wrong. (The transformers library takes whatever is at position 0.)
    /// @param batch  sequences and positions
    /// @throws std::invalid_argument if a sequence is empty, or its first position is padding
    static void check(const Batch& batch)
    {
        require_sequences("pooler: sequences", batch.sequences, batch.sequences.tokens());
        require_shape("pooler: positions", batch.positions, {batch.sequences.tokens()});
        for (std::size_t b = 0; b < batch.sequences.count(); ++b) {
            if (batch.sequences.length(b) == 0)
                throw std::invalid_argument("pooler: sequence " + std::to_string(b) + ": expected a token, got none");
            const std::size_t row = batch.sequences.begin[b];
            if (batch.positions(row) != 0)
                throw std::invalid_argument("pooler: sequence " + std::to_string(b) +
                                            ": expected a real token at position 0, got padding");
        }
    }

    /// Pools each sequence's first hidden state.
    /// \f[ z_b = x_{\mathrm{begin}_b},\quad u = z W^T + \mathrm{bias},\quad \mathrm{pooled} = \tanh(u) \f]
    /// Symbols: begin `batch.sequences.begin`, \f$z\f$ `act.first`, \f$W\f$, bias `dense.weight`, `dense.bias`, \f$u\f$
    /// `act.pre_activation`, pooled `act.pooled`.
    /// @param x  hidden states, [T, H]
    /// @param batch  sequences and positions; each sequence must have a real token at position 0
    /// @param pass  workspace
    /// @param[out] act  first, pre_activation, pooled
    /// @throws std::invalid_argument if x is not [T, H], a sequence is empty, or its first position is padding
    void forward(const Tensor<Real, 2>& x, const Batch& batch, const Pass& pass, PoolerActivations<Real>& act) const
    {
        const std::size_t H = x.shape(1);
        check(batch);
        require_shape("pooler: x", x, {batch.sequences.tokens(), H});
        require_linear("pooler: dense", dense, H, H);
        take_rows("pooler: x", x, first_rows(batch), act.first);
        Ops::linear(act.first, dense.weight, dense.bias, act.pre_activation, pass.workspace);
        Ops::tanh(act.pre_activation, act.pooled);
    }

    /// The steps of forward in reverse order. Only each sequence's first hidden state receives a gradient.
    /// \f[ \delta u = \delta\mathrm{pooled}\,(1 - \mathrm{pooled}^2),\quad \delta W \mathrel{+}= \delta u^T z,\quad
    ///     \delta\mathrm{bias} \mathrel{+}= \sum_b \delta u_b,\quad \delta z = \delta u\,W,\quad
    ///     \delta x_{\mathrm{begin}_b} \mathrel{+}= \delta z_b \f]
    /// Symbols: \f$\delta\mathrm{pooled}\f$ `d_pooled`, \f$\delta u\f$ `d_act.pre_activation`, \f$\delta z\f$ `d_act.first`,
    /// \f$\delta W, \delta\mathrm{bias}\f$ `d_pooler.dense`, \f$\delta x\f$ `d_x`.
    /// @param d_pooled  [B, H]
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_pooler  the gradients are added to it
    /// @param[out] d_act  the gradients of pre_activation and first
    /// @param[in,out] d_x  [T, H]; added to, because heads read the same hidden states
    /// @throws std::invalid_argument if a shape doesn't fit, and as forward
    void backward(const Tensor<Real, 2>& d_pooled, const Batch& batch, const Pass& pass, const PoolerActivations<Real>& act,
                  Pooler& d_pooler, PoolerActivations<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        const std::size_t B = batch.sequences.count(), H = dense.weight.shape(0);
        check(batch);
        require_shape("pooler: act.first (forward computes it)", act.first, {B, H});
        require_linear("pooler: d_dense", d_pooler.dense, H, H);
        require_shape("pooler: d_pooled", d_pooled, {B, H});
        require_shape("pooler: d_x", d_x, {batch.sequences.tokens(), H});
        Ops::tanh_backward(d_pooled, act.pooled, d_act.pre_activation);
        Ops::linear_backward(d_act.pre_activation, act.first, dense.weight, d_pooler.dense.weight, d_pooler.dense.bias,
                             d_act.first, pass.workspace);
        add_rows("pooler: d_x", d_act.first, first_rows(batch), d_x);
    }

private:
    /// The first row of each sequence.
    static std::span<const std::size_t> first_rows(const Batch& batch)
    {
        return std::span(batch.sequences.begin).first(batch.sequences.count());
    }
};

}  // namespace bert
