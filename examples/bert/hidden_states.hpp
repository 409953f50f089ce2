/// @file
/// The hidden states of a model whose body isn't BERT's: MobileBERT and GPT-2.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <bert/core/finite.hpp>
#include <bert/core/pass.hpp>
#include <bert/core/sequences.hpp>
#include <bert/core/tensor.hpp>
#include <bert/core/workspace.hpp>
#include <bert/io/family.hpp>
#include <bert/io/model_folder.hpp>
#include <bert/model.hpp>
#include <bert/variants.hpp>

namespace program {

/// A model of which only hidden states are known.
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
    /// @throws bert::InputError as bert::load_body
    HiddenStatesOf(const std::filesystem::path& folder, bert::LoadReport& report, const bert::Family& family)
        : model_(bert::load_body<Real, Ops, Body, Heads>(folder, &report, family))
    {
    }

    void forward(const bert::Batch& batch) override
    {
        model_.body.forward(batch, {model_.config, batch.sequences, workspace_}, act_);
    }
    const bert::Tensor<Real, 2>& of_layer(std::size_t l) const override { return model_.body.hidden_states(l, act_); }
    std::string first_non_finite() const override { return bert::first_non_finite(model_); }

private:
    bert::Model<Real, Ops, Body, Heads> model_;
    typename Body<Real, Ops>::Activations act_;
    bert::Workspace workspace_;
};

/// Loads a model whose body isn't BERT's.
/// @param folder  the model
/// @param[out] report  what was ignored
/// @param family  the model's
/// @return  the model; nullptr for a family with BERT's body
/// @throws bert::InputError as bert::load_body
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
