/// @file
/// The options of every command as plain structs, and the functions that read them from the command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <bert/pretrained.hpp>
#include <bert/text/encoding.hpp>

namespace program {

/// The scalar type of a model.
enum class Scalar { float32, float64, long_double };

/// The set of operations.
enum class Operations { fast, reference };

/// The precision of the operands of products in the fast operations.
enum class Precision { float32, bf16 };

/// Options of most commands.
struct CommonOptions {
    std::filesystem::path model;               ///< a model folder; if empty, the default model
    Scalar scalar = Scalar::float32;           ///< --scalar
    Operations operations = Operations::fast;  ///< --ops
    Precision precision = Precision::float32;  ///< --precision; bf16 with float and fast only
    std::size_t threads = 0;                   ///< if 0, the number that OpenMP chooses
    bool json = false;                         ///< print one object a line
    bool quiet = false;                        ///< no warnings, no progress
};

/// The sources of texts.
struct TextOptions {
    std::vector<std::string> arguments;        ///< texts on the command line
    std::vector<std::filesystem::path> files;  ///< one text a line; `-` for standard input
    bool jsonl = false;                        ///< lines are objects with `text` and an optional `pair`
    bool ids = false;                          ///< whether they may have `ids` and `type_ids` instead
    bool strict = false;                       ///< text that isn't UTF-8 is an error
};

/// The options that turn texts into vectors.
struct VectorOptions {
    bert::VectorOptions library;  ///< pooling, layers, length: what is left open is as the folder says
    bool every_token = false;     ///< a vector for every token, no pooling
    std::string prompt_name;      ///< a prompt of the folder; if empty, its default one
};

/// bert info
struct InfoOptions {
    CommonOptions common;
    std::filesystem::path path;  ///< a folder or a file; if empty, the default model and the machine
    bool verbose = false;        ///< list every tensor
};

/// bert tokenize
struct TokenizeOptions {
    CommonOptions common;
    TextOptions texts;
    std::optional<std::string> pair;            ///< second text of every text
    std::filesystem::path tokenizer;            ///< if empty, that of the model
    std::optional<bool> lowercase;              ///< for a vocab.txt
    bert::EncodeOptions encode;                 ///< max_length, truncation, stride, pad_to, special tokens
    std::optional<bert::Side> truncation_side;  ///< where a text is truncated; if empty, as the tokenizer's file says
    std::optional<bert::Side> padding_side;     ///< where padding is added; if empty, as the tokenizer's file says
    bool decode = false;                        ///< decode lines of ids to text
    bool skip_special_tokens = false;           ///< when decoding
};

/// bert encode
struct EncodeOptions {
    CommonOptions common;
    TextOptions texts;
    VectorOptions vectors;
    std::filesystem::path output;  ///< .safetensors or .npy; if empty, standard output
};

/// bert similarity
struct SimilarityOptions {
    CommonOptions common;
    TextOptions texts;
    VectorOptions vectors;
};

/// bert search
struct SearchOptions {
    CommonOptions common;
    TextOptions texts;  ///< the lines to be searched
    VectorOptions vectors;
    std::vector<std::string> queries;
    std::filesystem::path index;  ///< file of the lines and their vectors
    std::size_t top = 5;
};

/// bert fill-mask
struct FillMaskOptions {
    CommonOptions common;
    TextOptions texts;
    std::vector<std::string> targets;                      ///< the words to show; if empty, the most likely ones
    std::optional<std::size_t> top;                        ///< most words to show; if empty, 5, or all targets
    bert::Truncation truncation = bert::Truncation::none;  ///< if none, a text that is too long is an error
    std::size_t max_length = 0;                            ///< most tokens of a text; if 0, the model's positions
};

/// bert verify
struct VerifyOptions {
    CommonOptions common;                      ///< the default is double and Reference
    std::vector<std::filesystem::path> cases;  ///< if empty, that of the default model
    bool verbose = false;                      ///< a row for each tensor
};

/// bert dump
struct DumpOptions {
    CommonOptions common;
    TextOptions texts;
    std::filesystem::path inputs;  ///< safetensors with input.ids, and optionally input.segments and input.mask
    std::filesystem::path output;  ///< safetensors
};

/// bert diff
struct DiffOptions {
    CommonOptions common;
    std::filesystem::path found, expected;
    std::optional<double> limit;  ///< if empty, the limits of the reference format
    bool only_common = false;     ///< leave out tensors that one of the files lacks
    bool verbose = false;         ///< a row for each tensor
};

/// bert bench
struct BenchOptions {
    CommonOptions common;
    std::filesystem::path config;         ///< a config.json, for random weights
    std::size_t batch = 1;                ///< B
    std::size_t length = 128;             ///< tokens of each sequence
    std::size_t repeat = 20;              ///< measured runs
    bool train = false;                   ///< training steps instead of inference
    bool gradient_checkpointing = false;  ///< keep only the result of each block
    std::size_t micro_batch = 0;          ///< sequences in a micro-batch; if 0, the whole batch
    std::uint64_t seed = 1;               ///< seed of weights and ids
};

/// The arguments after the command's name.
using Arguments = std::vector<std::string>;

/// Thrown after the help has been printed.
struct HelpShown {};

/// Reads a command's options.
/// @param arguments  the arguments after the command's name
/// @return  the options
/// @throws bert::InputError if an argument is wrong
/// @throws HelpShown after --help
InfoOptions info_options(const Arguments& arguments);
TokenizeOptions tokenize_options(const Arguments& arguments);      ///< @copydoc info_options
EncodeOptions encode_options(const Arguments& arguments);          ///< @copydoc info_options
SimilarityOptions similarity_options(const Arguments& arguments);  ///< @copydoc info_options
SearchOptions search_options(const Arguments& arguments);          ///< @copydoc info_options
FillMaskOptions fill_mask_options(const Arguments& arguments);     ///< @copydoc info_options
VerifyOptions verify_options(const Arguments& arguments);          ///< @copydoc info_options
DumpOptions dump_options(const Arguments& arguments);              ///< @copydoc info_options
DiffOptions diff_options(const Arguments& arguments);              ///< @copydoc info_options
BenchOptions bench_options(const Arguments& arguments);            ///< @copydoc info_options

}  // namespace program
