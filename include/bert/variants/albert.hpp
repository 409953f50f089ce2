/// @file
/// ALBERT: BERT with a tenth of the parameters (Lan et al. 2020). The blocks are BERT's. What differs:
///
/// | what | BERT | ALBERT | why (section of the paper) |
/// | --- | --- | --- | --- |
/// | embeddings | tables of width H | tables of width E, then a projection to H | a word alone means less than in a text (3.1) |
/// | layers | a block each | all share one block, or one for each group of layers | fewer parameters (3.1, 4.5) |
/// | second objective | next sentence | the order of two consecutive texts | next sentence is solved by topic alone (3.1, 4.6) |
/// | masked LM | single tokens | up to three words in a row | as in SpanBERT (4.1) |
/// | activation | GELU | its tanh form | the published code |
/// | dropout in pre-training | 0.1 | none | the largest model did not overfit (4.8) |
/// | dropout after the feed-forward network | 0.1 | never | the transformers library |
/// | vocabulary | WordPiece, 30,522 | Unigram of SentencePiece, 30,000 | as in XLNet (4.1) |
///
/// The word table and its projection have V E + E H numbers in place of V H (embeddings.hpp). ALBERT-base has one block where
/// BERT-base has twelve, which costs 1.5 points on average (4.5); Config::block_of says which block is run (encoder.hpp).
/// It computes as much as a BERT of its width and depth: a shared block runs once for each layer. In backward its gradient is the
/// sum over its runs, which needs no code of its own, since every gradient is added to.
/// ```cpp
/// auto model = bert::load_albert<float, bert::Fast>("folder");
/// ```
#pragma once

#include <filesystem>

#include "bert/body.hpp"
#include "bert/heads/head_list.hpp"
#include "bert/heads/masked_lm.hpp"
#include "bert/heads/multiple_choice.hpp"
#include "bert/heads/question_answering.hpp"
#include "bert/heads/sentence_order.hpp"
#include "bert/heads/sequence_classification.hpp"
#include "bert/heads/token_classification.hpp"
#include "bert/io/families/albert.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/model.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// The heads of ALBERT: BERT's, with sentence order (heads/sentence_order.hpp) in the place of next sentence.
using AlbertHeads = HeadList<MaskedLmHead, SentenceOrderHead, SequenceClassificationHead, MultipleChoiceHead,
                             TokenClassificationHead, QuestionAnsweringHead>;

/// ALBERT: BERT's body, whose configuration shares blocks, with heads of its own.
template <class Real, class Ops = Reference>
using AlbertModel = Model<Real, Ops, BertBody, AlbertHeads>;

/// Loads an ALBERT.
/// @param folder  holds config.json and model.safetensors
/// @param[out] report  what was ignored; nullptr if that isn't wanted
/// @return  the model
/// @throws InputError as load_model
template <class Real, class Ops>
AlbertModel<Real, Ops> load_albert(const std::filesystem::path& folder, LoadReport* report = nullptr)
{
    return load_model<Real, Ops, BertBody, AlbertHeads>(folder, report, albert_family);
}

}  // namespace bert
