/// @file
/// MobileBERT: BERT for phones, as deep as BERT-large, and an eighth as wide inside its blocks (Sun et al. 2020). What differs:
///
/// | what | BERT | MobileBERT | why (section of the paper) |
/// | --- | --- | --- | --- |
/// | blocks | as wide as the hidden states, H | narrower, between bottlenecks: `mobilebert_block.hpp`, `mobilebert_bottleneck.hpp` | a small model that keeps the depth and the hidden width of a large one, its teacher (3.1) |
/// | attention | reads the hidden states | query and key from a bottleneck of their own, value from the hidden states: `mobilebert_attention.hpp` | (3.1, figure 1c, table 1) |
/// | feed-forward networks of a block | 1 | 4, each with a residual: `mobilebert_feed_forward.hpp` | keeps the balance of attention and network, which the bottlenecks shift (3.2) |
/// | norm | layer norm | NoNorm, scale and shift alone: `no_norm.hpp` | latency: a layer norm waits for the whole row (3.3) |
/// | activation | GELU | ReLU | latency (3.3) |
/// | embeddings | a table of width H | a table of width E; a token's vector and both neighbours' go through a linear layer: `mobilebert_embeddings.hpp` | the table is a fifth of BERT's parameters (3.4) |
/// | pooler | linear layer and tanh | the first token's hidden state as it is: `mobilebert_pooler.hpp` | the published configuration |
/// | masked-LM decoder | the word table | the word table, and H - E columns beside it: `heads/mobilebert_masked_lm.hpp` | the published code |
/// | training | masked LM, next sentence | feature maps and attention of each block taught by a BERT-large with bottlenecks, before both | (3.5, 3.6) |
/// | dropout | after each sub-layer | none of hidden states in the published model; of attention's probabilities as in BERT | the published configuration |
///
/// It has 25 million parameters, a quarter of BERT-base, and runs 5.5 times as fast on a phone (abstract).
/// ```cpp
/// auto model = bert::load_mobilebert<float, bert::Fast>("folder");
/// ```
#pragma once

#include <filesystem>

#include "bert/heads/head_list.hpp"
#include "bert/heads/mobilebert_masked_lm.hpp"
#include "bert/heads/multiple_choice.hpp"
#include "bert/heads/next_sentence.hpp"
#include "bert/heads/question_answering.hpp"
#include "bert/heads/sequence_classification.hpp"
#include "bert/heads/token_classification.hpp"
#include "bert/io/families/mobilebert.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/model.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/mobilebert_body.hpp"

namespace bert {

/// The heads of MobileBERT: BERT's, with a masked-LM head of its own.
using MobileBertHeads = HeadList<MobileBertMaskedLmHead, NextSentenceHead, SequenceClassificationHead, MultipleChoiceHead,
                                 TokenClassificationHead, QuestionAnsweringHead>;

/// MobileBERT: a body and heads of its own.
template <class Real, class Ops = Reference>
using MobileBertModel = Model<Real, Ops, MobileBertBody, MobileBertHeads>;

/// Loads a MobileBERT.
/// @param folder  holds config.json and model.safetensors
/// @param[out] report  what was ignored; nullptr if that isn't wanted
/// @return  the model
/// @throws InputError as load_model
template <class Real, class Ops>
MobileBertModel<Real, Ops> load_mobilebert(const std::filesystem::path& folder, LoadReport* report = nullptr)
{
    return load_model<Real, Ops, MobileBertBody, MobileBertHeads>(folder, report, mobilebert_family);
}

}  // namespace bert
