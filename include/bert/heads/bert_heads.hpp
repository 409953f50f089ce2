/// @file
/// The heads of BERT, and the structs that have a member named after each head: targets, counts, losses, activations.
#pragma once

#include <cstddef>

#include "bert/heads/head_list.hpp"
#include "bert/heads/masked_lm.hpp"
#include "bert/heads/multiple_choice.hpp"
#include "bert/heads/next_sentence.hpp"
#include "bert/heads/question_answering.hpp"
#include "bert/heads/sequence_classification.hpp"
#include "bert/heads/token_classification.hpp"

namespace bert {

/// The heads of BERT.
using BertHeads = HeadList<MaskedLmHead, NextSentenceHead, SequenceClassificationHead, MultipleChoiceHead,
                           TokenClassificationHead, QuestionAnsweringHead>;

/// Training targets of a batch: an optional target for each head, under the head's name, as in `targets.masked_lm`.
template <class Real, class Heads = BertHeads>
struct Targets : PerHead<Real, Heads, detail::TargetOf> {
};

/// The number of labelled items for each head. The counts of micro-batches add up to the batch's.
template <class Real, class Heads = BertHeads>
struct Counts : PerHead<Real, Heads, detail::CountOf> {
};

/// The losses of a batch, one for each head with a target. Those of micro-batches add up to the batch's.
template <class Real, class Heads = BertHeads>
struct Losses : PerHead<Real, Heads, detail::LossOf> {
    Real total = 0;         ///< their sum, which training minimizes
    std::size_t count = 0;  ///< number of labelled items; 0 if no target has a label
};

/// What heads compute, under their names, as in `act.masked_lm.logits`. Members of heads that the model doesn't have stay empty.
template <class Real, class Heads = BertHeads>
struct HeadActivations : PerHead<Real, Heads, detail::ActivationsOf> {
};

}  // namespace bert
