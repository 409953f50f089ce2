/// @file
/// Texts to vectors, for the commands that compare or show them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <bert/core/sequences.hpp>
#include <bert/core/tensor.hpp>
#include <bert/core/workspace.hpp>
#include <bert/model.hpp>
#include <bert/packed_encoder.hpp>
#include <bert/tokenizer.hpp>

#include "input.hpp"
#include "options.hpp"
#include "sets.hpp"

namespace program {

/// How many texts go through the model together.
inline constexpr std::size_t texts_together = 32;

/// A model, its tokenizer, and what is to be made of texts.
template <class Real, class Ops>
class Vectorizer {
public:
    /// Loads the model.
    /// @param common  --model, --quiet
    /// @param options  pooling, layers, length
    /// @throws bert::InputError for a file that is missing or broken, and for options that the model doesn't fit
    Vectorizer(const CommonOptions& common, const VectorOptions& options);

    /// @return  the model's tokenizer
    const bert::Tokenizer& tokenizer() const { return tokenizer_; }

    /// Packs texts for the model.
    /// @param texts  B texts
    /// @return  the batch
    /// @throws bert::InputError for a text that is too long
    bert::Batch batch_of(const std::vector<Text>& texts) const;

    /// The vectors of texts, or of their tokens, as the options say.
    /// @param batch  B texts, T tokens
    /// @return  [B, W] or [T, W]
    bert::Tensor<Real, 2> vectors_of(const bert::Batch& batch);

    /// Numbers in a vector.
    /// @return  W: H, or 4 H for concat4
    std::size_t width() const;

private:
    bert::Tensor<Real, 2> of_tokens(const bert::Batch& batch);
    void load(const CommonOptions& common);

    VectorOptions options_;
    bert::Tokenizer tokenizer_;
    bert::Model<Real, Ops> model_;  ///< without the encoder's blocks if they are packed
    std::optional<bert::PackedEncoder<Real, typename PackedFor<Ops>::InstructionSet>>
        packed_;  ///< the encoder's weights, if nothing but its result is wanted
    bert::ModelActivations<Real> activations_;
    bert::Workspace workspace_;
};

extern template class Vectorizer<float, bert::Fast>;
extern template class Vectorizer<float, bert::FastBf16>;
extern template class Vectorizer<double, bert::Fast>;
extern template class Vectorizer<float, bert::Reference>;
extern template class Vectorizer<double, bert::Reference>;
extern template class Vectorizer<long double, bert::Reference>;

}  // namespace program
