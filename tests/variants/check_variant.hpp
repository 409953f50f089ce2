/// @file
/// What tests of variants share: the gradients of a case's model, with dropout, held to central differences.
#pragma once

#include <filesystem>
#include <string>
#include <type_traits>

#include "bert/core/dropout.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/workspace.hpp"
#include "bert/heads/bert_heads.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/model.hpp"
#include "bert/ops/fast.hpp"
#include "bert/training/trainer.hpp"
#include "bert/verify/case.hpp"
#include "bert/verify/gradient_check.hpp"
#include "catch.hpp"
#include "sanitizers.hpp"

namespace variant {

/// Holds every parameter of a case's model to central differences, with dropout at every site that the variant has.
/// @param load  loads the model of a folder
/// @param name  the case
template <class Real, class Ops, template <class, class> class Body, class Heads>
void check_gradients(bert::Model<Real, Ops, Body, Heads> (*load)(const std::filesystem::path&, bert::LoadReport*),
                     const std::string& name)
{
    using AnyModel = bert::Model<Real, Ops, Body, Heads>;
    INFO(name);
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/" + name);
    AnyModel model = load(reference.model_folder(), nullptr);
    if (!model.config.positions_after_padding && !model.config.is_causal)
        model.config.pad_token_id.reset();  // its row would get no gradient from the lookup
    bert::Config config = model.config;
    config.hidden_dropout_prob = 0.2;
    config.attention_probs_dropout_prob = 0.1;
    config.classifier_dropout = 0.3;
    config.question_answering_dropout = config.question_answering_dropout > 0 ? 0.25 : 0.15;
    config.embeddings_dropout_prob = 0.1;
    const bert::Batch& batch = reference.batch();
    bert::Workspace workspace;
    const bert::Pass pass{.config = model.config,
                          .sequences = batch.sequences,
                          .workspace = workspace,
                          .dropout = bert::dropout_of(config, {11, 3})};
    const auto targets = reference.targets<Real, Heads>();
    bert::Counts<Real, Heads> counts;
    model.count(batch, targets, counts);
    typename AnyModel::Activations act;
    const auto loss = [&] {
        model.forward(batch, targets, pass, act);
        return model.loss(batch, targets, counts, {}, act).total;
    };
    CHECK(loss() > 0);
    auto gradient = AnyModel::make(model.config);
    typename AnyModel::Gradients d_act;
    model.loss_backward(batch, targets, counts, {}, act, d_act);
    model.backward(batch, pass, act, gradient, d_act);
    const std::size_t tried = with_sanitizer ? 1 : 6;  // numbers of each parameter
    CHECK(bert::check_gradient(model, gradient, loss, {.most = tried}).message == "");
}

}  // namespace variant
