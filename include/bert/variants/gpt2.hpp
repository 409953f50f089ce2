/// @file
/// GPT-2: the model that BERT is set against (Radford et al. 2019). What differs:
///
/// | what | BERT | GPT-2 | why (section of the papers) |
/// | --- | --- | --- | --- |
/// | attention | to all tokens | to the token itself and those before it | it must not see what it predicts (2018, 3.1) |
/// | objective | masked LM: 15 % of the tokens, from both sides | every next token, from the left | it writes text (2019, 2) |
/// | layer norms | behind the sums | in front of each sub-layer, and one at the end | as in He et al. 2016 (2019, 2.3) |
/// | activation, epsilon of layer norms | GELU, 1e-12 | its tanh form, 1e-5 | the published code |
/// | embeddings | word + segment + position, normalized | word + position | no pairs of texts; the first block normalizes |
/// | a text's vector | [CLS], the first token | the last token | it alone has seen all |
/// | new weights | sigma | those of the projections in front of a sum: sigma / sqrt(2 layers) | sums of many layers (2019, 2.3) |
/// | vocabulary | WordPiece, 30,522 | byte-level BPE, 50,257 | any text has tokens (2019, 2.2) |
///
/// The configuration's is_causal tells attention where to look. The embeddings are in gpt2_embeddings.hpp, the block in
/// pre_norm_block.hpp, the stack of blocks and the norm at its end in gpt2_body.hpp, the heads of the table in
/// heads/causal_lm.hpp and heads/last_token_classification.hpp. A block has BERT's parameters; published files hold query, key
/// and value as one matrix, and matrices turned (io/families/gpt2.hpp).
/// ```cpp
/// auto model = bert::load_gpt2<float, bert::Fast>("folder");
/// ```
#pragma once

#include <filesystem>

#include "bert/heads/causal_lm.hpp"
#include "bert/heads/head_list.hpp"
#include "bert/heads/last_token_classification.hpp"
#include "bert/heads/question_answering.hpp"
#include "bert/heads/token_classification.hpp"
#include "bert/io/families/gpt2.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/model.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/gpt2_body.hpp"

namespace bert {

/// The heads of GPT-2.
using Gpt2Heads = HeadList<CausalLmHead, LastTokenClassificationHead, TokenClassificationHead, QuestionAnsweringHead>;

/// GPT-2: a body and heads of its own.
template <class Real, class Ops = Reference>
using Gpt2Model = Model<Real, Ops, Gpt2Body, Gpt2Heads>;

/// Loads a GPT-2.
/// @param folder  holds config.json and model.safetensors
/// @param[out] report  what was ignored; nullptr if that isn't wanted
/// @return  the model
/// @throws InputError as load_model
template <class Real, class Ops>
Gpt2Model<Real, Ops> load_gpt2(const std::filesystem::path& folder, LoadReport* report = nullptr)
{
    return load_model<Real, Ops, Gpt2Body, Gpt2Heads>(folder, report, gpt2_family);
}

}  // namespace bert
