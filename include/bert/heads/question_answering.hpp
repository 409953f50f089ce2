/// @file
/// The question-answering head predicts where an answer begins in a text, and where it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/heads/answer_positions.hpp"
#include "bert/heads/head.hpp"
#include "bert/heads/loss_options.hpp"
#include "bert/ops/losses.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What the losses are divided by.
struct QuestionAnsweringCount {
    double start_count = 0;     ///< starts that aren't ignored
    double end_count = 0;       ///< ends that aren't ignored
    double sequence_count = 0;  ///< sequences, also those whose start or end is ignored

    /// @param other  count of another micro-batch
    /// @return  the sum
    QuestionAnsweringCount& operator+=(const QuestionAnsweringCount& other)
    {
        start_count += other.start_count;
        end_count += other.end_count;
        sequence_count += other.sequence_count;
        return *this;
    }
    /// @return  the number of labels in the loss
    explicit operator double() const { return start_count + end_count; }
};

/// What QuestionAnsweringHead::forward computes.
template <class Real>
struct QuestionAnsweringActivations {
    Tensor<Real, 2> logits;  ///< column 0 for starts, 1 for ends, [T, 2]
    Tensor<Real, 2> hidden;  ///< unused in act; in d_act, this head's part of the gradient of body.hidden, [T, H]
};

/// A linear layer on every hidden state. (Devlin et al. 2019, section 4.2, where the loss is the sum of both terms and there is
/// no bias; google-research/bert, run_squad.py, and the transformers library have a bias and the mean; this head follows them.)
template <class Real, class Ops = Reference>
struct QuestionAnsweringHead {
    Linear<Real> dense;  ///< [2, H], [2]; published as qa_outputs

    using Scalar = Real;                                     ///< number type of the loss
    using Target = QuestionAnsweringTarget;                  ///< see head.hpp
    using Count = QuestionAnsweringCount;                    ///< see head.hpp
    using Activations = QuestionAnsweringActivations<Real>;  ///< see head.hpp

    static constexpr std::string_view name = "question_answering";  ///< name in configurations and of the member in models
    /// Gives a model, its targets and its activations a member for this head.
    template <class Member>
    struct Named {
        Member question_answering{};  ///< named after the head
    };
    /// @param owner  a model, its targets or its activations
    /// @return  its member for this head
    template <class Owner>
    static auto& member(Owner& owner)
    {
        return owner.question_answering;
    }

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param prefix  of the names, usually empty
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& prefix, Selves&... selves)
    {
        Linear<Real>::parameters(visit, prefix + "qa_outputs", selves.dense...);
    }

    /// @param config  sizes
    /// @return  the head, all zeros
    static QuestionAnsweringHead make(const Config& config) { return {make_linear<Real>(2, config.hidden_size)}; }

    /// @param batch  the tokens
    /// @param target  positions of the answers
    /// @throws std::invalid_argument for a wrong number of sequences, or a position that holds padding
    static void check(const Batch& batch, const Target& target, const Config&) { require_answer_positions(batch, target); }

    /// @param batch  the tokens
    /// @param target  positions of the answers
    /// @return  the number of those that aren't ignored, and of sequences
    static Count count(const Batch& batch, const Target& target)
    {
        Count count{.sequence_count = static_cast<double>(batch.sequences.count())};
        for (const std::int64_t position : target.starts)
            count.start_count += is_ignored_position(batch, position) ? 0 : 1;
        for (const std::int64_t position : target.ends)
            count.end_count += is_ignored_position(batch, position) ? 0 : 1;
        return count;
    }

    /// @return  false: the head reads every row
    static bool read_rows(const Batch&, const Target&, std::vector<std::size_t>&) { return false; }

    /// Computes two numbers for each token: as the start of the answer, and as its end.
    /// \f[ \mathrm{logits} = \mathrm{hidden}\,W^T + \mathrm{bias} \f]
    /// Symbols: hidden `body.hidden`, \f$W\f$, bias `dense.weight`, `dense.bias`, logits `act.logits`.
    /// @param body  hidden states
    /// @param pass  workspace
    /// @param[out] act  logits
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const BodyResult<Real>& body, const std::optional<Target>&, const Pass& pass, Activations& act) const
    {
        require_shape("question_answering: hidden", body.hidden, {body.batch.sequences.tokens(), dense.weight.shape(1)});
        Ops::linear(body.hidden, dense.weight, dense.bias, act.logits, pass.workspace);
    }

    /// The mean of the starts' and the ends' cross-entropies, each over the positions of one sequence.
    /// \f[ \ell = \tfrac12\big(\ell^{\mathrm{start}} + \ell^{\mathrm{end}}\big),\quad
    ///     \ell^{\mathrm{start}} = -\frac{1}{n} \sum_b \log \mathrm{softmax}(s_b)_{i_b} \f]
    /// over the sequences whose start isn't ignored; the ends likewise.
    /// Symbols: \f$s_b\f$ `s`, column 0 of `act.logits` in sequence b, for ends column 1; \f$i_b\f$ `index`, the index within
    /// sequence b of the token at position `starts(b)`; \f$n\f$ count.start_count, for ends count.end_count, in the original for
    /// both count.sequence_count. The softmax of both published implementations includes padded positions, this one real tokens
    /// only: they agree where nothing is padded.
    /// @param batch  the tokens
    /// @param target  positions of the answers
    /// @param count  count of the whole batch
    /// @param options  smoothing, divisor
    /// @param act  what forward computed
    /// @return  this micro-batch's part of the loss, in nats per sequence
    /// @throws std::invalid_argument if a shape doesn't fit
    Real loss(const Batch& batch, const Target& target, const Count& count, const LossOptions& options,
              const Activations& act) const
    {
        require_answer_positions(batch, target);
        require_shape("question_answering: logits", act.logits, {batch.sequences.tokens(), 2});
        const Real loss_of_starts =
            column_loss(batch, 0, target.starts, options_of(count.start_count, count, options), act.logits);
        const Real loss_of_ends = column_loss(batch, 1, target.ends, options_of(count.end_count, count, options), act.logits);
        return (loss_of_starts + loss_of_ends) / 2;
    }

    /// The gradient of the loss, within each sequence and column:
    /// \f[ \delta s_{bi} = \frac{1}{2n}\,\big(\mathrm{softmax}(s_b)_i - [i = i_b]\big) \f]
    /// where [i = i_b] is 1 for the answer's token and 0 elsewhere; 0 where the position is ignored.
    /// Symbols: \f$\delta s_b\f$ `d_s`, then a part of a column of `d_act.logits`.
    /// @param batch  as in loss
    /// @param target  as in loss
    /// @param count  as in loss
    /// @param options  as in loss
    /// @param act  as in loss
    /// @param[out] d_act  the gradient of the logits
    /// @throws std::invalid_argument if a shape doesn't fit
    void loss_backward(const Batch& batch, const Target& target, const Count& count, const LossOptions& options,
                       const Activations& act, Activations& d_act) const
    {
        require_answer_positions(batch, target);
        require_shape("question_answering: logits", act.logits, {batch.sequences.tokens(), 2});
        d_act.logits.resize(act.logits.shape());
        d_act.logits.fill(Real(0));
        column_loss_backward(batch, 0, target.starts, options_of(count.start_count, count, options), act.logits, d_act.logits);
        column_loss_backward(batch, 1, target.ends, options_of(count.end_count, count, options), act.logits, d_act.logits);
    }

    /// The gradients of the linear layer; that of the hidden states is added to those of other heads.
    /// \f[ \delta W \mathrel{+}= \delta\mathrm{logits}^T \mathrm{hidden},\quad
    ///     \delta\mathrm{bias} \mathrel{+}= \sum_t \delta\mathrm{logits}_t,\quad
    ///     \delta\mathrm{hidden} \mathrel{+}= \delta\mathrm{logits}\,W \f]
    /// Symbols: \f$\delta W, \delta\mathrm{bias}\f$ `d_head.dense`, \f$\delta\mathrm{logits}\,W\f$ `d_act.hidden`,
    /// \f$\delta\mathrm{hidden}\f$ `d_body.hidden`.
    /// @param body  as in forward
    /// @param pass  as in forward
    /// @param[in,out] d_head  the gradients are added to its parameters
    /// @param[in,out] d_act  the gradient of the logits is read; that of the hidden states is written
    /// @param[in,out] d_body  hidden is added to
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations&, QuestionAnsweringHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        require_shape("question_answering: d_hidden", d_body.hidden, body.hidden.shape());
        Ops::linear_backward(d_act.logits, body.hidden, dense.weight, d_head.dense.weight, d_head.dense.bias, d_act.hidden,
                             pass.workspace);
        add(d_act.hidden, d_body.hidden);
    }

private:
    /// One of the two losses: of column 0, starts, or of column 1, ends. positions are [B], logits [T, 2].
    static Real column_loss(const Batch& batch, std::size_t column, const IndexTensor<1>& positions,
                            const CrossEntropyOptions& options, const Tensor<Real, 2>& logits)
    {
        Tensor<Real, 2> s;                                       // [1, length of the sequence]
        IndexTensor<1> index = IndexTensor<1>::from_shape({1});  // [1]
        Real sum = 0;
        for (std::size_t b = 0; b < positions.size(); ++b) {
            if (is_ignored_position(batch, positions(b))) continue;
            take_column(logits, batch, b, column, s);
            index(0) = index_of_token(batch, b, positions(b));
            sum += Ops::cross_entropy(s, index, options).value;
        }
        return sum;
    }

    /// Writes half of column_loss's gradient, because the loss is the mean of both columns. d_logits are [T, 2].
    static void column_loss_backward(const Batch& batch, std::size_t column, const IndexTensor<1>& positions,
                                     const CrossEntropyOptions& options, const Tensor<Real, 2>& logits, Tensor<Real, 2>& d_logits)
    {
        Tensor<Real, 2> s, d_s;                                  // [1, length of the sequence]
        IndexTensor<1> index = IndexTensor<1>::from_shape({1});  // [1]
        for (std::size_t b = 0; b < positions.size(); ++b) {
            if (is_ignored_position(batch, positions(b))) continue;
            take_column(logits, batch, b, column, s);
            index(0) = index_of_token(batch, b, positions(b));
            Ops::cross_entropy_backward(Real(1) / 2, s, index, options, d_s);
            for (std::size_t i = 0; i < batch.sequences.length(b); ++i)
                d_logits(batch.sequences.begin[b] + i, column) = d_s(0, i);
        }
    }

    /// Copies a column of a sequence's logits, [T, 2], to a row, [1, length of the sequence].
    static void take_column(const Tensor<Real, 2>& logits, const Batch& batch, std::size_t b, std::size_t column,
                            Tensor<Real, 2>& s)
    {
        s.resize({1, batch.sequences.length(b)});
        for (std::size_t i = 0; i < s.shape(1); ++i)
            s(0, i) = logits(batch.sequences.begin[b] + i, column);
    }

    static CrossEntropyOptions options_of(double labels, const Count& count, const LossOptions& options)
    {
        return {options.smoothing, divisor_of(options.divisor == LossDivisor::original ? count.sequence_count : labels)};
    }
};

}  // namespace bert
