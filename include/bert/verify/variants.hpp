/// @file
/// Verifies an implementation with the reference cases of BERT and its variants: finds the model of a case, and names the tensors
/// that only a variant has. (verify/trace.hpp names BERT's.)
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/workspace.hpp"
#include "bert/heads/causal_lm.hpp"
#include "bert/heads/last_token_classification.hpp"
#include "bert/heads/mobilebert_masked_lm.hpp"
#include "bert/heads/on_own_layer.hpp"
#include "bert/heads/sentence_order.hpp"
#include "bert/io/families.hpp"
#include "bert/io/family.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/model.hpp"
#include "bert/variants.hpp"
#include "bert/verify/case.hpp"
#include "bert/verify/named_tensor.hpp"
#include "bert/verify/trace.hpp"

namespace bert {

/// Appends the tensors of a head on a layer of its own: the layer's vectors, then the tensors of BERT's head.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Head, class Layer>
void trace_tensors(const OnOwnLayerActivations<Head, Layer>& act, ForwardTrace& trace)
{
    trace.whole("class.transform", act.layer.y);
    trace_tensors(static_cast<const Head&>(act), trace);
}
/// Appends the tensors of DistilBERT's question answering, which are BERT's.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const DistilBertQuestionAnsweringActivations<Real>& act, ForwardTrace& trace)
{
    trace_tensors(static_cast<const QuestionAnsweringActivations<Real>&>(act), trace);
}
/// Appends the logits of sentence order.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const SentenceOrderActivations<Real>& act, ForwardTrace& trace)
{
    trace.whole("logits.sop", act.logits);
}

/// Appends the tensors of GPT-2's body.
/// @param act  its activations, computed with keep_all
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const Gpt2BodyActivations<Real>& act, ForwardTrace& trace)
{
    trace.rows("embeddings", act.embeddings.y);
    for (std::size_t l = 0; l < act.layer.size(); ++l) {
        const std::string name = "layer." + std::to_string(l) + ".";
        const PreNormBlockActivations<Real>& block = act.layer[l];
        trace.rows(name + "norm1", block.norm1.y);
        trace.rows(name + "query", block.attention.qkv.query);
        trace.rows(name + "key", block.attention.qkv.key);
        trace.rows(name + "value", block.attention.qkv.value);
        trace.pairs(name + "scores", block.attention.heads.scores);
        trace.pairs(name + "probabilities", block.attention.heads.probabilities);
        trace.rows(name + "context", block.attention.heads.context);
        trace.rows(name + "attention", block.attended());
        trace.rows(name + "norm2", block.norm2.y);
        trace.rows(name + "intermediate", block.feed_forward.activated);
        trace.rows(name + "output", block.y());
    }
    trace.rows("final_norm", act.final_norm.y);
}
/// Visits the tensors of GPT-2's body that ReLU is applied to, where a configuration says ReLU: see verify/case.hpp.
/// @param act  activations from forward
/// @param visit  called as visit(name, tensor), with the name of ReLU's result and its pre-activation, [T, I]
template <class Real, class Visit>
void visit_relu_inputs(Gpt2BodyActivations<Real>& act, const Visit& visit)
{
    for (std::size_t l = 0; l < act.layer.size(); ++l)
        visit("layer." + std::to_string(l) + ".intermediate", act.layer[l].feed_forward.pre_activation);
}
/// Appends the logits of the causal language model, if they were computed for all rows.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const CausalLmActivations<Real>& act, ForwardTrace& trace)
{
    if (act.rows.size() == trace.batch.sequences.tokens()) trace.rows("logits.lm", act.logits);  // not for selected rows only
}
/// Appends the logits of GPT-2's classifier of texts.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const LastTokenClassificationActivations<Real>& act, ForwardTrace& trace)
{
    trace_tensors(static_cast<const SequenceClassificationActivations<Real>&>(act), trace);
}

/// Appends the tensors of a block of MobileBERT. Without a bottleneck, its tensors are empty and left out.
/// @param name  prefix, as in `layer.0.`
/// @param act  its activations, computed with keep_all
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const std::string& name, const MobileBertBlockActivations<Real>& act, ForwardTrace& trace)
{
    if (act.input.y().size() > 0) trace.rows(name + "bottleneck.input", act.input.y());
    if (act.shared.y().size() > 0) trace.rows(name + "bottleneck.attention", act.shared.y());
    trace.rows(name + "query", act.attention.qkv.query);
    trace.rows(name + "key", act.attention.qkv.key);
    trace.rows(name + "value", act.attention.qkv.value);
    trace.pairs(name + "scores", act.attention.heads.scores);
    trace.pairs(name + "probabilities", act.attention.heads.probabilities);
    trace.rows(name + "context", act.attention.heads.context);
    trace.rows(name + "attention", act.attention.y());
    for (std::size_t k = 0; k < act.ffn.size(); ++k) {
        trace.rows(name + "ffn." + std::to_string(k) + ".intermediate", act.ffn[k].activated);
        trace.rows(name + "ffn." + std::to_string(k) + ".output", act.ffn[k].y());
    }
    trace.rows(name + "intermediate", act.feed_forward.activated);
    trace.rows(name + "output", act.y());
}
/// Appends the tensors of MobileBERT's body.
/// @param act  its activations, computed with keep_all
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const MobileBertBodyActivations<Real>& act, ForwardTrace& trace)
{
    trace.rows("embeddings", act.embeddings.y);
    for (std::size_t l = 0; l < act.encoder.layer.size(); ++l)
        trace_tensors("layer." + std::to_string(l) + ".", act.encoder.layer[l], trace);
    if (act.pooler.pooled.size() > 0) trace.whole("pooled", act.pooler.pooled);
}
/// Visits the tensors of MobileBERT's body that ReLU is applied to: see verify/case.hpp.
/// @param act  activations from forward
/// @param visit  called as visit(name, tensor), with the name of ReLU's result and its pre-activation, [T, I]
template <class Real, class Visit>
void visit_relu_inputs(MobileBertBodyActivations<Real>& act, const Visit& visit)
{
    for (std::size_t l = 0; l < act.encoder.layer.size(); ++l) {
        MobileBertBlockActivations<Real>& block = act.encoder.layer[l];
        const std::string name = "layer." + std::to_string(l) + ".";
        for (std::size_t k = 0; k < block.ffn.size(); ++k)
            visit(name + "ffn." + std::to_string(k) + ".intermediate", block.ffn[k].pre_activation);
        visit(name + "intermediate", block.feed_forward.pre_activation);
    }
}
/// Appends the tensors of MobileBERT's masked LM, which are BERT's.
/// @param act  what the head computed
/// @param[in,out] trace  the tensors are appended
template <class Real>
void trace_tensors(const MobileBertMaskedLmActivations<Real>& act, ForwardTrace& trace)
{
    trace_tensors(static_cast<const MaskedLmActivations<Real>&>(act), trace);
}

/// Verifies our implementation of BERT or of one of its variants with a case.
/// @param reference  the case
/// @return  a comparison for each expected tensor
/// @throws InputError if a file is broken
template <class Real, class Ops>
CaseReport verify_case_of_family(const ReferenceCase& reference)
{
    const std::filesystem::path& folder = reference.model_folder();
    const Family& family = family_of(folder / "config.json");
    return with_family(family, [&]<template <class, class> class Body, class Heads>() {
        if constexpr (std::is_same_v<Heads, BertHeads>)
            return verify_case<Real, Ops>(reference);
        else
            return verify_model(reference, load_model<Real, Ops, Body, Heads>(folder, nullptr, family), family);
    });
}

/// All forward tensors of a folder's model, of BERT or of one of its variants.
/// @param folder  the model
/// @param[out] report  what was ignored
/// @param batch  the input
/// @param endings  number of sequences of one example, for multiple choice
/// @return  the tensors, in the order of the computation
/// @throws InputError if a file is broken
/// @throws std::invalid_argument for an input that doesn't fit the model
template <class Real, class Ops>
std::vector<NamedTensor> forward_trace_of_family(const std::filesystem::path& folder, LoadReport& report, const Batch& batch,
                                                 std::size_t endings)
{
    const Family& family = family_of(folder / "config.json");
    return with_family(family, [&]<template <class, class> class Body, class Heads>() {
        const auto model = load_model<Real, Ops, Body, Heads>(folder, &report, family);
        ModelActivations<Real, Body, Heads> act;
        Workspace workspace;
        model.forward(batch, {}, {.config = model.config, .sequences = batch.sequences, .workspace = workspace, .keep_all = true},
                      act);
        return forward_trace(model, batch, act, endings);
    });
}

}  // namespace bert
