/// @file
/// bert similarity

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "input.hpp"
#include "output.hpp"
#include "vectors.hpp"

namespace program {

namespace {

/// Splits a line with a tab into a pair.
void make_pair(Text& text)
{
    if (text.pair) return;
    const std::size_t tab = text.text.find('\t');
    if (tab == std::string::npos || text.text.find('\t', tab + 1) != std::string::npos)
        bert::fail_input(text.place, "expected two texts with one tab between them, got " + bert::in_quotes(text.text));
    text.pair = text.text.substr(tab + 1);
    text.text.resize(tab);
}

/// A batch of pairs that can be read without waiting; empty at the end.
std::vector<Text> some_pairs(TextReader& reader, bool from_arguments)
{
    if (!from_arguments) {
        std::vector<Text> pairs = reader.some(texts_together / 2);
        std::for_each(pairs.begin(), pairs.end(), make_pair);
        return pairs;
    }
    std::vector<Text> texts = reader.all();
    if (texts.empty()) return {};
    if (texts.size() != 2) bert::fail_input("similarity", "expected two texts, got " + std::to_string(texts.size()));
    texts[0].pair = std::move(texts[1].text);
    texts.pop_back();
    return texts;
}

/// The cosine of the vectors of texts i and j.
template <class Real>
Real cosine(const std::vector<Text>& texts, const bert::Tensor<Real, 2>& vectors, std::size_t i, std::size_t j)
{
    Real dot = 0, squares_i = 0, squares_j = 0;
    for (std::size_t w = 0; w < vectors.shape(1); ++w) {
        dot += vectors(i, w) * vectors(j, w);
        squares_i += vectors(i, w) * vectors(i, w);
        squares_j += vectors(j, w) * vectors(j, w);
    }
    return dot / (length_of(texts[i], squares_i) * length_of(texts[j], squares_j));
}

}  // namespace

int similarity(const SimilarityOptions& options)
{
    return with_set(options.common, [&]<class Real, class Ops>() {
        Vectorizer<Real, Ops> vectorizer(options.common, options.vectors);
        TextReader reader(options.texts, options.common.quiet);
        const bool from_arguments = !options.texts.arguments.empty() && !options.texts.jsonl;
        for (std::vector<Text> pairs = some_pairs(reader, from_arguments); !pairs.empty();
             pairs = some_pairs(reader, from_arguments)) {
            std::vector<Text> texts;  // both texts of each pair in turn
            for (const Text& pair : pairs) {
                texts.push_back({pair.place, pair.text, std::nullopt});
                texts.push_back({pair.place, *pair.pair, std::nullopt});
            }
            const bert::Tensor<Real, 2> vectors = vectorizer.vectors_of(texts);
            for (std::size_t i = 0; i < pairs.size(); ++i) {
                const Real value = cosine(texts, vectors, 2 * i, 2 * i + 1);
                if (options.common.json)
                    print(JsonObject().add("text", pairs[i].text).add("pair", *pairs[i].pair).add("similarity", value).text() +
                          "\n");
                else
                    print(rounded(static_cast<double>(value), 6) + "\n");
            }
        }
        return 0;
    });
}

}  // namespace program
