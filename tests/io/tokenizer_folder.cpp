// Tokenizers of folders that are odd in one way each, held to what the transformers library makes of them
// (reference_outputs/folders).
#include "bert/io/tokenizer_folder.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "folders.hpp"

namespace {

using nlohmann::json;

/// Names of folders.
using Names = std::set<std::string>;

/// Folders that the library refuses and we read: what they say can be understood in one way only.
const Names read_all_the_same{
    "added_tokens/objects_without_type",         // an object with a content can be nothing but a token
    "added_tokens/strings_in_decoder",           // nor can a string
    "companions/map_additional_objects",         //
    "companions/config_objects_without_type",    //
    "companions/vocabulary_alone",               // a vocab.txt is BERT's
    "companions/no_model_config_no_class",       //
    "companions/config_null_options",            // null stands for the default
    "companions/config_null_lower",              //
    "companions/config_side_null",               //
    "contradictions/class_RoFormerTokenizer",    // tokenizer.json is followed, with a warning that the class isn't
    "contradictions/class_BertTokenizerLegacy",  //
    "contradictions/type_albert",                //
    "other_classes/json_class_AlbertTokenizer",  //
    "spellings/normalizer_bert_defaults",        // what a tokenizer.json leaves out has its usual value
    "spellings/normalizer_bert_some",            //
    "spellings/added_absent",                    //
    "spellings/added_no_id",                     //
    "spellings/added_no_flags",                  //
    "spellings/model_no_prefix",                 //
    "spellings/model_no_longest",                //
    "spellings/version_other",                   // what it doesn't mean to us does no harm
    "spellings/unknown_entry",                   //
};

/// Folders that the library reads and we refuse, with one line.
const Names refused{
    "companions/config_new_unk",              // without an unknown token, the library fails at the first word that needs it
    "vocabulary_lines/cr",                    //
    "vocabulary_lines/no_unk",                //
    "vocabulary_lines/no_special",            //
    "vocabulary_lines/lower_special",         //
    "vocabulary_lines/tab_columns",           //
    "vocabulary_lines/empty",                 //
    "vocabulary_lines/one_line",              //
    "spellings/model_unk_missing",            //
    "spellings/model_unk_added",              //
    "spellings/model_empty_vocabulary",       //
    "companions/config_max_string",           // the library fails at the first text
    "contradictions/bpe_bert",                // a model that isn't WordPiece
    "contradictions/wordlevel_bert",          //
    "spellings/model_wordlevel",              //
    "spellings/model_bpe",                    //
    "spellings/normalizer_nfkd_lower_strip",  // steps that no BERT's tokenizer takes
    "spellings/normalizer_nfc_bert",          //
    "spellings/normalizer_nfkc_bert",         //
    "spellings/normalizer_replace_strip",     //
    "spellings/normalizer_replace_regex",     //
    "spellings/normalizer_prepend",           //
    "spellings/normalizer_nfc",               //
    "spellings/normalizer_nfkc",              //
    "spellings/pre_punctuation_removed",      //
    "spellings/pre_punctuation_merged",       //
    "spellings/pre_punctuation_contiguous",   //
    "spellings/pre_digits",                   //
    "spellings/pre_digits_runs",              //
    "spellings/pre_delimiter",                //
    "spellings/pre_byte_level",               //
    "spellings/pre_metaspace",                //
    "spellings/decoder_other",                //
    "spellings/post_sequence_of_templates",   // templates that contradict the vocabulary or each other
    "spellings/post_high_id",                 //
    "spellings/post_missing_special",         //
    "spellings/post_text_twice",              //
    "spellings/post_no_text",                 //
    "spellings/model_same_id",                // ids that no table of word embeddings can have
    "spellings/model_high_id",                //
};

/// Folders that are read otherwise.
const Names read_otherwise{
    "added_tokens/accent_alone",   // a token that the normalizer deletes is never found; the library finds it between all letters
    "companions/config_null_cls",  // the library puts [UNK] around texts, we [CLS] and [SEP]
    "contradictions/class_ConvBertTokenizer",     // whose normalizer, unlike that of its kind, is tokenizer.json's
    "contradictions/class_MPNetTokenizer",        // tokenizer.json is followed, with a warning that the class isn't
    "contradictions/class_MPNetTokenizerFast",    //
    "contradictions/class_FunnelTokenizer",       //
    "contradictions/class_HerbertTokenizer",      //
    "other_classes/json_class_RobertaTokenizer",  //
    "contradictions/type_mpnet",                  // models that we don't have
    "contradictions/type_roberta",                //
    "contradictions/type_gpt2",                   //
};

/// What differs between a tokenizer and what was stored of the library's; empty if nothing.
std::string difference(const bert::FastTokenizer& tokenizer, const json& expected)
{
    const auto differs = [](const std::string& what, const json& wanted, const json& found) {
        return what + ": expected " + wanted.dump() + ", got " + found.dump();
    };
    for (const auto& [role, token] : expected["roles"].items()) {
        const bert::SpecialTokens& special = tokenizer.options().special;
        const std::string name = role == "cls"   ? special.cls
                                 : role == "sep" ? special.sep
                                 : role == "pad" ? special.pad
                                                 : special.mask;
        const bool known = role == "cls" || role == "sep" || role == "pad" || role == "mask";
        if (known && name != token[0]) return differs(role, token[0], name);
    }
    for (const json& token : expected["added_tokens"]) {
        const std::optional<std::int64_t> id = tokenizer.id(token["content"].get<std::string>());
        if (!id || *id != token["id"]) return differs("added token " + token["content"].dump(), token["id"], id.value_or(-1));
        if (tokenizer.is_special(*id) != token.value("special", false))
            return differs("special " + token["content"].dump(), token.value("special", false), tokenizer.is_special(*id));
    }
    const bert::TokenizerOptions& options = tokenizer.options();
    const std::size_t length = expected["model_max_length"].is_null() ? 0 : expected["model_max_length"].get<std::size_t>();
    if (options.model_max_length != length) return differs("model_max_length", length, options.model_max_length);
    const auto side = [](bert::Side value) { return value == bert::Side::left ? "left" : "right"; };
    if (expected["padding_side"] != side(options.encode.padding_side))
        return differs("padding_side", expected["padding_side"], side(options.encode.padding_side));
    if (expected["truncation_side"] != side(options.encode.truncation_side))
        return differs("truncation_side", expected["truncation_side"], side(options.encode.truncation_side));
    for (const json& wanted : expected["encodings"]) {
        if (!wanted.contains("ids")) continue;  // a text on which the library fails
        const std::string text = wanted["text"];
        std::optional<std::string> pair;
        if (wanted.contains("pair")) pair = wanted["pair"].get<std::string>();
        const bert::Encoding encoding = tokenizer.encode_pair(text, pair);
        if (wanted["ids"] != encoding.ids) return differs(text, wanted["ids"], encoding.ids);
        if (wanted["type_ids"] != encoding.type_ids) return differs(text + ": types", wanted["type_ids"], encoding.type_ids);
    }
    return {};
}

/// Whether the library's class is BERT's or one of its kind.
bool is_of_bert(const json& expected)
{
    using bert::detail::TokenizerClass;
    const std::string name = expected.value("class", "");
    return bert::detail::tokenizer_class_named(name) == TokenizerClass::bert;
}

}  // namespace

TEST_CASE("tokenizers of folders are the transformers library's")
{
    for (const std::string kind :
         {"added_tokens", "companions", "contradictions", "other_classes", "vocabulary_lines", "spellings"}) {
        for (const json& expected : folders::expected(kind)) {
            const std::string name = kind + "/" + expected["name"].get<std::string>();
            const bool is_refused = expected.contains("refused");
            folders::Exceptions exceptions{read_all_the_same, refused, read_otherwise};
            const bool has_lines = expected.value("copied", json::object()).contains("vocab.txt");
            if (kind == "other_classes" && has_lines && !is_of_bert(expected)) exceptions.refused.insert(name);
            folders::compare(name, expected, is_refused, exceptions, [&](const folders::Copy& folder) {
                const bert::FastTokenizer tokenizer = bert::load_tokenizer(folder.path);
                return is_refused ? "" : difference(tokenizer, expected);
            });
        }
    }
}
