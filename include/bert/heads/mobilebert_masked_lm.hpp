/// @file
/// MobileBERT's masked-LM head: BERT's (masked_lm.hpp), with a decoder of two parts, because the word table, E wide, is narrower
/// than the hidden states, H wide. M is the number of masked positions.
#pragma once

#include <cstddef>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/body_result.hpp"
#include "bert/config.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/rows.hpp"
#include "bert/core/tensor.hpp"
#include "bert/heads/masked_lm.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What MobileBertMaskedLmHead::forward computes. `norm.y`, [M, H], is the input of the decoder.
template <class Real>
struct MobileBertMaskedLmActivations : MaskedLmActivations<Real> {
    Tensor<Real, 2> first;           ///< the first E columns of norm.y, which the word table multiplies, [M, E]
    Tensor<Real, 2> rest;            ///< the other columns, which dense multiplies, [M, H - E]
    Tensor<Real, 2> logits_by_rest;  ///< the part of the logits that comes from rest, [M, V]; as a gradient, empty
};

/// The masked language model with a decoder of H columns for each word: the E numbers of its word vector, and H - E of its own.
/// (Sun et al. 2020, section 3.4, has the narrow table; the decoder is that of the published code. Its own columns are nearly a
/// third of the pre-training model's parameters.)
template <class Real, class Ops = Reference>
struct MobileBertMaskedLmHead : MaskedLmHead<Real, Ops> {
    using Base = MaskedLmHead<Real, Ops>;  ///< BERT's head
    using Base::bias;                      ///< [V]; published as bias, or as decoder.bias if the decoder is not tied
    using Base::decoder;                   ///< [V, E], published as decoder.weight; empty if tied to the word table
    using Base::norm;                      ///< a layer norm, whatever the blocks have; [H] each; published as transform.LayerNorm
    using Base::transform;                 ///< [H, H], [H]; published as transform.dense
    Tensor<Real, 2> dense;                 ///< [V, H - E]; published turned, [H - E, V], as dense.weight

    using Target = typename Base::Target;                     ///< see head.hpp
    using Activations = MobileBertMaskedLmActivations<Real>;  ///< see head.hpp

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param prefix  of the names, usually empty
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if only some have a decoder of their own
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& prefix, First& first, Selves&... selves)
    {
        Base::parameters(visit, prefix, first, selves...);
        visit((prefix + "cls.predictions.dense.weight").of(ParameterKind::matrix), first.dense, selves.dense...);
    }

    /// Makes the head of a configuration.
    /// @param config  sizes, and whether the decoder is tied
    /// @return  the head, all zeros
    static MobileBertMaskedLmHead make(const Config& config)
    {
        const std::size_t H = config.hidden_size, E = config.embedding_width(), V = config.vocab_size;
        const bool tied = config.tie_word_embeddings;
        return {{make_linear<Real>(H, H), make_layer_norm<Real>(H), tied ? zeros<Real, 2>({0, 0}) : zeros<Real, 2>({V, E}),
                 zeros<Real, 1>({V})},
                zeros<Real, 2>({V, H - E})};
    }

    /// Computes a logit for each token of the vocabulary at each masked position.
    /// \f[ u = x W^T + b,\quad z = f(u),\quad y = \mathrm{LayerNorm}(z),\quad
    ///     \mathrm{logits}_{mv} = y_m \cdot [\mathrm{table}_v,\ \mathrm{dense}_v] + \mathrm{bias}_v \f]
    /// where x are the hidden states of the masked positions only, and the brackets hold the word's vector and its row of the
    /// head's own matrix, side by side.
    /// Symbols: \f$x\f$ `act.selected`, \f$W, b\f$ `transform`, \f$u\f$ `act.pre_activation`, \f$f\f$ hidden_act, \f$z\f$
    /// `act.activated`, \f$y\f$ `act.norm.y`, its columns `act.first` and `act.rest`; table: the body's word table if tied, or
    /// else `decoder`.
    /// @param body  hidden states and word table
    /// @param target  the masked positions; without a target, all positions are computed
    /// @param pass  hidden_act, layer_norm_eps, workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument for a row out of range, or if a shape doesn't fit
    void forward(const BodyResult<Real>& body, const std::optional<Target>& target, const Pass& pass, Activations& act) const
    {
        const Tensor<Real, 2>& table = decoder.size() == 0 ? body.word_table : decoder;  // [V, E]
        const std::size_t V = table.shape(0), E = table.shape(1), H = body.hidden.shape(1);
        require_narrow_table(E, H);
        require_linear("masked_lm: transform", transform, H, H);
        require_layer_norm("masked_lm: LayerNorm", norm, H);
        require_shape("masked_lm: bias", bias, {V});
        require_shape("masked_lm: dense", dense, {V, H - E});
        if (target) {
            require_rows("masked_lm", target->rows, body.hidden.shape(0));
            act.rows = target->rows;
        } else {
            act.rows.resize(body.hidden.shape(0));
            std::iota(act.rows.begin(), act.rows.end(), std::size_t{0});
        }
        take_rows("masked_lm", body.hidden, act.rows, act.selected);
        Ops::linear(act.selected, transform.weight, transform.bias, act.pre_activation, pass.workspace);
        Ops::activate(Ops{}, pass.config.hidden_act, act.pre_activation, act.activated);
        Ops::layer_norm(act.activated, norm, Real(pass.config.layer_norm_eps), act.norm);
        split_columns(act.norm.y, E, act.first, act.rest);
        Ops::linear(act.first, table, bias, act.logits, pass.workspace);
        if (H == E) return;                        // the table reads all columns
        const auto no_bias = zeros<Real, 1>({V});  // the linear operation takes one
        Ops::linear(act.rest, dense, no_bias, act.logits_by_rest, pass.workspace);
        add(act.logits_by_rest, act.logits);
    }

    /// The steps of forward in reverse order, as in BERT's head, and
    /// \f[ \delta\mathrm{table}_v \mathrel{+}= \sum_m \delta\mathrm{logits}_{mv}\,y_m^{\mathrm{first}},\quad
    ///     \delta\mathrm{dense}_v \mathrel{+}= \sum_m \delta\mathrm{logits}_{mv}\,y_m^{\mathrm{rest}},\quad
    ///     \delta y = [\delta\mathrm{logits}\,\mathrm{table},\ \delta\mathrm{logits}\,\mathrm{dense}] \f]
    /// Symbols: \f$\delta\f$table `d_table`, \f$\delta\f$dense `d_head.dense`, \f$\delta\f$logits `d_act.logits`, the parts of
    /// \f$\delta y\f$ `d_act.first` and `d_act.rest`, together `d_act.norm.y`.
    /// @param body  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_head  the gradients are added to its parameters
    /// @param[in,out] d_act  the gradient of the logits is read; those of the other tensors are written
    /// @param[in,out] d_body  hidden is added to, and the word table if the decoder is tied
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations& act, MobileBertMaskedLmHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        require_rows("masked_lm: d_hidden", act.rows, d_body.hidden.shape(0));
        require_shape("masked_lm: d_hidden", d_body.hidden, body.hidden.shape());
        const bool tied = decoder.size() == 0;
        const Tensor<Real, 2>& table = tied ? body.word_table : decoder;       // [V, E]
        Tensor<Real, 2>& d_table = tied ? d_body.word_table : d_head.decoder;  // [V, E]
        const std::size_t V = table.shape(0), E = table.shape(1), H = body.hidden.shape(1);
        require_narrow_table(E, H);
        require_shape("masked_lm: act.selected (forward computes it)", act.selected, {act.rows.size(), H});
        require_shape("masked_lm: d_logits", d_act.logits, {act.rows.size(), V});
        require_shape("masked_lm: d_table", d_table, {V, E});
        require_shape("masked_lm: d_bias", d_head.bias, {V});
        require_shape("masked_lm: d_dense", d_head.dense, {V, H - E});
        require_layer_norm("masked_lm: d_LayerNorm", d_head.norm, H);
        require_linear("masked_lm: d_transform", d_head.transform, H, H);
        Ops::linear_backward(d_act.logits, act.first, table, d_table, d_head.bias, d_act.first, pass.workspace);
        d_act.rest.resize({act.rows.size(), H - E});
        if (H != E) {
            auto d_no_bias = zeros<Real, 1>({V});  // its gradient, which is not used
            Ops::linear_backward(d_act.logits, act.rest, dense, d_head.dense, d_no_bias, d_act.rest, pass.workspace);
        }
        join_columns(d_act.first, d_act.rest, d_act.norm.y);
        Ops::layer_norm_backward(d_act.norm.y, norm, act.norm, d_head.norm, d_act.activated);
        Ops::activate_backward(Ops{}, pass.config.hidden_act, d_act.activated, act.pre_activation, d_act.pre_activation);
        Ops::linear_backward(d_act.pre_activation, act.selected, transform.weight, d_head.transform.weight, d_head.transform.bias,
                             d_act.selected, pass.workspace);
        add_rows("masked_lm: d_hidden", d_act.selected, act.rows, d_body.hidden);
    }

private:
    static void require_narrow_table(std::size_t E, std::size_t H)
    {
        if (E > H)
            throw std::invalid_argument("masked_lm: table: expected at most " + std::to_string(H) + " columns, got " +
                                        std::to_string(E));
    }

    /// The first E columns of rows, and the others.
    static void split_columns(const Tensor<Real, 2>& all, std::size_t E, Tensor<Real, 2>& first, Tensor<Real, 2>& rest)
    {
        const std::size_t M = all.shape(0), H = all.shape(1);
        first.resize({M, E});
        rest.resize({M, H - E});
        for (std::size_t m = 0; m < M; ++m) {
            for (std::size_t e = 0; e < E; ++e)
                first(m, e) = all(m, e);
            for (std::size_t e = E; e < H; ++e)
                rest(m, e - E) = all(m, e);
        }
    }

    /// The backward of split_columns.
    static void join_columns(const Tensor<Real, 2>& first, const Tensor<Real, 2>& rest, Tensor<Real, 2>& all)
    {
        const std::size_t M = first.shape(0), E = first.shape(1), H = E + rest.shape(1);
        all.resize({M, H});
        for (std::size_t m = 0; m < M; ++m) {
            for (std::size_t e = 0; e < E; ++e)
                all(m, e) = first(m, e);
            for (std::size_t e = E; e < H; ++e)
                all(m, e) = rest(m, e - E);
        }
    }
};

}  // namespace bert
