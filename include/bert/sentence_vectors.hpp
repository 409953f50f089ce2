/// @file
/// From hidden states to one vector for each text: which layers are taken, how a text's tokens are combined, and the length.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/embeddings.hpp"
#include "bert/encoder.hpp"
#include "bert/inference.hpp"
#include "bert/model.hpp"
#include "bert/pooler.hpp"
#include "bert/text/truncation.hpp"

namespace bert {

/// How the vectors of a text's tokens are combined into one vector. (Reimers and Gurevych 2019, section 3, compare the first
/// three.)
enum class Pooling {
    mean,           ///< their mean, special tokens included, as in most sentence encoders
    cls,            ///< the first token's vector
    max,            ///< the maximum of each column; NaN if one of its numbers is NaN
    mean_sqrt_len,  ///< their sum divided by the square root of their number
    weightedmean,   ///< their mean, the first with the weight 1, the second 2, and so on
    lasttoken,      ///< the last token's vector
    pooler,         ///< the model's pooler, which is trained on next-sentence prediction: not a general-purpose sentence vector
};

/// Which of the encoder's layers the vectors are taken from. (Devlin et al. 2019, section 5.3, uses the last four side by side,
/// and weighted sums; the sum here has no weights.)
enum class Layers {
    one,      ///< a single layer
    sum4,     ///< the sum of the last four
    concat4,  ///< the last four side by side, [T, 4 H]
};

/// Options of token_vectors and Pretrained::encode.
struct VectorOptions {
    std::vector<Pooling> pooling = {};                ///< from token vectors to a text's vector, side by side if several; if
                                                      ///< empty, as the folder says, or the mean
    Layers layers = Layers::one;                      ///< which layers
    std::optional<std::size_t> layer = std::nullopt;  ///< for Layers::one: 0 the embeddings, l the l-th block; if empty, the last
    std::optional<bool> normalize = std::nullopt;     ///< whether vectors are scaled to length 1; if empty, as the folder says
    Truncation truncation = Truncation::none;  ///< of a text that is too long; with none, it is an error, unless the folder
                                               ///< says how long texts are
    std::size_t max_length = 0;                ///< most tokens of a text; if 0, as the folder says, or the model's positions
    std::optional<std::string> prompt = std::nullopt;  ///< put in front of each text; if empty, as the folder says
};

/// Scratch memory of token_vectors, reused between batches.
template <class Real>
struct VectorScratch {
    EmbeddingsActivations<Real> embeddings;  ///< activations of the embeddings
    InferenceActivations<Real> blocks;       ///< activations of two blocks, used alternately
    PoolerActivations<Real> pooler;          ///< activations of the pooler
    Workspace workspace;                     ///< scratch memory of the operations
};

/// Adds the hidden states of a layer to the sum of the last four, or puts them beside the others.
/// @param x  hidden states, [T, H]
/// @param l  their layer: 0 the embeddings, l the l-th block; nothing happens before the last four
/// @param N  number of layers
/// @param layers  sum4 or concat4
/// @param[in,out] of_four  [T, H] or [T, 4 H], zeros at first
/// @throws std::invalid_argument if of_four has another shape
template <class Real>
void add_to_last_four(const Tensor<Real, 2>& x, std::size_t l, std::size_t N, Layers layers, Tensor<Real, 2>& of_four)
{
    const std::size_t T = x.shape(0), H = x.shape(1);
    const bool side_by_side = layers == Layers::concat4;
    require_shape("layers: of_four", of_four, {T, side_by_side ? 4 * H : H});
    if (l + 3 < N) return;
    const std::size_t first_column = side_by_side ? (l + 3 - N) * H : 0;
    for (std::size_t t = 0; t < T; ++t)
        for (std::size_t h = 0; h < H; ++h)
            of_four(t, first_column + h) += x(t, h);
}

/// The vectors of a batch's tokens: hidden states of one layer, or of the last four of N.
/// \f[ y_t = x_{l,t},\quad y_t = \sum_{l=N-3}^{N} x_{l,t},\quad y_t = (x_{N-3,t}, \dots, x_{N,t}) \f]
/// Symbols: \f$x_0\f$ the embeddings, \f$x_l\f$ the result of the l-th block, \f$y\f$ `of_four`, or what infer returns.
/// @param model  the model
/// @param batch  T tokens
/// @param options  layers and layer
/// @param scratch  memory, reused between calls
/// @return  [T, H], or [T, 4 H]
/// @throws std::invalid_argument for a layer that the model doesn't have, or one beside sum4 or concat4
template <class Real, class Ops>
Tensor<Real, 2> token_vectors(const Model<Real, Ops>& model, const Batch& batch, const VectorOptions& options,
                              VectorScratch<Real>& scratch)
{
    const Encoder<Real, Ops>& encoder = model.body.encoder;
    const std::size_t N = encoder.runs(model.config), T = batch.sequences.tokens(), H = model.config.hidden_size;
    if (options.layers != Layers::one && N < 4)
        throw std::invalid_argument("layers: expected a model with at least 4 layers, got " + std::to_string(N));
    if (options.layers != Layers::one && options.layer)
        throw std::invalid_argument("layer: expected none beside the last four, got " + std::to_string(*options.layer));
    if (options.layer.value_or(0) > N)
        throw std::invalid_argument("layer: expected 0 to " + std::to_string(N) + ", got " + std::to_string(*options.layer));
    const Pass pass{model.config, batch.sequences, scratch.workspace};
    model.body.embeddings.forward(batch, pass, scratch.embeddings);
    const Tensor<Real, 2>& x_0 = scratch.embeddings.y;  // [T, H]
    if (options.layers == Layers::one)
        return infer(encoder, x_0, pass, options.layer.value_or(N), scratch.blocks, [](std::size_t, const Tensor<Real, 2>&) {});

    auto of_four = zeros<Real, 2>({T, options.layers == Layers::concat4 ? 4 * H : H});
    infer(encoder, x_0, pass, N, scratch.blocks, [&](std::size_t block, const Tensor<Real, 2>& x) {
        add_to_last_four(x, block + 1, N, options.layers, of_four);  // blocks are counted from 0, but x_0 is the embeddings
    });
    return of_four;
}

/// Combines token vectors into one vector for each text.
/// \f[ \mathrm{mean}_w = \frac1n \sum_t v_{tw},\quad \mathrm{cls}_w = v_{sw},\quad \mathrm{max}_w = \max_t v_{tw},\quad
///     \mathrm{mean\_sqrt\_len}_w = \frac1{\sqrt n} \sum_t v_{tw},\quad
///     \mathrm{weightedmean}_w = \frac{\sum_t (t+1)\, v_{tw}}{\sum_t (t+1)},\quad \mathrm{lasttoken}_w = v_{s+n-1,w} \f]
/// over a text's n tokens from the s-th on. Symbols: \f$v\f$ `vectors`, \f$s\f$ `skipped`, \f$t+1\f$ `weight`, the result
/// `pooled`.
/// @param vectors  of the texts' tokens, [T, W]; W is H, or 4 H for Layers::concat4
/// @param sequences  where each text begins; none is empty
/// @param pooling  any but pooler
/// @param skipped  number of tokens at the beginning of each text that are left out, those of a prompt
/// @return  [B, W]
/// @throws std::invalid_argument if vectors is not [T, W], for a sequence without a token that isn't left out, and for
///     Pooling::pooler, which needs a model
template <class Real>
Tensor<Real, 2> pool(const Tensor<Real, 2>& vectors, const Sequences& sequences, Pooling pooling, std::size_t skipped = 0)
{
    const std::size_t B = sequences.count(), W = vectors.shape(1);
    require_shape("pool: vectors", vectors, {sequences.tokens(), W});
    if (pooling == Pooling::pooler) throw std::invalid_argument("pool: pooling: expected one without a model, got pooler");
    Tensor<Real, 2> pooled;  // [B, W]
    pooled.resize({B, W});
    for (std::size_t b = 0; b < B; ++b) {
        if (sequences.length(b) <= skipped)
            throw std::invalid_argument("pool: sequence " + std::to_string(b) + ": expected a token" +
                                        (skipped > 0 ? " after the prompt" : "") + ", got none");
        const std::size_t first_row = sequences.begin[b] + skipped, n = sequences.length(b) - skipped;
        const auto weight = [&](std::size_t i) { return pooling == Pooling::weightedmean ? Real(skipped + i + 1) : Real(1); };
        const std::size_t row = pooling == Pooling::lasttoken ? first_row + n - 1 : first_row;
        Real weights = weight(0);
        for (std::size_t w = 0; w < W; ++w)
            pooled(b, w) = vectors(row, w) * weights;
        if (pooling == Pooling::cls || pooling == Pooling::lasttoken) continue;
        for (std::size_t i = 1; i < n; ++i) {
            weights += weight(i);
            for (std::size_t w = 0; w < W; ++w) {
                const Real value = vectors(first_row + i, w) * weight(i);
                if (pooling != Pooling::max)
                    pooled(b, w) += value;
                else if (value > pooled(b, w) || std::isnan(value))  // std::max would pass over a NaN
                    pooled(b, w) = value;
            }
        }
        if (pooling == Pooling::max) continue;
        const Real divisor = pooling == Pooling::mean_sqrt_len ? std::sqrt(weights) : weights;
        for (std::size_t w = 0; w < W; ++w)
            pooled(b, w) /= divisor;
    }
    return pooled;
}

/// Scales each row to length 1; a row of zeros stays unchanged, one whose sum of squares isn't finite becomes NaN.
/// \f[ y_{bw} = x_{bw} \Big/ \Big(\sum_w x_{bw}^2\Big)^{1/2} \f]
/// Symbols: the length `length`, both x and y `rows`.
/// @param[in,out] rows  [B, W]
template <class Real>
void normalize_rows(Tensor<Real, 2>& rows)
{
    for (std::size_t b = 0; b < rows.shape(0); ++b) {
        Real squares = 0;
        for (std::size_t w = 0; w < rows.shape(1); ++w)
            squares += rows(b, w) * rows(b, w);
        if (squares == 0) continue;
        // Division by an infinite length would give zeros, which look like a result.
        const Real length = std::isfinite(squares) ? std::sqrt(squares) : std::numeric_limits<Real>::quiet_NaN();
        for (std::size_t w = 0; w < rows.shape(1); ++w)
            rows(b, w) /= length;
    }
}

}  // namespace bert
