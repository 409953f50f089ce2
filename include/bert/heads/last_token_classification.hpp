/// @file
/// GPT-2's classifier of texts reads the last token: in a causal model, only that one has seen the whole text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/rows.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/heads/head.hpp"
#include "bert/heads/sequence_classification.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What LastTokenClassificationHead::forward computes. Of the members of BERT's classifier it has logits alone; after_dropout and
/// pooled stay empty.
template <class Real>
struct LastTokenClassificationActivations : SequenceClassificationActivations<Real> {
    std::vector<std::size_t> rows;  ///< each sequence's last token, [B]
    Tensor<Real, 2> last;           ///< their hidden states, [B, H]
    Tensor<Real, 1> no_bias;        ///< zeros, [C], for the linear operation, which takes a bias; in d_act, unused
};

/// A matrix on the last token's hidden state, without dropout and without a bias. Targets and losses are those of BERT's
/// classifier, which this one is derived from. (Radford et al. 2018, section 3.2; the transformers library,
/// GPT2ForSequenceClassification.)
template <class Real, class Ops = Reference>
struct LastTokenClassificationHead : SequenceClassificationHead<Real, Ops> {
    using Base = SequenceClassificationHead<Real, Ops>;            ///< BERT's classifier; its dense.bias stays empty
    using Target = typename Base::Target;                          ///< see head.hpp
    using Activations = LastTokenClassificationActivations<Real>;  ///< see head.hpp
    using Base::dense;                                             ///< [C, H]; published as score

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param prefix  of the names, usually empty
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& prefix, Selves&... selves)
    {
        visit((prefix + "score.weight").of(ParameterKind::matrix), selves.dense.weight...);
    }

    /// @param config  sizes and number of labels
    /// @return  the head, all zeros
    static LastTokenClassificationHead make(const Config& config)
    {
        return {{{zeros<Real, 2>({config.num_labels(), config.hidden_size}), zeros<Real, 1>({0})}}};
    }

    /// @return  false, as if all rows were read: which ones are depends on the padding id, a part of the configuration
    static bool read_rows(const Batch&, const Target&, std::vector<std::size_t>&) { return false; }

    /// Each sequence's last token that isn't the padding id; its first one, if all are.
    /// \f[ \mathrm{row}_b = \max\{t : \mathrm{begin}_b \le t < \mathrm{begin}_{b+1},\ \mathrm{ids}_t \ne \mathrm{padding}\} \f]
    /// Symbols: row `rows`, begin `batch.sequences.begin`, ids `batch.ids`.
    /// @param batch  the tokens
    /// @param padding  pad_token_id; if empty, every sequence's last token counts
    /// @param[out] rows  [B]
    /// @throws std::invalid_argument for a sequence without a token
    static void last_rows(const Batch& batch, std::optional<std::size_t> padding, std::vector<std::size_t>& rows)
    {
        require_sequences("sequence_classification: sequences", batch.sequences, batch.ids.size());
        for (std::size_t b = 0; b < batch.sequences.count(); ++b)
            if (batch.sequences.length(b) == 0)
                throw std::invalid_argument("sequence_classification: sequence " + std::to_string(b) +
                                            ": expected a token, got none");
        rows.clear();
        for (std::size_t b = 0; b < batch.sequences.count(); ++b) {
            const std::size_t first = batch.sequences.begin[b];
            std::size_t row = batch.sequences.begin[b + 1] - 1;
            while (padding && row > first && batch.ids(row) == static_cast<std::int64_t>(*padding))
                --row;
            rows.push_back(row);
        }
    }

    /// Computes C numbers for each sequence.
    /// \f[ s = x\,W^T \f]
    /// Symbols: \f$x\f$ `act.last`, the hidden states of last_rows; \f$W\f$ `dense.weight`, \f$s\f$ `act.logits`.
    /// @param body  tokens and hidden states
    /// @param pass  pad_token_id, workspace
    /// @param[out] act  rows, last and logits
    /// @throws std::invalid_argument for a sequence without a token, or if a shape doesn't fit
    void forward(const BodyResult<Real>& body, const std::optional<Target>&, const Pass& pass, Activations& act) const
    {
        const std::size_t C = dense.weight.shape(0), H = body.hidden.shape(1);
        require_shape("sequence_classification: hidden", body.hidden, {body.batch.sequences.tokens(), H});
        require_shape("sequence_classification: dense.weight", dense.weight, {C, H});
        last_rows(body.batch, pass.config.pad_token_id, act.rows);
        take_rows("sequence_classification", body.hidden, act.rows, act.last);
        act.no_bias.resize({C});
        act.no_bias.fill(Real(0));
        Ops::linear(act.last, dense.weight, act.no_bias, act.logits, pass.workspace);
    }

    /// The steps of forward in reverse order.
    /// \f[ \delta W \mathrel{+}= \delta s^T x,\quad \delta x = \delta s\,W \f]
    /// and \f$\delta x\f$ is added to the last tokens' rows of the hidden states' gradient.
    /// Symbols: \f$\delta s\f$ `d_act.logits`, \f$\delta W\f$ `d_head.dense.weight`, \f$\delta x\f$ `d_act.last`.
    /// @param body  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_head  the gradient is added to its matrix
    /// @param[in,out] d_act  the gradient of the logits is read; that of last is written
    /// @param[in,out] d_body  hidden is added to
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations& act, LastTokenClassificationHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        const std::size_t B = body.batch.sequences.count(), C = dense.weight.shape(0), H = body.hidden.shape(1);
        require_rows("sequence_classification: d_hidden", act.rows, d_body.hidden.shape(0));
        require_shape("sequence_classification: d_hidden", d_body.hidden, body.hidden.shape());
        require_shape("sequence_classification: act.last (forward computes it)", act.last, {B, H});
        require_shape("sequence_classification: d_logits", d_act.logits, {B, C});
        require_shape("sequence_classification: d_dense.weight", d_head.dense.weight, {C, H});
        d_act.no_bias.resize({C});
        d_act.no_bias.fill(Real(0));
        Ops::linear_backward(d_act.logits, act.last, dense.weight, d_head.dense.weight, d_act.no_bias, d_act.last,
                             pass.workspace);
        add_rows("sequence_classification: d_hidden", d_act.last, act.rows, d_body.hidden);
    }
};

}  // namespace bert
