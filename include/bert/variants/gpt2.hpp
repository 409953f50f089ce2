/// @file
/// GPT-2: the model that BERT is set against (Radford et al. 2019). What differs:
///
/// | what | BERT | GPT-2 | why (section of the papers) |
/// | --- | --- | --- | --- |
/// | attention | to all tokens of the text | to the token itself and those before it: is_causal | so that each position can predict the next token (2018, 3.1) |
/// | objective | masked LM: 15 % of the tokens, seen from both sides | every next token, seen from the left: `heads/causal_lm.hpp` | it writes text (2019, 2) |
/// | layer norms | behind each sub-layer's sum | in front of each sub-layer, and one at the end: `pre_norm_block.hpp` | gradients of deep models (2019, 2.3) |
/// | embeddings | word + segment + position, normalized | word + position | no pairs of texts; the first block normalizes |
/// | a text's vector | [CLS], the first token | the last token: `heads/last_token_classification.hpp` | it alone has seen all |
/// | new weights | sigma | those of the projections in front of a sum: sigma / sqrt(2 layers) | sums of many layers (2019, 2.3) |
/// | vocabulary | WordPiece, 30,522 | byte-level BPE, 50,257 | any text has tokens (2019, 2.2) |
///
/// Its parameters are those of BERT's blocks; published files hold query, key and value as one matrix, and matrices turned
/// (io/families/gpt2.hpp).
/// ```cpp
/// auto model = bert::load_gpt2<float, bert::Fast>("folder");
/// ```
#pragma once

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/body_result.hpp"
#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/heads/causal_lm.hpp"
#include "bert/heads/head_list.hpp"
#include "bert/heads/last_token_classification.hpp"
#include "bert/heads/question_answering.hpp"
#include "bert/heads/token_classification.hpp"
#include "bert/io/families/gpt2.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/model.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/pre_norm_block.hpp"

namespace bert {

/// What Gpt2Embeddings::forward computes.
template <class Real>
struct Gpt2EmbeddingsActivations {
    Tensor<Real, 2> word;      ///< rows of the word table, [T, H]
    Tensor<Real, 2> position;  ///< rows of the position table, [T, H]
    Tensor<Real, 2> sum;       ///< their sum, [T, H]
    Tensor<Real, 2> y;         ///< sum after dropout, [T, H]: the first block's input
};

/// Two tables. (Radford et al. 2018, section 3.1. The padding id's row is one like the others.)
template <class Real, class Ops = Reference>
struct Gpt2Embeddings {
    Tensor<Real, 2> word;      ///< a row for each token id, [V, H]; published as wte.weight
    Tensor<Real, 2> position;  ///< a row for each position, [max_position_embeddings, H]; published as wpe.weight

    /// The parameters with BERT's names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        const Name own = name.at_depth(0);
        visit((own + ".word_embeddings.weight").of(ParameterKind::table), selves.word...);
        visit((own + ".position_embeddings.weight").of(ParameterKind::table), selves.position...);
    }

    /// @param config  sizes
    /// @return  the component, all zeros
    static Gpt2Embeddings make(const Config& config)
    {
        const std::size_t H = config.hidden_size;
        return {zeros<Real, 2>({config.vocab_size, H}), zeros<Real, 2>({config.max_position_embeddings, H})};
    }

    /// Checks a batch before anything is computed.
    /// @param batch  T tokens: ids, positions
    /// @throws std::invalid_argument for an id or position outside its table, and if a shape doesn't fit
    void check(const Batch& batch) const
    {
        const std::size_t T = batch.sequences.tokens();
        require_sequences("embeddings: sequences", batch.sequences, T);
        require_shape("embeddings: ids", batch.ids, {T});
        require_shape("embeddings: positions", batch.positions, {T});
        require_below("embeddings: ids", batch.ids, word.shape(0));
        require_below("embeddings: positions", batch.positions, position.shape(0));
    }

    /// \f[ y_t = \mathrm{dropout}(E_{\mathrm{ids}_t} + P_{\mathrm{positions}_t}) \f]
    /// Symbols: \f$E, P\f$ `word`, `position`, their rows `act.word`, `act.position`, their sum `act.sum`, \f$y\f$ `act.y`.
    /// @param batch  ids and positions, [T] each
    /// @param pass  dropout
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument as check
    void forward(const Batch& batch, const Pass& pass, Gpt2EmbeddingsActivations<Real>& act) const
    {
        check(batch);
        Ops::embedding_lookup(batch.ids, word, act.word);
        Ops::embedding_lookup(batch.positions, position, act.position);
        act.sum = act.word;
        add(act.position, act.sum);
        Ops::dropout(act.sum, pass.at(DropoutSite::embeddings).dropout.place(), act.y);
    }

    /// The gradient of the sum is that of both rows.
    /// \f[ \delta s = m\,\delta y,\quad \delta E_i \mathrel{+}= \sum_{t:\,\mathrm{ids}_t = i} \delta s_t \f]
    /// and likewise for \f$\delta P\f$. Symbols: \f$m\f$ the factors of dropout, \f$\delta s\f$ `d_act.sum`.
    /// @param d_y  [T, H]; may be d_act.y
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param[in,out] d_embeddings  the gradients are added to it
    /// @param[out] d_act  the gradient of sum
    /// @throws std::invalid_argument as check
    void backward(const Tensor<Real, 2>& d_y, const Batch& batch, const Pass& pass, Gpt2Embeddings& d_embeddings,
                  Gpt2EmbeddingsActivations<Real>& d_act) const
    {
        check(batch);
        require_shape("embeddings: d_y", d_y, {batch.sequences.tokens(), word.shape(1)});
        Ops::dropout_backward(d_y, pass.at(DropoutSite::embeddings).dropout.place(), d_act.sum);
        Ops::embedding_lookup_backward(d_act.sum, batch.positions, std::nullopt, d_embeddings.position);
        Ops::embedding_lookup_backward(d_act.sum, batch.ids, std::nullopt, d_embeddings.word);
    }
};

/// What Gpt2Body::forward computes.
template <class Real>
struct Gpt2BodyActivations {
    Gpt2EmbeddingsActivations<Real> embeddings;        ///< embeddings.y is the first block's input
    std::vector<PreNormBlockActivations<Real>> layer;  ///< activations of each block
    LayerNormActivations<Real> final_norm;             ///< of the last block's result; its y is what heads read, [T, H]
    Tensor<Real, 2> pooled;                            ///< stays empty: there is no pooler
};

/// What Gpt2Body::backward computes besides the gradients of the parameters.
template <class Real>
struct Gpt2BodyGradients {
    Gpt2EmbeddingsActivations<Real> embeddings;  ///< gradients of its tensors
    struct {
        PreNormBlockActivations<Real> block;  ///< gradients of one block's tensors; reused for every block
        std::vector<Tensor<Real, 2>> y;       ///< with keep_all: gradient of each block's result, [T, H] each
    } encoder;                                ///< of the blocks
    Tensor<Real, 2> hidden;                   ///< gradient of the final norm's result, [T, H]; heads add to it
    Tensor<Real, 2> pooled;                   ///< stays empty
};

/// Embeddings, a stack of blocks, and a layer norm. (Radford et al. 2019, section 2.3.)
template <class Real, class Ops = Reference>
struct Gpt2Body {
    Gpt2Embeddings<Real, Ops> embeddings;        ///< published as wte and wpe
    std::vector<PreNormBlock<Real, Ops>> layer;  ///< published as h.0, h.1, ...
    LayerNorm<Real> final_norm;                  ///< [H] each; published as ln_f

    using Activations = Gpt2BodyActivations<Real>;  ///< what forward computes
    using Gradients = Gpt2BodyGradients<Real>;      ///< what backward computes besides the parameters' gradients

    /// The parameters with BERT's names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, usually `bert.` or empty
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if their numbers of layers differ
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        const bool differ = ((first.layer.size() != selves.layer.size()) || ...);  // true if any of selves differs from first
        if (differ) throw std::invalid_argument("gpt2: expected instances with equally many layers");
        Gpt2Embeddings<Real, Ops>::parameters(visit, name + "embeddings", first.embeddings, selves.embeddings...);
        for (std::size_t l = 0; l < first.layer.size(); ++l)
            PreNormBlock<Real, Ops>::parameters(visit, (name + "encoder.layer." + l).at_depth(l + 1), first.layer[l],
                                                selves.layer[l]...);
        LayerNorm<Real>::parameters(visit, name + "final_norm", first.final_norm, selves.final_norm...);
    }

    /// Makes the body of a configuration.
    /// @param config  sizes
    /// @param has_pooler  false: there is none
    /// @return  the body, all zeros
    /// @throws std::invalid_argument for a pooler
    static Gpt2Body make(const Config& config, bool has_pooler)
    {
        if (has_pooler) throw std::invalid_argument("gpt2: has_pooler: expected false, got true");
        Gpt2Body body{Gpt2Embeddings<Real, Ops>::make(config), {}, make_layer_norm<Real>(config.hidden_size)};
        for (std::size_t l = 0; l < config.num_hidden_layers; ++l)
            body.layer.push_back(PreNormBlock<Real, Ops>::make(config));
        return body;
    }

    /// The standard deviation of new weights, as a multiple of initializer_range: that of the projections whose results are added
    /// up over the layers falls with their number.
    /// @param name  of a parameter
    /// @param config  number of layers
    /// @return  1 / sqrt(2 layers) for the two projections of a block, 1 for all others
    static double initial_scale(const std::string& name, const Config& config)
    {
        return name.ends_with("output.dense.weight") ? 1 / std::sqrt(2 * static_cast<double>(config.num_hidden_layers)) : 1;
    }

    /// @return  the embeddings' word table, [V, H]
    Tensor<Real, 2>& word_table() { return embeddings.word; }
    /// @copydoc word_table()
    const Tensor<Real, 2>& word_table() const { return embeddings.word; }

    /// Checks a batch before anything is computed.
    /// @param batch  T tokens in B sequences
    /// @throws std::invalid_argument for an id or position outside its table
    void check(const Batch& batch, const Config&) const { embeddings.check(batch); }

    /// There is no pooler that would read rows.
    void read_rows(const Batch&, std::vector<std::size_t>&) const {}

    /// Runs the embeddings, the blocks, and the final norm.
    /// \f[ x_0 = \mathrm{Embeddings}(\mathrm{batch}),\quad x_{l+1} = \mathrm{PreNormBlock}_l(x_l),\quad
    ///     y = \mathrm{LayerNorm}(x_{\mathrm{layers}}) \f]
    /// Symbols: \f$x_l\f$ `input(l, act)`, \f$y\f$ `act.final_norm.y`.
    /// @param batch  T tokens in B sequences
    /// @param pass  configuration, dropout, keep_all
    /// @param[out] act  every tensor
    /// @throws std::invalid_argument as check
    void forward(const Batch& batch, const Pass& pass, Activations& act) const
    {
        embeddings.forward(batch, pass, act.embeddings);
        act.layer.resize(layer.size());
        for (std::size_t l = 0; l < layer.size(); ++l)
            layer[l].forward(input(l, act), pass.in_layer(l), act.layer[l]);
        Ops::layer_norm(input(layer.size(), act), final_norm, Real(pass.config.layer_norm_eps), act.final_norm);
    }

    /// What heads read of the body.
    /// @param batch  as in forward
    /// @param act  what forward computed
    /// @return  references into batch, act and this body
    BodyResult<Real> result(const Batch& batch, const Activations& act) const
    {
        return {batch, act.final_norm.y, act.pooled, embeddings.word};
    }

    /// Zeroes the gradients that heads add to.
    /// @param batch  as in forward
    /// @param[in,out] d_body  heads also add to its word table, which is not zeroed here
    /// @param[out] d_act  hidden becomes zeros
    /// @return  references to them
    BodyResultGradients<Real> clear_result_gradients(const Batch& batch, Gpt2Body& d_body, Gradients& d_act) const
    {
        d_act.hidden.resize({batch.sequences.tokens(), embeddings.word.shape(1)});
        d_act.hidden.fill(Real(0));
        return {d_act.hidden, d_act.pooled, d_body.embeddings.word};
    }

    /// The steps of forward in reverse order; a prime is a component's backward.
    /// \f[ \delta x_{\mathrm{layers}} = \mathrm{LayerNorm}'(\delta y),\quad \delta x_l = \mathrm{PreNormBlock}_l'(\delta x_{l+1}) \f]
    /// Symbols: \f$\delta y\f$ `d_act.hidden`, \f$\delta x\f$ `d_x`, which each block overwrites.
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_body  the gradients are added to it
    /// @param[in,out] d_act  the gradient of hidden, added up by heads, is read; the others are written
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Batch& batch, const Pass& pass, const Activations& act, Gpt2Body& d_body, Gradients& d_act) const
    {
        Tensor<Real, 2>& d_x = d_act.embeddings.y;  // [T, H]; in the end, that of the embeddings
        Ops::layer_norm_backward(d_act.hidden, final_norm, act.final_norm, d_body.final_norm, d_x);
        d_act.encoder.y.resize(pass.keep_all ? layer.size() : 0);
        for (std::size_t l = layer.size(); l-- > 0;) {
            if (pass.keep_all) d_act.encoder.y[l] = d_x;
            layer[l].backward(d_x, input(l, act), pass.in_layer(l), act.layer[l], d_body.layer[l], d_act.encoder.block, d_x);
        }
        embeddings.backward(d_x, batch, pass, d_body.embeddings, d_act.embeddings);
    }

    /// The hidden states of a layer, as the transformers library counts them: the last ones are those after the final norm.
    /// @param l  0 for the embeddings, l for the result of the l-th block
    /// @param act  what forward computed
    /// @return  [T, H]
    const Tensor<Real, 2>& hidden_states(std::size_t l, const Activations& act) const
    {
        return l == layer.size() ? act.final_norm.y : input(l, act);
    }

    /// The input of a block: the embeddings, or the previous block's result.
    /// @param l  the block, from 0; the number of blocks gives the final norm's input
    /// @param act  what forward computed, up to that block
    /// @return  [T, H]
    static const Tensor<Real, 2>& input(std::size_t l, const Activations& act)
    {
        return l == 0 ? act.embeddings.y : act.layer[l - 1].y();
    }
};

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
