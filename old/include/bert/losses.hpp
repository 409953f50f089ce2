/// @file
/// The loss of each architecture, from its logits and labels, and its gradient.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/core/rows.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/model.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What a batch should have been answered. What isn't asked stays empty.
template <class Real>
struct Labels {
    IndexTensor<1> masked_words;   ///< the word that was hidden, or ignored_label, [T]
    IndexTensor<1> tokens;         ///< each token's class, or ignored_label, [T]
    IndexTensor<1> next_sentence;  ///< 0: the second text follows the first, 1: it doesn't, [B]
    IndexTensor<1> classes;        ///< each text's class, [B]
    IndexTensor<1> starts;         ///< the first position of the answer, [B]. A negative one counts as position 0, [CLS]; one of
                                   ///< padded_length or more is ignored, as in the reference library
    IndexTensor<1> ends;           ///< its last position, [B], likewise
    IndexTensor<1> choices;        ///< the right ending of each example, [examples]
    Tensor<Real, 1> values;        ///< each text's value, for regression, [B]
    Tensor<Real, 2> several;       ///< several yes-or-no labels a text, [B, C]
};

/// The losses of a batch, each a mean over what is labelled.
template <class Real>
struct Losses {
    std::optional<Real> masked_words;   ///< in nats per predicted word
    std::optional<Real> next_sentence;  ///< in nats per sequence
    Real total = 0;                     ///< what training makes smaller: their sum
    std::size_t count = 0;              ///< labels that total is made of (a span has two, several labels C a text); 0: there was
                                        ///< nothing to learn from
};

/// What the sum over labelled rows is divided by, where two published implementations differ.
enum class Normalization {
    library,   ///< the transformers library: the number of labelled rows
    original,  ///< google-research/bert: masked words by their number + 1e-5, spans by all sequences, ignored ones too
};

/// Choices about the loss of a batch.
struct LossOptions {
    double smoothing = 0;                                  ///< in [0, 1), of every cross-entropy: see CrossEntropyOptions
    Normalization normalization = Normalization::library;  ///< where implementations differ
    double share = 1;                                      ///< in (0, 1]; of a batch in pieces: this piece's share of the texts
    std::optional<std::size_t> labelled =
        std::nullopt;  ///< of a batch in pieces: masked words, or labelled tokens, of all pieces together
};

/// How many rows have a label.
/// @param labels  ignored_label where there is none
/// @return  the count
inline std::size_t labelled_count(const IndexTensor<1>& labels)
{
    std::size_t count = 0;
    for (const std::int64_t label : labels)
        count += label != ignored_label ? 1 : 0;
    return count;
}

namespace detail {

/// The options of a cross-entropy over tokens.
inline CrossEntropyOptions token_options(const LossOptions& options, const IndexTensor<1>& labels, bool masked_words)
{
    double divisor = static_cast<double>(options.labelled.value_or(labelled_count(labels)));
    if (divisor == 0) return {options.smoothing, {}};  // nothing is labelled, and nothing is divided
    if (masked_words && options.normalization == Normalization::original) divisor += 1e-5;
    return {options.smoothing, divisor};
}

/// Which row of sequence b has the position.
inline std::int64_t row_of(const Batch& batch, std::size_t b, std::int64_t position)
{
    for (std::size_t i = 0; i < batch.sequences.length(b); ++i)
        if (batch.positions(batch.sequences.begin[b] + i) == position) return static_cast<std::int64_t>(i);
    throw std::invalid_argument("span_loss: sequence " + std::to_string(b) +
                                ": expected a label at a real token, got the masked position " + std::to_string(position));
}

/// The logits of sequence b's starts (column 0) or ends (column 1) as one row, and its label: which of them has the position.
template <class Real>
void take_span(const Tensor<Real, 2>& logits, const Batch& batch, std::size_t b, std::size_t column, std::int64_t position,
               LossScratch<Real>& scratch)
{
    const std::size_t first = batch.sequences.begin[b], n = batch.sequences.length(b);
    scratch.rows.resize({1, n});
    scratch.labels.resize({1});
    scratch.labels(0) = row_of(batch, b, position);
    for (std::size_t i = 0; i < n; ++i)
        scratch.rows(0, i) = logits(first + i, column);
}

/// Calls visit(b, column, position) for each start (column 0) and end (column 1) that is not ignored.
template <class Visit>
void visit_spans(const Batch& batch, const IndexTensor<1>& starts, const IndexTensor<1>& ends, const Visit& visit)
{
    const std::size_t B = batch.sequences.count();
    require_shape("span_loss: starts", starts, {B});
    require_shape("span_loss: ends", ends, {B});
    for (std::size_t column = 0; column < 2; ++column) {
        for (std::size_t b = 0; b < B; ++b) {
            const std::int64_t position = std::max<std::int64_t>(column == 0 ? starts(b) : ends(b), 0);
            if (position < static_cast<std::int64_t>(batch.padded_length)) visit(b, column, position);
        }
    }
}

/// What the sums of starts and of ends are divided by.
inline std::array<double, 2> span_divisors(const Batch& batch, const IndexTensor<1>& starts, const IndexTensor<1>& ends,
                                           const LossOptions& options)
{
    const auto B = static_cast<double>(batch.sequences.count());
    if (options.normalization == Normalization::original) return {B, B};
    std::array<double, 2> counts{};
    visit_spans(batch, starts, ends, [&](std::size_t, std::size_t column, std::int64_t) { counts[column] += 1; });
    return counts;
}

}  // namespace detail

/// The loss of answers in a text: the mean of start's and end's cross-entropies, each over the positions of one sequence.
/// \f[ \ell = \tfrac12\big(\ell^{\mathrm{start}} + \ell^{\mathrm{end}}\big),\quad
///     \ell^{\mathrm{start}} = \frac{1}{\mathrm{divisor}} \sum_b -\log \mathrm{softmax}(s_b)_{\mathrm{starts}_b} \f]
/// where s_b are the logits of sequence b, column 0 for starts, column 1 for ends, and the divisor counts the sequences that
/// are not ignored. The reference library's softmax runs over padded positions too, this one over real tokens: they agree where
/// nothing is padded.
/// @param logits  [T, 2]
/// @param batch  the sequences
/// @param starts  a position each, [B]
/// @param ends  a position each, [B]
/// @param options  smoothing, normalization
/// @param scratch  one sequence's row and label
/// @return  the loss in nats, and how many starts and ends were labelled
/// @throws std::invalid_argument if a shape doesn't fit or a label's position is masked
/// @see Devlin et al. 2019, section 4.2
template <class Ops, class Real>
MeanLoss<Real> span_loss(const Tensor<Real, 2>& logits, const Batch& batch, const IndexTensor<1>& starts,
                         const IndexTensor<1>& ends, const LossOptions& options, LossScratch<Real>& scratch)
{
    require_sequences("span_loss: sequences", batch.sequences, batch.sequences.tokens());
    require_shape("span_loss: logits", logits, {batch.sequences.tokens(), 2});
    const std::array<double, 2> divisors = detail::span_divisors(batch, starts, ends, options);
    MeanLoss<Real> both;
    detail::visit_spans(batch, starts, ends, [&](std::size_t b, std::size_t column, std::int64_t position) {
        detail::take_span(logits, batch, b, column, position, scratch);
        both.value += Ops::cross_entropy(scratch.rows, scratch.labels, {options.smoothing, divisors[column]}).value / 2;
        ++both.count;
    });
    return both;
}

/// The gradient of span_loss: a cross-entropy's for each sequence's starts and ends, 0 for an ignored one.
/// @param d_loss  the gradient of the loss
/// @param logits  as in span_loss, [T, 2]
/// @param batch  as in span_loss
/// @param starts  as in span_loss, [B]
/// @param ends  as in span_loss, [B]
/// @param options  as in span_loss
/// @param[out] d_logits  [T, 2]
/// @param scratch  one sequence's row, its label and its gradient
/// @throws std::invalid_argument as span_loss
template <class Ops, class Real>
void span_loss_backward(Real d_loss, const Tensor<Real, 2>& logits, const Batch& batch, const IndexTensor<1>& starts,
                        const IndexTensor<1>& ends, const LossOptions& options, Tensor<Real, 2>& d_logits,
                        LossScratch<Real>& scratch)
{
    require_sequences("span_loss: sequences", batch.sequences, batch.sequences.tokens());
    require_shape("span_loss: logits", logits, {batch.sequences.tokens(), 2});
    const std::array<double, 2> divisors = detail::span_divisors(batch, starts, ends, options);
    d_logits.resize(logits.shape());
    d_logits.fill(Real(0));
    detail::visit_spans(batch, starts, ends, [&](std::size_t b, std::size_t column, std::int64_t position) {
        detail::take_span(logits, batch, b, column, position, scratch);
        Ops::cross_entropy_backward(d_loss / 2, scratch.rows, scratch.labels, {options.smoothing, divisors[column]},
                                    scratch.d_rows);
        for (std::size_t i = 0; i < batch.sequences.length(b); ++i)
            d_logits(batch.sequences.begin[b] + i, column) = scratch.d_rows(0, i);
    });
}

namespace detail {

/// How many endings an example has, of B in all.
inline std::size_t endings_of(const IndexTensor<1>& choices, std::size_t B)
{
    const std::size_t examples = choices.shape(0);
    if (examples == 0 || B % examples != 0)
        throw std::invalid_argument("choice_loss: choices: expected a divisor of " + std::to_string(B) + " sequences, got " +
                                    std::to_string(examples));
    return B / examples;
}

/// One number an ending [examples * endings, 1] as a row an example [examples, endings].
template <class Real>
void take_examples(const Tensor<Real, 2>& logits, const IndexTensor<1>& choices, Tensor<Real, 2>& rows)
{
    const std::size_t B = logits.shape(0);
    require_shape("choice_loss: logits", logits, {B, 1});
    rows.resize({choices.shape(0), endings_of(choices, B)});
    std::copy(logits.begin(), logits.end(), rows.begin());
}

}  // namespace detail

/// The loss of a choice among endings: a cross-entropy over the endings of each example.
/// @param logits  one number per ending, [examples * endings, 1]
/// @param choices  the right ending, [examples]
/// @param options  smoothing
/// @param scratch  a row an example
/// @return  the mean in nats per example, and their number
/// @throws std::invalid_argument if logits is no whole number of endings for each example
/// @see Devlin et al. 2019, section 4.4
template <class Ops, class Real>
MeanLoss<Real> choice_loss(const Tensor<Real, 2>& logits, const IndexTensor<1>& choices, const LossOptions& options,
                           LossScratch<Real>& scratch)
{
    detail::take_examples(logits, choices, scratch.rows);
    return Ops::cross_entropy(scratch.rows, choices, {options.smoothing, {}});
}

/// The gradient of choice_loss.
/// @param d_loss  the gradient of the loss
/// @param logits  as in choice_loss, [examples * endings, 1]
/// @param choices  as in choice_loss, [examples]
/// @param options  as in choice_loss
/// @param[out] d_logits  [examples * endings, 1]
/// @param scratch  a row an example
/// @throws std::invalid_argument as choice_loss
template <class Ops, class Real>
void choice_loss_backward(Real d_loss, const Tensor<Real, 2>& logits, const IndexTensor<1>& choices, const LossOptions& options,
                          Tensor<Real, 2>& d_logits, LossScratch<Real>& scratch)
{
    detail::take_examples(logits, choices, scratch.rows);
    Ops::cross_entropy_backward(d_loss, scratch.rows, choices, {options.smoothing, {}}, d_logits);
    d_logits.reshape({logits.shape(0), 1});
}

/// The rows that have a label: all that the masked-word head needs to look at.
/// @param labels  ignored_label where there is none, [T]
/// @param rows  memory for the result, whatever it holds
/// @return  for ModelActivations::asked_words
inline std::vector<std::size_t> labelled_rows(const IndexTensor<1>& labels, std::vector<std::size_t> rows = {})
{
    rows.clear();
    for (std::size_t t = 0; t < labels.size(); ++t)
        if (labels(t) != ignored_label) rows.push_back(t);
    return rows;
}

namespace detail {

/// The labels, [T], of the rows whose word was asked for, each once, which must be all that have one.
inline void take_asked_labels(const IndexTensor<1>& labels, std::size_t T, const std::vector<std::size_t>& rows,
                              IndexTensor<1>& asked)
{
    require_shape("labels: masked_words", labels, {T});
    require_rows("masked_word", rows, T);
    asked.resize({rows.size()});
    for (std::size_t m = 0; m < rows.size(); ++m) {
        if (m > 0 && rows[m] <= rows[m - 1])
            throw std::invalid_argument("masked_word: rows[" + std::to_string(m) + "]: expected more than " +
                                        std::to_string(rows[m - 1]) + ", got " + std::to_string(rows[m]));
        asked(m) = labels(rows[m]);
    }
    const std::size_t elsewhere = labelled_count(labels) - labelled_count(asked);
    if (elsewhere > 0)
        throw std::invalid_argument("masked_words: expected labels at asked rows only, got " + std::to_string(elsewhere) +
                                    " elsewhere");
}

/// The share of a piece is a part of the whole.
inline void require_share(const LossOptions& options)
{
    if (!(options.share > 0 && options.share <= 1))
        throw std::invalid_argument("losses: share: expected (0, 1], got " + std::to_string(options.share));
}

/// Labels that no head takes are a mistake; and a text has a class, a value or several labels, not two of these.
template <class Real>
void require_kind(const std::string& architecture, const Labels<Real>& labels)
{
    const int kinds =
        (labels.classes.size() > 0 ? 1 : 0) + (labels.values.size() > 0 ? 1 : 0) + (labels.several.size() > 0 ? 1 : 0);
    if (kinds > 1)
        throw std::invalid_argument("labels: expected one of classes, values and several, got " + std::to_string(kinds));
    const Heads heads = heads_of(architecture);
    const bool of_words = labels.masked_words.size() > 0, of_next = labels.next_sentence.size() > 0;
    const bool of_choices = labels.choices.size() > 0, of_tokens = labels.tokens.size() > 0;
    const bool of_spans = labels.starts.size() > 0 || labels.ends.size() > 0;
    const bool any = kinds > 0 || of_words || of_next || of_choices || of_tokens || of_spans;
    const bool taken =
        (heads.masked_word && of_words) || (heads.next_sentence && of_next) ||
        (heads.classifier == Classifier::sequence && kinds > 0) || (heads.classifier == Classifier::choice && of_choices) ||
        (heads.classifier == Classifier::tokens && of_tokens) || (heads.classifier == Classifier::span && of_spans);
    if (any && !taken) throw std::invalid_argument("labels: expected those of a " + architecture + ", got only others");
}

}  // namespace detail

/// How far a model's logits are from the labels: the sum of its heads' losses.
/// \f[ \ell = \ell^{\mathrm{masked\ words}} + w\,(\ell^{\mathrm{next\ sentence}} + \ell^{\mathrm{classifier}}) \f]
/// where w is options.share, 1 for a whole batch; masked words, and labelled tokens, are divided by those of all pieces instead.
/// The classifier's is a cross-entropy (classes, choices, tokens), mean_squared_error (values), binary_cross_entropy (several)
/// or span_loss, and stands in the total only.
/// @param model  the model
/// @param batch  what forward was given
/// @param[in,out] act  what forward computed; act.loss is scratch
/// @param labels  what it should have answered
/// @param options  smoothing, normalization, pieces of a batch
/// @return  each loss, their sum, and how many rows were labelled
/// @throws std::invalid_argument if a shape doesn't fit, a label is not a class, or no head takes any of the labels
/// @see Devlin et al. 2019, appendix A.2
template <class Real, class Ops>
Losses<Real> model_loss(const Model<Real, Ops>& model, const Batch& batch, ModelActivations<Real>& act,
                        const Labels<Real>& labels, const LossOptions& options = {})
{
    detail::require_kind(model.config.architecture, labels);
    detail::require_share(options);
    const CrossEntropyOptions of_sequences{options.smoothing, {}};
    Losses<Real> losses;
    const auto add = [&](const MeanLoss<Real>& part, double share) {
        losses.total += Real(share) * part.value;
        losses.count += part.count;
        return Real(share) * part.value;
    };
    if (model.masked_word && labels.masked_words.size() > 0) {
        detail::take_asked_labels(labels.masked_words, batch.sequences.tokens(), act.masked_word.rows, act.loss.labels);
        const CrossEntropyOptions of_words = detail::token_options(options, act.loss.labels, true);
        losses.masked_words = add(Ops::cross_entropy(act.masked_word.logits, act.loss.labels, of_words), 1);
    }
    if (model.next_sentence && labels.next_sentence.size() > 0)
        losses.next_sentence =
            add(Ops::cross_entropy(act.next_sentence_logits, labels.next_sentence, of_sequences), options.share);
    const Tensor<Real, 2>& logits = act.classifier_logits;
    switch (heads_of(model.config.architecture).classifier) {
        case Classifier::none: break;
        case Classifier::sequence:
            if (labels.classes.size() > 0)
                add(Ops::cross_entropy(logits, labels.classes, of_sequences), options.share);
            else if (labels.values.size() > 0)
                add(Ops::mean_squared_error(logits, labels.values), options.share);
            else if (labels.several.size() > 0)
                add(Ops::binary_cross_entropy(logits, labels.several), options.share);
            break;
        case Classifier::choice:
            if (labels.choices.size() > 0) add(choice_loss<Ops>(logits, labels.choices, options, act.loss), options.share);
            break;
        case Classifier::tokens:
            if (labels.tokens.size() > 0)
                add(Ops::cross_entropy(logits, labels.tokens, detail::token_options(options, labels.tokens, false)), 1);
            break;
        case Classifier::span:
            if (labels.starts.size() > 0 || labels.ends.size() > 0)
                add(span_loss<Ops>(logits, batch, labels.starts, labels.ends, options, act.loss), options.share);
            break;
    }
    return losses;
}

/// The gradient of model_loss with respect to the logits, from which Model::backward goes on.
/// @param model  as in model_loss
/// @param batch  as in model_loss
/// @param act  as in model_loss
/// @param labels  as in model_loss
/// @param options  as in model_loss
/// @param[out] d_act  the gradients of the logits, empty where there is no label; d_act.loss is scratch
/// @throws std::invalid_argument as model_loss
template <class Real, class Ops>
void model_loss_backward(const Model<Real, Ops>& model, const Batch& batch, const ModelActivations<Real>& act,
                         const Labels<Real>& labels, const LossOptions& options, ModelGradients<Real>& d_act)
{
    detail::require_kind(model.config.architecture, labels);
    detail::require_share(options);
    const CrossEntropyOptions of_sequences{options.smoothing, {}};
    const Real share = Real(options.share);
    d_act.masked_word.logits.resize({0, 0});
    d_act.next_sentence_logits.resize({0, 0});
    d_act.classifier_logits.resize({0, 0});
    if (model.masked_word && labels.masked_words.size() > 0) {
        detail::take_asked_labels(labels.masked_words, batch.sequences.tokens(), act.masked_word.rows, d_act.loss.labels);
        Ops::cross_entropy_backward(Real(1), act.masked_word.logits, d_act.loss.labels,
                                    detail::token_options(options, d_act.loss.labels, true), d_act.masked_word.logits);
    }
    if (model.next_sentence && labels.next_sentence.size() > 0)
        Ops::cross_entropy_backward(share, act.next_sentence_logits, labels.next_sentence, of_sequences,
                                    d_act.next_sentence_logits);
    const Tensor<Real, 2>& logits = act.classifier_logits;
    Tensor<Real, 2>& d_logits = d_act.classifier_logits;
    switch (heads_of(model.config.architecture).classifier) {
        case Classifier::none: break;
        case Classifier::sequence:
            if (labels.classes.size() > 0)
                Ops::cross_entropy_backward(share, logits, labels.classes, of_sequences, d_logits);
            else if (labels.values.size() > 0)
                Ops::mean_squared_error_backward(share, logits, labels.values, d_logits);
            else if (labels.several.size() > 0)
                Ops::binary_cross_entropy_backward(share, logits, labels.several, d_logits);
            break;
        case Classifier::choice:
            if (labels.choices.size() > 0)
                choice_loss_backward<Ops>(share, logits, labels.choices, options, d_logits, d_act.loss);
            break;
        case Classifier::tokens:
            if (labels.tokens.size() > 0)
                Ops::cross_entropy_backward(Real(1), logits, labels.tokens, detail::token_options(options, labels.tokens, false),
                                            d_logits);
            break;
        case Classifier::span:
            if (labels.starts.size() > 0 || labels.ends.size() > 0)
                span_loss_backward<Ops>(share, logits, batch, labels.starts, labels.ends, options, d_logits, d_act.loss);
            break;
    }
}

}  // namespace bert
