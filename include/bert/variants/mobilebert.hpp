/// @file
/// MobileBERT: BERT for phones, as deep as BERT-large, and an eighth as wide inside its blocks (Sun et al. 2020). What differs,
/// with the section of the paper that says why:
///
/// | what | BERT | MobileBERT | why |
/// | --- | --- | --- | --- |
/// | blocks | H wide | N wide, between bottlenecks: `mobilebert_block.hpp` | depth and H of a large teacher (3.1) |
/// | attention | reads the hidden states | query and key read a bottleneck: `mobilebert_attention.hpp` | (3.1, table 1) |
/// | networks of a block | 1 | 4, each with a residual: `mobilebert_feed_forward.hpp` | balance with attention (3.2) |
/// | norm | layer norm | NoNorm, scale and shift alone: `no_norm.hpp` | latency: a layer norm waits for the whole row (3.3) |
/// | activation | GELU | ReLU | latency (3.3) |
/// | word table | H wide | E wide, three words a token: `mobilebert_embeddings.hpp` | a fifth of BERT-base (3.4) |
/// | pooler | linear layer and tanh | the first hidden state as it is: `mobilebert_pooler.hpp` | the published configuration |
/// | decoder | the word table | the same, and H - E columns: `heads/mobilebert_masked_lm.hpp` | the published code |
/// | training | masked LM, next sentence | before both, a BERT-large with bottlenecks teaches each block | (3.5, 3.6) |
/// | dropout | of hidden states and probabilities | of probabilities alone | the published configuration |
///
/// The published sizes are H = 512, N = 128, E = 128, 24 blocks and 4 heads. The body has 25 million parameters, a quarter of
/// BERT-base, and runs 5.5 times as fast on a phone (abstract).
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
/// @tparam Real  the scalar
/// @tparam Ops  the set of operations
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
