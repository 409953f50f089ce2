#include "vectors.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <variant>

#include <bert/core/error.hpp>
#include <bert/core/finite.hpp>
#include <bert/core/one_line.hpp>
#include <bert/io/config.hpp>
#include <bert/io/families.hpp>
#include <bert/io/packed_folder.hpp>
#include <bert/io/sentence_folder.hpp>
#include <bert/io/tokenizer_folder.hpp>

#include "little_work.hpp"

namespace program {

namespace {

/// Reads a pipeline, and warns of what isn't followed.
template <class Real>
bert::SentencePipeline<Real> pipeline_of(const CommonOptions& common)
{
    std::vector<std::string> warnings;
    bert::SentencePipeline<Real> pipeline = bert::load_pipeline<Real>(model_folder(common), &warnings);
    warn(common.quiet, warnings);
    return pipeline;
}

/// Loads the tokenizer of a pipeline.
/// @param[out] reason  if not nullptr, why it can't be loaded, which otherwise is an error
template <class Real>
std::optional<bert::FastTokenizer> tokenizer_of(const bert::SentencePipeline<Real>& pipeline, const CommonOptions& common,
                                                std::string* reason)
{
    try {
        const bert::FastTokenizer tokenizer = load_tokenizer(common, pipeline.tokenizer);
        return pipeline.lowercase ? bert::lower_casing(tokenizer) : tokenizer;
    } catch (const bert::InputError& error) {
        if (reason == nullptr) throw;
        *reason = error.what();
        return std::nullopt;
    }
}

bool has(const std::vector<bert::Pooling>& ways, bert::Pooling pooling)
{
    return std::find(ways.begin(), ways.end(), pooling) != ways.end();
}

}  // namespace

template <class Real, class Ops>
Vectorizer<Real, Ops>::Vectorizer(const CommonOptions& common, const VectorOptions& options, bool may_be_ids)
    : quiet_(common.quiet),
      every_token_(options.every_token),
      pipeline_(pipeline_of<Real>(common)),
      tokenizer_(tokenizer_of(pipeline_, common, may_be_ids ? &no_tokenizer_ : nullptr)),
      family_(&bert::family_of(pipeline_.transformer / "config.json")),
      options_(options.library)
{
    const bert::Config config = bert::read_config(pipeline_.transformer / "config.json", *family_);
    const std::size_t layers = config.block_runs(), positions = config.longest_sequence();
    if (options_.layer && *options_.layer > layers)
        bert::fail_input("--layer", "expected 0 to " + std::to_string(layers) + ", got " + std::to_string(*options_.layer));
    if (options_.layers != bert::Layers::one && layers < 4)
        bert::fail_input("--layers", "expected a model with at least 4 layers, got one of " + std::to_string(layers));
    if (options_.max_length > positions)
        bert::fail_input("--max-length", "expected at most the model's " + std::to_string(positions) + " positions, got " +
                                             std::to_string(options_.max_length));
    truncates_ = pipeline_.truncates && options_.truncation == bert::Truncation::none;
    options_ = bert::completed(options_, pipeline_, tokenizer_ ? tokenizer_->options().model_max_length : 0, config);
    use_prompt(options);
    if (options_.layer == layers) options_.layer.reset();  // empty means the last layer
    if (has(options_.pooling, bert::Pooling::pooler) && (options_.layers != bert::Layers::one || options_.layer))
        bert::fail_input("--pooling", "expected mean, cls, max or none beside --layer or --layers, got pooler");
    {
        const LittleWork threads(config, loading_takes);
        load(common);
    }
    if (has(options_.pooling, bert::Pooling::pooler) && !model_.body.pooler)
        bert::fail_input("--pooling", "expected mean, cls, max or none for a " + config.architecture +
                                          (other_ ? "" : ", which has no pooler") + ", got pooler");
}

template <class Real, class Ops>
Vectorizer<Real, Ops>::~Vectorizer()
{
    if (truncated_ > 0)
        warn(quiet_, std::to_string(truncated_) + (truncated_ == 1 ? " text was" : " texts were") + " truncated to " +
                         std::to_string(options_.max_length) + " tokens, as the folder says");
}

template <class Real, class Ops>
void Vectorizer<Real, Ops>::use_prompt(const VectorOptions& options)
{
    options_.prompt = options.library.prompt.value_or(pipeline_.prompt);
    if (!options.prompt_name.empty()) {
        const auto found = pipeline_.prompts.find(options.prompt_name);
        std::string names;
        for (const auto& [name, prompt] : pipeline_.prompts)
            names += (names.empty() ? "" : ", ") + bert::one_line(name);
        if (found == pipeline_.prompts.end())
            bert::fail_input("--prompt-name", "expected " + (names.empty() ? "a folder with prompts" : "one of " + names) +
                                                  ", got " + bert::in_quotes(options.prompt_name));
        options_.prompt = found->second;
    }
    prompt_tokens_ = pipeline_.includes_prompt ? 0 : (tokenizer_ ? bert::prompt_tokens(*tokenizer_, *options_.prompt) : 0);
}

template <class Real, class Ops>
void Vectorizer<Real, Ops>::load(const CommonOptions& common)
{
    bert::LoadReport report;
    const bool only_last = options_.layers == bert::Layers::one && !options_.layer;
    if (only_last) other_ = load_last_hidden_states<Real, Ops>(pipeline_.transformer, report, *family_);
    if (!other_) other_ = load_hidden_states<Real, Ops>(pipeline_.transformer, report, *family_);
    if (other_) {
        model_.config = bert::read_config(pipeline_.transformer / "config.json", *family_);
        warn_of_ignored(common, report);
        return;
    }
    if constexpr (FastSet<Ops>) {
        if (only_last) {
            bert::detail::WantedHeads heads;
            if (family_ != &bert::bert_family) heads.emplace();  // none: they are no part of this model's type
            auto packed = bert::load_packed<Real, Ops>(pipeline_.transformer, &report, *family_, heads);
            model_ = std::move(packed.model);
            packed_ = std::move(packed.encoder);
        }
    }
    if (!packed_) model_ = unpacked(&report);
    warn_of_ignored(common, report);
}

template <class Real, class Ops>
bert::Model<Real, Ops> Vectorizer<Real, Ops>::unpacked(bert::LoadReport* report) const
{
    if (family_ == &bert::bert_family) return bert::load_model<Real, Ops>(pipeline_.transformer, report);
    return bert::load_with_heads<Real, Ops>(pipeline_.transformer, {}, report, *family_);
}

template <class Real, class Ops>
bert::Batch Vectorizer<Real, Ops>::batch_of(const std::vector<Text>& texts)
{
    std::vector<Text> prompted = texts;
    for (Text& text : prompted) {
        text.text.insert(0, *options_.prompt);
        if (!text.ids && !tokenizer_) throw bert::InputError(no_tokenizer_);
    }
    return program::batch_of(tokenizer(), model_.config, prompted, options_.truncation, options_.max_length, true,
                             truncates_ ? &truncated_ : nullptr);
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
    if (other_) {
        const std::size_t N = model_.config.block_runs();
        other_->forward(batch);
        if (layers.layers == bert::Layers::one) return other_->of_layer(layers.layer.value_or(N));
        const std::size_t T = batch.sequences.tokens(), H = model_.config.hidden_size;
        auto of_four = bert::zeros<Real, 2>({T, layers.layers == bert::Layers::concat4 ? 4 * H : H});
        for (std::size_t l = N - 3; l <= N; ++l)
            bert::add_to_last_four(other_->of_layer(l), l, N, layers.layers, of_four);
        return of_four;
    }
    return bert::token_vectors(model_, batch, layers, scratch_);
}

template <class Real, class Ops>
bert::Tensor<Real, 2> Vectorizer<Real, Ops>::vectors_of(const std::vector<Text>& texts, const bert::Batch& batch)
{
    const LittleWork threads(model_.config, batch.sequences.tokens());
    bert::Tensor<Real, 2> vectors = of_tokens(batch);
    if (!every_token_)
        vectors = bert::text_vectors(vectors, batch, model_, pipeline_, options_, prompt_tokens_, scratch_);
    else if (options_.normalize == true)
        bert::normalize_rows(vectors);
    const std::size_t W = vectors.shape(1);
    for (std::size_t b = 0; b < texts.size(); ++b) {
        const std::size_t first = every_token_ ? batch.sequences.begin[b] : b;
        const std::size_t end = every_token_ ? batch.sequences.begin[b + 1] : b + 1;
        if (!bert::all_finite(vectors.data() + first * W, (end - first) * W)) fail_non_finite(texts[b]);
    }
    return vectors;
}

template <class Real, class Ops>
void Vectorizer<Real, Ops>::fail_non_finite(const Text& text)
{
    if (other_) bert::fail_non_finite(text.place, text.text, other_->first_non_finite());
    if (packed_) {  // model_ doesn't have the packed tensors, which are to be checked
        packed_.reset();
        model_ = unpacked(nullptr);
    }
    bert::fail_non_finite(text.place, text.text, model_);
}

template <class Real, class Ops>
std::size_t Vectorizer<Real, Ops>::width() const
{
    const std::size_t H = model_.config.hidden_size * (options_.layers == bert::Layers::concat4 ? 4 : 1);
    std::size_t width = every_token_ ? H : H * options_.pooling.size();
    if (every_token_) return width;
    for (const bert::SentenceModule<Real>& module : pipeline_.modules)
        if (const auto* dense = std::get_if<bert::DenseModule<Real>>(&module)) width = dense->linear.weight.shape(0);
    return pipeline_.dimension > 0 ? std::min(width, pipeline_.dimension) : width;
}

template class Vectorizer<float, bert::Fast>;
template class Vectorizer<float, bert::FastBf16>;
template class Vectorizer<double, bert::Fast>;
template class Vectorizer<float, bert::Reference>;
template class Vectorizer<double, bert::Reference>;
template class Vectorizer<long double, bert::Reference>;

}  // namespace program
