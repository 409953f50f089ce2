/// @file
/// The hidden states, and the masked-LM head, of a model whose body isn't BERT's: MobileBERT and GPT-2.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <bert/core/finite.hpp>
#include <bert/core/pass.hpp>
#include <bert/core/sequences.hpp>
#include <bert/core/tensor.hpp>
#include <bert/core/workspace.hpp>
#include <bert/io/config.hpp>
#include <bert/io/family.hpp>
#include <bert/io/model_folder.hpp>
#include <bert/model.hpp>
#include <bert/variants.hpp>
#include <bert/variants/packed_gpt2.hpp>
#include <bert/variants/packed_mobilebert.hpp>

#include "sets.hpp"

namespace program {

/// A model of which hidden states and the masked-LM head are known.
template <class Real>
class HiddenStates {
public:
    HiddenStates() = default;
    HiddenStates(const HiddenStates&) = delete;
    HiddenStates& operator=(const HiddenStates&) = delete;
    virtual ~HiddenStates() = default;

    /// Runs the model.
    /// @param batch  T tokens
    /// @throws std::invalid_argument for an id or position outside its table
    virtual void forward(const bert::Batch& batch) = 0;
    /// The hidden states of a layer, of the batch that forward got last.
    /// @param l  0 for the embeddings, l for the result of the l-th block
    /// @return  [T, H]
    virtual const bert::Tensor<Real, 2>& of_layer(std::size_t l) const = 0;
    /// The logits of the masked-LM head, after forward.
    /// @param batch  as in forward
    /// @param rows  the masked positions, ascending
    /// @return  [rows, V]; empty for a model without the head
    virtual bert::Tensor<Real, 2> masked_lm_logits(const bert::Batch& batch, const std::vector<std::size_t>& rows) = 0;
    /// @return  the name of a tensor of the model that is non-finite; empty if there is none
    virtual std::string first_non_finite() const = 0;
};

/// The hidden states of one family.
template <class Real, class Ops, template <class, class> class Body, class Heads>
class HiddenStatesOf final : public HiddenStates<Real> {
public:
    /// @param folder  the model
    /// @param[out] report  what was ignored
    /// @param family  the model's
    /// @throws bert::InputError as bert::load_with_heads
    HiddenStatesOf(const std::filesystem::path& folder, bert::LoadReport& report, const bert::Family& family)
        : model_(bert::load_with_heads<Real, Ops, Body, Heads>(folder, {"masked_lm"}, &report, family))
    {
    }

    void forward(const bert::Batch& batch) override
    {
        model_.body.forward(batch, {model_.config, batch.sequences, workspace_}, act_);
    }
    const bert::Tensor<Real, 2>& of_layer(std::size_t l) const override { return model_.body.hidden_states(l, act_); }
    bert::Tensor<Real, 2> masked_lm_logits(const bert::Batch& batch, const std::vector<std::size_t>& rows) override
    {
        if constexpr (requires { model_.masked_lm; }) {
            if (model_.masked_lm) {
                typename bert::MobileBertMaskedLmHead<Real, Ops>::Activations act;
                model_.masked_lm->forward(model_.body.result(batch, act_), bert::MaskedLmTarget{rows, {}},
                                          {model_.config, batch.sequences, workspace_}, act);
                return act.logits;
            }
        }
        return bert::zeros<Real, 2>({0, 0});
    }
    std::string first_non_finite() const override { return bert::first_non_finite(model_); }

private:
    bert::Model<Real, Ops, Body, Heads> model_;
    typename Body<Real, Ops>::Activations act_;
    bert::Workspace workspace_;
};

/// The last hidden states of one family, with packed weights.
/// @tparam Packed  as bert::PackedGpt2
template <class Real, class Packed>
class LastHiddenStates final : public HiddenStates<Real> {
public:
    /// @param packed  the model
    /// @param folder  where it came from
    /// @param family  the model's
    LastHiddenStates(Packed packed, const std::filesystem::path& folder, const bert::Family& family)
        : packed_(std::move(packed)), folder_(folder), family_(family)
    {
    }

    void forward(const bert::Batch& batch) override { packed_.infer(batch, embeddings_, y_, workspace_); }
    const bert::Tensor<Real, 2>& of_layer(std::size_t) const override { return y_; }
    bert::Tensor<Real, 2> masked_lm_logits(const bert::Batch&, const std::vector<std::size_t>&) override
    {
        return bert::zeros<Real, 2>({0, 0});
    }
    std::string first_non_finite() const override
    {
        return bert::first_non_finite(bert::detail::load_any<typename Packed::Plain>(folder_, nullptr, family_, {{}}));
    }

private:
    Packed packed_;
    std::filesystem::path folder_;
    const bert::Family& family_;
    typename Packed::EmbeddingsScratch embeddings_;
    bert::Tensor<Real, 2> y_;
    bert::Workspace workspace_;
};

/// Loads a model whose body isn't BERT's, for its last hidden states alone, with packed weights.
/// @param folder  the model
/// @param[out] report  what was ignored
/// @param family  the model's
/// @return  the model; nullptr for a family with BERT's body, and for a model that can't be packed
/// @throws bert::InputError as bert::load_with_heads
template <class Real, class Ops>
std::unique_ptr<HiddenStates<Real>> load_last_hidden_states(const std::filesystem::path& folder, bert::LoadReport& report,
                                                            const bert::Family& family)
{
    if constexpr (FastSet<Ops>) {
        const std::vector<std::string> no_heads;
        if (family.model_type == bert::gpt2_family.model_type)
            return std::make_unique<LastHiddenStates<Real, bert::PackedGpt2<Real, Ops>>>(
                bert::load_packed_gpt2<Real, Ops>(folder, &report, no_heads), folder, family);
        if (family.model_type == bert::mobilebert_family.model_type &&
            bert::packs_mobilebert(bert::read_config(folder / "config.json", family)))
            return std::make_unique<LastHiddenStates<Real, bert::PackedMobileBert<Real, Ops>>>(
                bert::load_packed_mobilebert<Real, Ops>(folder, &report, no_heads), folder, family);
    }
    return nullptr;
}

/// Loads a model whose body isn't BERT's.
/// @param folder  the model
/// @param[out] report  what was ignored
/// @param family  the model's
/// @return  the model; nullptr for a family with BERT's body
/// @throws bert::InputError as bert::load_with_heads
template <class Real, class Ops>
std::unique_ptr<HiddenStates<Real>> load_hidden_states(const std::filesystem::path& folder, bert::LoadReport& report,
                                                       const bert::Family& family)
{
    if (family.model_type == bert::mobilebert_family.model_type)
        return std::make_unique<HiddenStatesOf<Real, Ops, bert::MobileBertBody, bert::MobileBertHeads>>(folder, report, family);
    if (family.model_type == bert::gpt2_family.model_type)
        return std::make_unique<HiddenStatesOf<Real, Ops, bert::Gpt2Body, bert::Gpt2Heads>>(folder, report, family);
    return nullptr;
}

}  // namespace program
