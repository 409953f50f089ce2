/// @file
/// The loss of each architecture, from its logits and labels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What a batch should have been answered. What isn't asked stays empty.
template <class Real>
struct Labels {
    IndexTensor<1> masked_words;   ///< the word that was hidden, or ignored_label, [T]
    IndexTensor<1> tokens;         ///< each token's class, or ignored_label, [T]
    IndexTensor<1> next_sentence;  ///< 0: the second text follows the first, 1: it doesn't, [B]
    IndexTensor<1> classes;        ///< each text's class, [B]
    IndexTensor<1> starts;         ///< where the answer begins: a position, [B]; negative: 0, padded_length or more: ignored
    IndexTensor<1> ends;           ///< the answer's last position, [B], likewise
    IndexTensor<1> choices;        ///< the right ending of each example, [examples]
    Tensor<Real, 1> values;        ///< each text's value, for regression, [B]
    Tensor<Real, 2> several;       ///< several yes-or-no labels a text, [B, C]
};

/// The losses of a batch, each a mean over what is labelled.
template <class Real>
struct Losses {
    std::optional<Real> masked_words;   ///< in nats per predicted word
    std::optional<Real> next_sentence;  ///< in nats per sequence
    Real total = 0;                     ///< what training makes smaller
    std::size_t count = 0;              ///< labelled rows that total is made of; 0: there was nothing to learn from
};

/// The loss of answers in a text: the mean of start's and end's cross-entropies, each over the positions of one sequence.
/// \f[ \ell = \tfrac12\big(\ell^{\mathrm{start}} + \ell^{\mathrm{end}}\big),\quad
///     \ell^{\mathrm{start}} = \frac1n \sum_b -\log \mathrm{softmax}(s_b)_{\mathrm{starts}_b} \f]
/// where s_b are the logits of sequence b, column 0 for starts, column 1 for ends, and n counts the sequences not ignored.
/// @param logits  [T, 2]
/// @param batch  the sequences
/// @param starts  a position each, [B]
/// @param ends  a position each, [B]
/// @return  the loss in nats, and how many starts and ends were labelled
/// @throws std::invalid_argument if a shape doesn't fit or a label's position is masked
/// @see Devlin et al. 2019, section 4.2
template <class Ops, class Real>
MeanLoss<Real> span_loss(const Tensor<Real, 2>& logits, const Batch& batch, const IndexTensor<1>& starts,
                         const IndexTensor<1>& ends)
{
    const std::size_t T = batch.sequences.tokens(), B = batch.sequences.count();
    require_shape("span_loss: logits", logits, {T, 2});
    require_shape("span_loss: starts", starts, {B});
    require_shape("span_loss: ends", ends, {B});
    MeanLoss<Real> both;
    for (std::size_t column = 0; column < 2; ++column) {
        const IndexTensor<1>& labels = column == 0 ? starts : ends;
        Real sum = 0;
        std::size_t count = 0;
        for (std::size_t b = 0; b < B; ++b) {
            const std::int64_t position = std::max<std::int64_t>(labels(b), 0);
            if (position >= static_cast<std::int64_t>(batch.padded_length)) continue;
            const std::size_t first = batch.sequences.begin[b], n = batch.sequences.length(b);
            Tensor<Real, 2> sequence_logits;  // [1, n]
            sequence_logits.resize({1, n});
            IndexTensor<1> row = {ignored_label};  // where in the sequence the position is
            for (std::size_t i = 0; i < n; ++i) {
                sequence_logits(0, i) = logits(first + i, column);
                if (batch.positions(first + i) == position) row(0) = static_cast<std::int64_t>(i);
            }
            if (row(0) == ignored_label)
                throw std::invalid_argument("span_loss: sequence " + std::to_string(b) +
                                            ": expected a label at a real token, got the masked position " +
                                            std::to_string(position));
            sum += Ops::cross_entropy(sequence_logits, row).value;
            ++count;
        }
        if (count > 0) both.value += sum / Real(count) / 2;
        both.count += count;
    }
    return both;
}

/// The loss of a choice among endings: a cross-entropy over the endings of each example.
/// @param logits  one number an ending, [examples * endings, 1]
/// @param choices  the right ending, [examples]
/// @return  the mean in nats per example, and their number
/// @throws std::invalid_argument if logits is no whole number of endings for each example
/// @see Devlin et al. 2019, section 4.4
template <class Ops, class Real>
MeanLoss<Real> choice_loss(const Tensor<Real, 2>& logits, const IndexTensor<1>& choices)
{
    const std::size_t examples = choices.shape(0), B = logits.shape(0);
    if (examples == 0 || B % examples != 0)
        throw std::invalid_argument("choice_loss: choices: expected a divisor of " + std::to_string(B) + " sequences, got " +
                                    std::to_string(examples));
    Tensor<Real, 2> by_example = logits;
    by_example.reshape({examples, B / examples});
    return Ops::cross_entropy(by_example, choices);
}

}  // namespace bert
