/// @file
/// The weights of a fresh model: random matrices and tables, biases of 0, layer norms that change nothing.
///
/// Every number is a pure function of the seed, its tensor and its place in it, so that any number of threads makes the same
/// model, and float the model of double, rounded.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <optional>
#include <string>
#include <type_traits>

#include "bert/core/random.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/model.hpp"

namespace bert {

/// From which distribution matrices and tables are drawn. Both have the mean 0; initializer_range is \f$\sigma\f$.
enum class Initialization {
    normal,            ///< the transformers library: normal; the padding token's row of the word table is 0
    truncated_normal,  ///< google-research/bert: normal, drawn again beyond 2 sigma, so that 0.88 sigma is left; no row is 0
};

/// Four numbers of the standard normal distribution, two from each pair of random words.
/// \f[ z_0 = \sqrt{-2 \ln u}\,\cos 2 \pi w,\quad z_1 = \sqrt{-2 \ln u}\,\sin 2 \pi w \f]
/// Symbols: \f$u, w\f$ `uniform[0]`, `uniform[1]`, uniform between 0 and 1, \f$\sqrt{-2 \ln u}\f$ `radius`.
/// @param words  as random_words makes them
/// @return  independent numbers of mean 0 and variance 1
/// @see Box and Muller 1958
inline std::array<double, 4> standard_normals(const std::array<std::uint32_t, 4>& words)
{
    std::array<double, 4> normals;
    for (std::size_t pair = 0; pair < 4; pair += 2) {
        // The middle of each of the 2^32 intervals between 0 and 1: never 0 itself, whose logarithm is infinite.
        const double uniform[2] = {(words[pair] + 0.5) * 0x1p-32, (words[pair + 1] + 0.5) * 0x1p-32};
        const double radius = std::sqrt(-2 * std::log(uniform[0])), angle = 2 * std::numbers::pi * uniform[1];
        normals[pair] = radius * std::cos(angle);
        normals[pair + 1] = radius * std::sin(angle);
    }
    return normals;
}

/// Fills a tensor with random numbers of mean 0.
/// @param initialization  the distribution
/// @param sigma  its standard deviation, before it is truncated
/// @param seed  of the model
/// @param index  of the tensor in its model, so that no two tensors are alike
/// @param[out] tensor  every number is written
template <class Real, std::size_t rank>
void fill_randomly(Initialization initialization, double sigma, std::uint64_t seed, std::uint32_t index,
                   Tensor<Real, rank>& tensor)
{
    const RandomStream stream{seed, 0, RandomDomain::initialization};
    const Pieces pieces((tensor.size() + 3) / 4, 4096);  // of four numbers each
    parallel_for(pieces.count, [&](std::size_t piece, std::size_t) {
        for (std::size_t block = pieces.begin(piece); block < pieces.end(piece); ++block) {
            const auto draw = [&](std::uint32_t attempt) {
                return standard_normals(random_words(stream, index, attempt, static_cast<std::uint32_t>(block)));
            };
            std::array<double, 4> normals = draw(0);
            for (std::size_t i = 0; i < 4 && 4 * block + i < tensor.size(); ++i) {
                for (std::uint32_t attempt = 1; initialization == Initialization::truncated_normal && std::abs(normals[i]) > 2;
                     ++attempt)
                    normals[i] = draw(attempt)[i];
                tensor.data()[4 * block + i] = static_cast<Real>(sigma * normals[i]);
            }
        }
    });
}

/// Gives every parameter of a model the number that it begins pre-training with: matrices and tables random, biases 0, gamma 1.
/// @param[in,out] model  of any sizes; whatever it held is overwritten; config.initializer_range and config.pad_token_id are read
/// @param seed  another one gives another model
/// @param initialization  the distribution of matrices and tables
/// @see transformers 5.23, modeling_bert.py, _init_weights; google-research/bert, modeling.py, create_initializer
template <class Real, class Ops>
void initialize(Model<Real, Ops>& model, std::uint64_t seed, Initialization initialization = Initialization::normal)
{
    std::uint32_t index = 0;
    Model<Real, Ops>::parameters(
        [&](const std::string& name, auto& tensor) {
            constexpr bool is_vector = std::is_same_v<std::decay_t<decltype(tensor)>, Tensor<Real, 1>>;
            if constexpr (is_vector)  // a bias, or of a layer norm beta or gamma, published as weight
                tensor.fill(name.ends_with(".weight") ? Real(1) : Real(0));
            else
                fill_randomly(initialization, model.config.initializer_range, seed, index, tensor);
            ++index;
        },
        "", model);
    Tensor<Real, 2>& words = model.embeddings.word;
    const std::optional<std::size_t> padding = model.config.pad_token_id;
    if (initialization == Initialization::normal && padding && *padding < words.shape(0))
        for (std::size_t h = 0; h < words.shape(1); ++h)
            words(*padding, h) = Real(0);
}

}  // namespace bert
