/// @file
/// ALBERT: BERT with a tenth of the parameters (Lan et al. 2020). The blocks are BERT's. What differs:
///
/// | what | BERT | ALBERT | why (section of the paper) |
/// | --- | --- | --- | --- |
/// | embeddings | tables of width H | tables of width E, then a projection to H: V E + E H numbers in place of V H | a word's vector needs less room than its meaning in a text (3.1, factorized) |
/// | layers | each has its own block | all run one block, or groups of layers one each: Config::block_of | a twelfth of the parameters, for 1.5 points on average (3.1, 4.4) |
/// | second objective | next sentence | the order of two consecutive texts: `heads/sentence_order.hpp` | next sentence is solved by topic alone (3.1, 4.6) |
/// | masked LM | single tokens | up to three words in a row | (4.1) |
/// | activation, dropout | GELU, 0.1 | its tanh form, none in pre-training | (4.1, 4.8: the largest model did not overfit) |
/// | vocabulary | WordPiece | SentencePiece, 30,000 | (4.1) |
///
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

/// The heads of ALBERT.
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
