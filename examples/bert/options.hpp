/// @file
/// The options of every command, as plain structs, and their reading from the command line.
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

/// The numbers that a model is computed in.
enum class Scalar { float32, float64, long_double };

/// Which set of operations computes it.
enum class Operations { fast, reference };

/// What the products of the fast operations take.
enum class Precision { float32, bf16 };

/// What most commands take.
struct CommonOptions {
    std::filesystem::path model;               ///< a model folder; empty: the default model
    Scalar scalar = Scalar::float32;           ///< --scalar
    Operations operations = Operations::fast;  ///< --ops
    Precision precision = Precision::float32;  ///< --precision; bf16 with float and fast only
    std::size_t threads = 0;                   ///< 0: as many as OpenMP takes
    bool json = false;                         ///< one object a line
    bool quiet = false;                        ///< no warnings, no progress
};

/// Where texts come from.
struct TextOptions {
    std::vector<std::string> arguments;        ///< texts on the command line
    std::vector<std::filesystem::path> files;  ///< one text a line; `-`: standard input
    bool jsonl = false;                        ///< lines are objects with `text` and perhaps `pair`
    bool strict = false;                       ///< refuse what is not UTF-8
};

/// How texts become vectors.
struct VectorOptions {
    std::optional<bert::Pooling> pooling = bert::Pooling::mean;  ///< tokens to text; nothing: a vector for every token
    bert::Layers layers = bert::Layers::one;                     ///< which layers
    std::optional<std::size_t> layer;                            ///< 0: the embeddings; nothing: the last one
    bool normalize = false;                                      ///< to length 1
    bert::Truncation truncation = bert::Truncation::none;        ///< of what is too long; none: it is refused
    std::size_t max_length = 0;                                  ///< tokens that a text may have; 0: the model's positions
};

/// bert info
struct InfoOptions {
    CommonOptions common;
    std::filesystem::path path;  ///< a folder or a file; empty: the default model and the machine
    bool verbose = false;        ///< every tensor
};

/// bert tokenize
struct TokenizeOptions {
    CommonOptions common;
    TextOptions texts;
    std::optional<std::string> pair;            ///< second text of every text
    std::filesystem::path tokenizer;            ///< empty: the model's
    std::optional<bool> lowercase;              ///< for a vocab.txt
    bert::EncodeOptions encode;                 ///< max_length, truncation, stride, pad_to, special tokens
    std::optional<bert::Side> truncation_side;  ///< where it is cut, if not as the tokenizer says
    std::optional<bert::Side> padding_side;     ///< where padding goes, if not as the tokenizer says
    bool decode = false;                        ///< lines of ids to text
    bool skip_special_tokens = false;           ///< in decoding
};

/// bert encode
struct EncodeOptions {
    CommonOptions common;
    TextOptions texts;
    VectorOptions vectors;
    std::filesystem::path output;  ///< .safetensors or .npy; empty: standard output
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
    TextOptions texts;  ///< the lines that are searched
    VectorOptions vectors;
    std::vector<std::string> queries;
    std::filesystem::path index;  ///< keeps the lines and their vectors
    std::size_t top = 5;
};

/// bert fill-mask
struct FillMaskOptions {
    CommonOptions common;
    TextOptions texts;
    std::size_t top = 5;
};

/// bert verify
struct VerifyOptions {
    CommonOptions common;                      ///< in double and with the reference operations, if nothing else is asked for
    std::vector<std::filesystem::path> cases;  ///< none: the default model's
    bool verbose = false;                      ///< a row a tensor
};

/// bert dump
struct DumpOptions {
    CommonOptions common;
    TextOptions texts;
    std::filesystem::path inputs;  ///< safetensors with input.ids and perhaps input.segments, input.mask
    std::filesystem::path output;  ///< safetensors
};

/// bert diff
struct DiffOptions {
    CommonOptions common;
    std::filesystem::path found, expected;
    std::optional<double> limit;  ///< without it, those of the reference format
    bool verbose = false;         ///< a row a tensor
};

/// bert bench
struct BenchOptions {
    CommonOptions common;
    std::filesystem::path config;  ///< a config.json, weights made up
    std::size_t batch = 1;         ///< B
    std::size_t length = 128;      ///< tokens of each sequence
    std::size_t repeat = 20;       ///< measured runs
    bool train = false;            ///< training steps, not inference
    bool recompute = false;        ///< training keeps of each block its result alone
    std::size_t pieces = 1;        ///< of the batch, one after the other, gradients added up
    std::uint64_t seed = 1;        ///< of weights and ids
};

/// What stands behind the command's name on the command line.
using Arguments = std::vector<std::string>;

/// Somebody asked for help, and got it.
struct HelpShown {};

/// Reads a command's options.
/// @param arguments  what stands behind the command's name
/// @return  the options
/// @throws bert::InputError if they aren't right
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
