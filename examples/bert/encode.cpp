/// @file
/// bert encode

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <bert/io/npy.hpp>
#include <bert/io/safetensors_writer.hpp>

#include "commands.hpp"
#include "input.hpp"
#include "output.hpp"
#include "vectors.hpp"

namespace program {

namespace {

template <class Real>
std::span<const Real> row(const bert::Tensor<Real, 2>& matrix, std::size_t i)
{
    return {matrix.data() + i * matrix.shape(1), matrix.shape(1)};
}

template <class Real>
std::string numbers(std::span<const Real> vector)
{
    std::string text;
    for (const Real value : vector)
        text += (text.empty() ? "" : " ") + number_text(value);
    return text;
}

JsonObject json_of(const Text& text)
{
    JsonObject object;
    if (text.ids) return object.add("ids", *text.ids);
    object.add("text", text.text);
    if (text.pair) object.add("pair", *text.pair);
    return object;
}

/// The vectors of all texts, to be written to a file.
template <class Real>
struct Collected {
    std::vector<Real, bert::AlignedAllocator<Real>> values;
    std::size_t width = 1;
    std::vector<std::int64_t> begin{0};  // first token of each text, and the number of tokens
};

template <class Real>
void write(const std::filesystem::path& path, bool every_token, Collected<Real>& collected)
{
    const std::size_t rows = collected.values.size() / collected.width;
    bert::Tensor<Real, 2> vectors;
    vectors.storage() = std::move(collected.values);
    vectors.reshape({rows, collected.width});
    bert::IndexTensor<1> begin;
    begin.resize({collected.begin.size()});
    std::copy(collected.begin.begin(), collected.begin.end(), begin.begin());
    const Uninterrupted writing(path);
    if (path.extension() == ".npy") {
        bert::write_npy(path, vectors);
        return;
    }
    std::vector<bert::TensorView> views{bert::view_of("vectors", vectors)};
    if (every_token) views.push_back(bert::view_of("begin", begin));
    bert::write_safetensors(path, views);
}

template <class Real, class Ops>
void show_tokens(const Vectorizer<Real, Ops>& vectorizer, const std::vector<Text>& texts, const bert::Batch& batch,
                 const bert::Tensor<Real, 2>& vectors, bool json)
{
    for (std::size_t b = 0; b < texts.size(); ++b) {
        std::vector<std::string> tokens;  // the ids themselves where there is no tokenizer
        std::vector<std::span<const Real>> rows;
        for (std::size_t t = batch.sequences.begin[b]; t < batch.sequences.begin[b + 1]; ++t) {
            const std::int64_t id = batch.ids(t);
            const bert::Tokenizer* const tokenizer = vectorizer.tokenizer();
            const bool has_name = tokenizer != nullptr && id < static_cast<std::int64_t>(tokenizer->vocab_size());
            tokens.push_back(has_name ? std::string(tokenizer->token(id)) : std::to_string(id));
            rows.push_back(row(vectors, t));
        }
        if (json) {
            print(json_of(texts[b]).add("tokens", tokens).add("vectors", rows).text() + "\n");
            continue;
        }
        for (std::size_t i = 0; i < tokens.size(); ++i)
            print(tokens[i] + "\t" + numbers(rows[i]) + "\n");
    }
}

template <class Real>
void show_texts(const std::vector<Text>& texts, const bert::Tensor<Real, 2>& vectors, bool json)
{
    for (std::size_t b = 0; b < texts.size(); ++b)
        print((json ? json_of(texts[b]).add("vector", row(vectors, b)).text() : numbers(row(vectors, b))) + "\n");
}

}  // namespace

int encode(const EncodeOptions& options)
{
    return with_set(options.common, [&]<class Real, class Ops>() {
        Vectorizer<Real, Ops> vectorizer(options.common, options.vectors, options.texts.ids);
        const bool every_token = options.vectors.every_token, to_file = !options.output.empty();
        Collected<Real> collected;
        collected.width = vectorizer.width();
        TextReader reader(options.texts, options.common.quiet);
        Progress progress(options.common.quiet || !to_file, 0);
        for (std::vector<Text> texts = reader.some(texts_together); !texts.empty(); texts = reader.some(texts_together)) {
            const bert::Batch batch = vectorizer.batch_of(texts);
            const bert::Tensor<Real, 2> vectors = vectorizer.vectors_of(texts, batch);
            if (to_file) {
                const auto rows = static_cast<std::int64_t>(collected.values.size() / collected.width);
                for (std::size_t b = 1; b <= texts.size(); ++b)
                    collected.begin.push_back(rows + static_cast<std::int64_t>(batch.sequences.begin[b]));
                collected.values.insert(collected.values.end(), vectors.begin(), vectors.end());
                progress.add(texts.size());
            } else if (every_token) {
                show_tokens(vectorizer, texts, batch, vectors, options.common.json);
            } else {
                show_texts(texts, vectors, options.common.json);
            }
        }
        if constexpr (!std::is_same_v<Real, long double>)
            if (to_file) write(options.output, every_token, collected);
        return 0;
    });
}

}  // namespace program
