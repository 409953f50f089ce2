/// @file
/// bert search

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <bert/core/one_line.hpp>

#include "commands.hpp"
#include "input.hpp"
#include "largest.hpp"
#include "output.hpp"
#include "search_index.hpp"
#include "vectors.hpp"

namespace program {

namespace {

/// The options that determine a text's vector, as stored in the index.
template <class Real, class Ops>
std::string how(const Vectorizer<Real, Ops>& vectorizer, const VectorOptions& given)
{
    constexpr std::array<const char*, 7> poolings{"mean",         "cls",       "max",   "mean_sqrt_len",
                                                  "weightedmean", "lasttoken", "pooler"};  // in the order of bert::Pooling
    constexpr std::array<const char*, 3> layers{"one", "sum4", "concat4"};                 // in the order of bert::Layers
    const auto name = [](const auto& names, auto value) { return std::string(names.at(static_cast<std::size_t>(value))); };
    const bert::VectorOptions& options = given.library;
    std::string ways;
    for (const bert::Pooling pooling : vectorizer.pooling())
        ways += (ways.empty() ? "" : " and ") + name(poolings, pooling);
    return "pooling " + ways + ", layers " + name(layers, options.layers) + ", layer " +
           (options.layer ? std::to_string(*options.layer) : "last") + ", at most " +
           (options.max_length > 0 ? std::to_string(options.max_length) : "all") + " tokens";
}

/// The vectors of texts, scaled to length 1.
template <class Real, class Ops>
bert::Tensor<Real, 2> directions_of(Vectorizer<Real, Ops>& vectorizer, const std::vector<Text>& texts)
{
    const bert::Tensor<Real, 2> vectors = vectorizer.vectors_of(texts);
    const auto W = static_cast<std::ptrdiff_t>(vectors.shape(1));
    for (std::size_t b = 0; b < texts.size(); ++b) {
        const auto row = vectors.begin() + static_cast<std::ptrdiff_t>(b) * W;
        length_of(texts[b], std::inner_product(row, row + W, row, Real(0)));  // throws for a vector of zeros
    }
    return vectors;
}

/// What is searched.
struct Lines {
    std::vector<Text> texts;
    std::vector<std::string> files;  ///< names of their files
    std::vector<LinePlace> places;   ///< of each text
};

Lines read_lines(const SearchOptions& options)
{
    Lines lines;
    if (options.texts.files.empty()) return lines;
    for (const std::filesystem::path& file : options.texts.files)
        lines.files.push_back(file.string());
    TextReader reader(options.texts, options.common.quiet);
    while (std::optional<Text> text = reader.next()) {
        if (text->pair)
            bert::fail_input(text->place, "pair: expected none in what is searched, got " + bert::in_quotes(*text->pair));
        lines.texts.push_back(std::move(*text));
        lines.places.push_back({reader.file(), reader.line()});
    }
    return lines;
}

/// Makes an index of lines and their vectors.
template <class Real, class Ops>
SearchIndex<Real> make_index(Vectorizer<Real, Ops>& vectorizer, const SearchOptions& options, const Lines& lines)
{
    const std::vector<Text>& texts = lines.texts;
    SearchIndex<Real> index{{}, {}, how(vectorizer, options.vectors), lines.files, lines.places};
    const std::size_t width = vectorizer.width();
    index.vectors.resize({texts.size(), width});
    Progress progress(options.common.quiet, texts.size());
    for (std::size_t first = 0; first < texts.size(); first += texts_together) {
        const std::size_t last = std::min(first + texts_together, texts.size());
        const std::vector<Text> some(texts.begin() + static_cast<std::ptrdiff_t>(first),
                                     texts.begin() + static_cast<std::ptrdiff_t>(last));
        const bert::Tensor<Real, 2> vectors = directions_of(vectorizer, some);
        std::copy(vectors.begin(), vectors.end(), index.vectors.begin() + static_cast<std::ptrdiff_t>(first * width));
        progress.add(some.size());
    }
    for (const Text& text : texts)
        index.lines.push_back(text.text);
    return index;
}

/// Whether the index belongs to this model: whether the model and its tokenizer give its first vector for its first line.
template <class Real, class Ops>
bool is_of_this_model(Vectorizer<Real, Ops>& vectorizer, const std::string& place, const SearchIndex<Real>& index)
{
    if (index.lines.empty()) return true;
    const bert::Tensor<Real, 2> vectors = vectorizer.vectors_of({{place + ": text 0", index.lines[0], std::nullopt}});
    for (std::size_t w = 0; w < vectors.shape(1); ++w)
        // With another scalar or set of operations, vectors of length 1 differ by a hundredth of this limit.
        if (!(std::abs(vectors(0, w) - index.vectors(0, w)) < Real(1e-3))) return false;
    return true;
}

template <class Real, class Ops>
SearchIndex<Real> index_of(Vectorizer<Real, Ops>& vectorizer, const SearchOptions& options)
{
    const Lines lines = read_lines(options);
    const std::vector<Text>& texts = lines.texts;
    if (options.index.empty()) return make_index(vectorizer, options, lines);
    if constexpr (std::is_same_v<Real, long double>) {
        bert::fail_input("--scalar", "expected float or double, which --index can hold, got long-double");
    } else {
        const std::string place = options.index.string();
        std::error_code ignored;  // reading the file reports the error
        if (std::filesystem::exists(options.index, ignored) || options.texts.files.empty()) {
            SearchIndex<Real> index = read_search_index<Real>(options.index, vectorizer.width());
            const bool same_texts = options.texts.files.empty() ||
                                    std::equal(texts.begin(), texts.end(), index.lines.begin(), index.lines.end(),
                                               [](const Text& text, const std::string& line) { return text.text == line; });
            const bool same_vectors =
                index.made == how(vectorizer, options.vectors) && is_of_this_model(vectorizer, place, index);
            if (same_texts && same_vectors) {
                if (!options.texts.files.empty()) {  // which may have other names than when the index was made
                    index.files = lines.files;
                    index.places = lines.places;
                }
                return index;
            }
            if (options.texts.files.empty())
                bert::fail_input(
                    place, index.made == how(vectorizer, options.vectors)
                               ? "expected vectors made with this model and these options, precision included, got others"
                               : "expected vectors made with this model and these options (" + how(vectorizer, options.vectors) +
                                     "), got others (" + bert::one_line(index.made) + ")");
            warn(options.common.quiet, place + ": made of other " + (same_texts ? "vectors" : "lines") + ", is made again");
        }
        SearchIndex<Real> index = make_index(vectorizer, options, lines);
        write_search_index(options.index, index);
        return index;
    }
}

/// Where line i stands, for people: its number, behind the name of its file if there are several.
template <class Real>
std::string place_of(const SearchIndex<Real>& index, std::size_t i)
{
    if (index.places.empty()) return std::to_string(i + 1);
    const LinePlace& place = index.places[i];
    return (index.files.size() > 1 ? bert::one_line(index.files[place.file]) + ":" : "") + std::to_string(place.line);
}

template <class Real>
void show(const SearchIndex<Real>& index, const bert::Tensor<Real, 2>& query_vector, const Text& query,
          const SearchOptions& options)
{
    const std::size_t N = index.lines.size(), W = index.vectors.shape(1);
    std::vector<Real> scores(N);
    for (std::size_t i = 0; i < N; ++i)
        scores[i] = std::inner_product(query_vector.begin(), query_vector.end(),
                                       index.vectors.begin() + static_cast<std::ptrdiff_t>(i * W), Real(0));
    const std::vector<std::size_t> order = largest(std::span<const Real>(scores), options.top);

    if (options.common.json) {
        std::vector<JsonObject> found;
        for (const std::size_t i : order) {
            JsonObject line;
            line.add("line", i + 1).add("text", index.lines[i]).add("similarity", scores[i]);
            if (!index.places.empty())
                line.add("file", index.files[index.places[i].file]).add("line_in_file", index.places[i].line);
            found.push_back(line);
        }
        print(JsonObject().add("query", query.text).add("found", found).text() + "\n");
        return;
    }
    Table table(index.files.size() > 1 ? "rll" : "rrl");
    for (const std::size_t i : order)
        table.row({rounded(static_cast<double>(scores[i]), 4), place_of(index, i), index.lines[i]});
    print(table.text());
}

}  // namespace

int search(const SearchOptions& options)
{
    return with_set(options.common, [&]<class Real, class Ops>() {
        VectorOptions vectors = options.vectors;
        vectors.library.normalize = true;
        Vectorizer<Real, Ops> vectorizer(options.common, vectors);
        vectorizer.use_prompt({});  // the lines have the folder's default prompt, whatever is put in front of the queries
        const SearchIndex<Real> index = index_of(vectorizer, options);
        vectorizer.use_prompt(options.vectors);
        TextReader queries({options.queries, {}, false, options.texts.strict}, options.common.quiet);
        bool first = true;
        while (const std::optional<Text> query = queries.next()) {
            if (!first && !options.common.json) print("\n");
            first = false;
            show(index, directions_of(vectorizer, {*query}), *query, options);
        }
        return 0;
    });
}

}  // namespace program
