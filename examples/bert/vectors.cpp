#include "vectors.hpp"

#include <cstdint>
#include <filesystem>
#include <utility>

#include <bert/core/error.hpp>
#include <bert/core/finite.hpp>
#include <bert/io/config.hpp>
#include <bert/io/packed_folder.hpp>

#include "little_work.hpp"

namespace program {

template <class Real, class Ops>
Vectorizer<Real, Ops>::Vectorizer(const CommonOptions& common, const VectorOptions& options)
    : options_(options), folder_(model_folder(common)), tokenizer_(bert::load_tokenizer(folder_))
{
    const bert::Config config = bert::read_config(folder_ / "config.json");
    const std::size_t layers = config.num_hidden_layers, positions = config.max_position_embeddings;
    if (options_.layer && *options_.layer > layers)
        bert::fail_input("--layer", "expected 0 to " + std::to_string(layers) + ", got " + std::to_string(*options_.layer));
    if (options_.layers != bert::Layers::one && layers < 4)
        bert::fail_input("--layers", "expected a model with at least 4 layers, got one of " + std::to_string(layers));
    if (options_.max_length > positions)
        bert::fail_input("--max-length", "expected at most the model's " + std::to_string(positions) + " positions, got " +
                                             std::to_string(options_.max_length));
    if (options_.max_length == 0) options_.max_length = positions;
    if (options_.layer == layers) options_.layer.reset();  // empty means the last layer
    if (options_.pooling == bert::Pooling::pooler && (options_.layers != bert::Layers::one || options_.layer))
        bert::fail_input("--pooling", "expected mean, cls, max or none beside --layer or --layers, got pooler");
    {
        const LittleWork threads(config, loading_takes);
        load(common);
    }
    if (options_.pooling == bert::Pooling::pooler && !model_.body.pooler)
        bert::fail_input("--pooling",
                         "expected mean, cls, max or none for a " + config.architecture + ", which has no pooler, got pooler");
}

template <class Real, class Ops>
void Vectorizer<Real, Ops>::load(const CommonOptions& common)
{
    bert::LoadReport report;
    const bool only_last = options_.layers == bert::Layers::one && !options_.layer;
    if constexpr (FastSet<Ops>) {
        if (only_last) {
            auto packed = bert::load_packed<Real, Ops>(folder_, &report);
            model_ = std::move(packed.model);
            packed_ = std::move(packed.encoder);
        }
    }
    if (!packed_) model_ = bert::load_model<Real, Ops>(folder_, &report);
    warn_of_ignored(common, report);
}

template <class Real, class Ops>
bert::Batch Vectorizer<Real, Ops>::batch_of(const std::vector<Text>& texts) const
{
    return program::batch_of(tokenizer_, model_.config, texts, options_.truncation, options_.max_length);
}

template <class Real, class Ops>
bert::Tensor<Real, 2> Vectorizer<Real, Ops>::of_tokens(const bert::Batch& batch)
{
    if constexpr (FastSet<Ops>) {
        if (packed_) {
            const bert::Pass pass{model_.config, batch.sequences, scratch_.workspace};
            model_.body.embeddings.forward(batch, pass, scratch_.embeddings);
            bert::Tensor<Real, 2> vectors;
            packed_->forward(scratch_.embeddings.y, batch.sequences, vectors, scratch_.workspace);
            return vectors;
        }
    }
    const bert::VectorOptions layers{.layers = options_.layers, .layer = options_.layer};
    return bert::token_vectors(model_, batch, layers, scratch_);
}

template <class Real, class Ops>
bert::Tensor<Real, 2> Vectorizer<Real, Ops>::vectors_of(const std::vector<Text>& texts, const bert::Batch& batch)
{
    const LittleWork threads(model_.config, batch.sequences.tokens());
    bert::Tensor<Real, 2> vectors = of_tokens(batch);
    if (options_.pooling == bert::Pooling::pooler) {
        model_.body.pooler->forward(vectors, batch, {model_.config, batch.sequences, scratch_.workspace}, scratch_.pooler);
        vectors = scratch_.pooler.pooled;
    } else if (options_.pooling) {
        vectors = bert::pool(vectors, batch.sequences, *options_.pooling);
    }
    if (options_.normalize) bert::normalize_rows(vectors);
    const std::size_t W = vectors.shape(1);
    for (std::size_t b = 0; b < texts.size(); ++b) {
        const std::size_t first = options_.pooling ? b : batch.sequences.begin[b];
        const std::size_t end = options_.pooling ? b + 1 : batch.sequences.begin[b + 1];
        if (!bert::all_finite(vectors.data() + first * W, (end - first) * W)) fail_non_finite(texts[b]);
    }
    return vectors;
}

template <class Real, class Ops>
void Vectorizer<Real, Ops>::fail_non_finite(const Text& text)
{
    if (packed_) {  // model_ doesn't have the packed tensors, which are to be checked
        packed_.reset();
        model_ = bert::load_model<Real, Ops>(folder_);
    }
    bert::fail_non_finite(text.place, text.text, model_);
}

template <class Real, class Ops>
std::size_t Vectorizer<Real, Ops>::width() const
{
    return model_.config.hidden_size * (options_.layers == bert::Layers::concat4 ? 4 : 1);
}

template class Vectorizer<float, bert::Fast>;
template class Vectorizer<float, bert::FastBf16>;
template class Vectorizer<double, bert::Fast>;
template class Vectorizer<float, bert::Reference>;
template class Vectorizer<double, bert::Reference>;
template class Vectorizer<long double, bert::Reference>;

}  // namespace program
