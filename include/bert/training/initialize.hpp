/// @file
/// The initial weights of a model: random matrices and tables, biases of 0, layer norms with gamma 1 and beta 0.
///
/// Every number is a pure function of the seed, its tensor and its index in it, so that any number of threads gives the same
/// model, and a float model is the double model, rounded.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <optional>
#include <span>

#include "bert/core/name.hpp"
#include "bert/core/parameter_list.hpp"
#include "bert/core/random.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/model.hpp"

namespace bert {

/// The distribution of matrices and tables. Both have the mean 0; initializer_range is \f$\sigma\f$.
enum class Initialization {
    normal,            ///< the transformers library: normal; the padding token's row of the word table is 0
    truncated_normal,  ///< google-research/bert: normal, redrawn beyond 2 sigma, which leaves 0.88 sigma; no row is 0
};

/// Four numbers of the standard normal distribution, two from each pair of random words.
/// \f[ z_0 = \sqrt{-2 \ln u}\,\cos 2 \pi w,\quad z_1 = \sqrt{-2 \ln u}\,\sin 2 \pi w \f]
/// Symbols: \f$z\f$ `normals`, \f$u, w\f$ `uniform[0]`, `uniform[1]`, uniform between 0 and 1, \f$\sqrt{-2 \ln u}\f$ `radius`,
/// \f$2 \pi w\f$ `angle`.
/// @param words  as returned by random_words
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

/// Fills memory with random numbers of mean 0: x = sigma z, with z of the standard normal distribution; truncated_normal draws z
/// again while |z| > 2.
/// @param initialization  the distribution
/// @param sigma  its standard deviation, before it is truncated
/// @param seed  of the model
/// @param index  of the parameter in its model, so that each has numbers of its own
/// @param[out] numbers  all are written
template <class Real>
void fill_randomly(Initialization initialization, double sigma, std::uint64_t seed, std::uint32_t index, std::span<Real> numbers)
{
    const RandomStream stream{seed, 0, RandomDomain::initialization};
    const Chunks chunks((numbers.size() + 3) / 4, 4096);  // in groups of four numbers
    parallel_for(chunks.count, [&](std::size_t chunk, std::size_t) {
        for (std::size_t group = chunks.begin(chunk); group < chunks.end(chunk); ++group) {
            const auto draw = [&](std::uint32_t attempt) {  // the row of the random words tells attempts apart
                return standard_normals(random_words(stream, index, attempt, static_cast<std::uint32_t>(group)));
            };
            const std::array<double, 4> normals = draw(0);
            for (std::size_t i = 0; i < 4 && 4 * group + i < numbers.size(); ++i) {
                double z = normals[i];
                std::uint32_t attempt = 0;
                while (initialization == Initialization::truncated_normal && std::abs(z) > 2) {
                    ++attempt;
                    z = draw(attempt)[i];
                }
                numbers[4 * group + i] = static_cast<Real>(sigma * z);
            }
        }
    });
}

/// Fills a position table with sines and cosines of wavelengths from 2 pi to 10000 * 2 pi, as the first transformer had it.
/// \f[ P_{p,2i} = \sin(p / 10000^{2i/E}),\quad P_{p,2i+1} = \cos(p / 10000^{2i/E}) \f]
/// Symbols: \f$P\f$ `table`, \f$p / 10000^{2i/E}\f$ `angle`.
/// @param[out] table  [positions, E]
/// @see Vaswani et al. 2017, section 3.5
template <class Real>
void fill_with_sines(Tensor<Real, 2>& table)
{
    const std::size_t E = table.shape(1);
    for (std::size_t p = 0; p < table.shape(0); ++p)
        for (std::size_t e = 0; e < E; ++e) {
            const double angle =
                static_cast<double>(p) / std::pow(10000.0, static_cast<double>(e - e % 2) / static_cast<double>(E));
            table(p, e) = static_cast<Real>(e % 2 == 0 ? std::sin(angle) : std::cos(angle));
        }
}

/// Initializes a model for pre-training: matrices and tables are random, biases and beta 0, gamma 1.
/// @param[in,out] model  of any sizes; it is overwritten; config.initializer_range and config.pad_token_id are read
/// @param seed  a different seed gives a different model
/// @param initialization  the distribution of matrices and tables
/// @see transformers 5.23, modeling_bert.py, _init_weights; google-research/bert, modeling.py, create_initializer
template <class Real, class Ops, template <class, class> class Body, class Heads>
void initialize(Model<Real, Ops, Body, Heads>& model, std::uint64_t seed, Initialization initialization = Initialization::normal)
{
    std::uint32_t index = 0;
    for (const Parameter<Real>& parameter : parameter_list<Real>(model)) {
        switch (parameter.kind) {
            case ParameterKind::scale: std::fill(parameter.values.begin(), parameter.values.end(), Real(1)); break;
            case ParameterKind::shift:
            case ParameterKind::bias: std::fill(parameter.values.begin(), parameter.values.end(), Real(0)); break;
            case ParameterKind::matrix:
            case ParameterKind::table: {
                double sigma = model.config.initializer_range;
                if constexpr (requires { model.body.initial_scale(parameter.name, model.config); })
                    sigma *= model.body.initial_scale(parameter.name, model.config);
                fill_randomly(initialization, sigma, seed, index, parameter.values);
                break;
            }
        }
        ++index;
    }
    if (model.config.sinusoidal_positions)
        if constexpr (requires { model.body.embeddings.position; }) fill_with_sines(model.body.embeddings.position);
    Tensor<Real, 2>& word_table = model.body.word_table();  // [V, H]
    const std::optional<std::size_t> padding = model.config.pad_token_id;
    if (initialization == Initialization::normal && padding && *padding < word_table.shape(0))
        for (std::size_t h = 0; h < word_table.shape(1); ++h)
            word_table(*padding, h) = Real(0);
}

}  // namespace bert
