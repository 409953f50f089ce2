// From texts to vectors as a folder says: sentence-transformers folders that are odd in one way each, held to what the library makes
// of them (reference_outputs/folders).
#include "bert/sentence_pipeline.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "bert/ops/fast.hpp"
#include "bert/pretrained.hpp"
#include "catch.hpp"
#include "folders.hpp"

namespace {

using nlohmann::json;
using Names = std::set<std::string>;

/// Folders that the library refuses and we read.
const Names read_all_the_same{
    "new_task_unknown",       // what it doesn't mean to us does no harm
    "new_no_output_name",     //
    "modules_no_path",        // the folder itself
    "modules_no_name",        // which isn't used
    "modules_short_type",     // the name of a class says enough
    "pooling_no_dimension",   // which follows from the model
    "pooling_unknown_key",    // what it doesn't mean to us does no harm
    "length_unknown_key",     //
    "pooling_no_config",      // the mean, as in a configuration without a way
    "prompts_prompts_null",   // null stands for the default
    "dense_activation_null",  //
    "dense_bias_extra",       // the configuration counts
};

/// Folders that the library reads and we refuse, with one line.
const Names refused{
    "module_weighted_layers",  // modules that only some models have
    "module_lstm",             //
    "module_cnn",              //
    "module_static",           //
    "new_pooler",              //
    "no_pooling",              // the library fails at the first text
    "no_transformer",          //
    "pooling_new_empty",       //
    "length_string",           //
    "length_fraction",         //
    "modules_same_name",       // of which the library takes one in place of the other
    "pooling_number",          // neither true nor false
    "pooling_string",          //
    "lower_string",            //
    "length_one",              // no room for a token of a text
    "length_two",              //
    "prompts_truncated",       // nothing but the prompt is left; the library's vector is zeros
    "normalize_tokens",        // modules on the tokens' vectors
    "dense_tokens",            //
    "dense_output_name",       //
    "dense_leaky",             // functions of their own
    "dense_softmax",           //
    "module_word_weights",     // other modules
    "module_bow",              //
};

/// Folders that are read otherwise.
const Names read_otherwise{
    "new_processing",     // lengths that are not followed, with a warning
    "new_query_length",   //
    "new_half",           // is computed in float, not in half
    "tokenizer_in_root",  // where the library doesn't look: it takes a vocabulary of five special tokens
    "no_modules",         // not a folder of that library: long texts are refused
    "half",               // is computed in float, not in half
};

/// What differs between the vectors of a folder and what was stored of the library's; empty if nothing.
std::string difference(const bert::Pretrained<float, bert::Fast>& pretrained, const json& expected)
{
    const auto& prompts = pretrained.pipeline.prompts;
    for (const json& wanted : expected["vectors"]) {
        if (!wanted.contains("vector")) continue;  // a text on which the library fails
        bert::VectorOptions options;
        const auto prompt = prompts.find(wanted.value("as", wanted.value("prompt_name", "")));
        if (prompt != prompts.end()) options.prompt = prompt->second;
        const std::string text = wanted["text"];
        const bert::Tensor<float, 2> vectors = pretrained.encode({text}, options);
        const json& vector = wanted["vector"];
        if (vectors.shape(1) != vector.size())
            return text + ": expected " + std::to_string(vector.size()) + " numbers, got " + std::to_string(vectors.shape(1));
        for (std::size_t w = 0; w < vector.size(); ++w)
            if (!(std::abs(vectors(0, w) - vector[w].get<float>()) < 1e-5F))
                return text + ": number " + std::to_string(w) + ": expected " + vector[w].dump() + ", got " +
                       std::to_string(vectors(0, w));
    }
    return {};
}

}  // namespace

TEST_CASE("vectors of sentence-transformers folders are the library's")
{
    for (const json& expected : folders::expected("sentences")) {
        const bool is_refused = expected.contains("refused");
        folders::compare(expected["name"], expected, is_refused, {read_all_the_same, refused, read_otherwise},
                         [&](const folders::Copy& folder) {
                             const auto pretrained = bert::load<float, bert::Fast>(folder.path);
                             return is_refused ? "" : difference(pretrained, expected);
                         });
    }
}
