#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <CLI/CLI.hpp>

#include <bert/core/error.hpp>
#include <bert/core/one_line.hpp>

#include "default_model.hpp"
#include "output.hpp"

namespace program {

namespace {

/// The command line of one command. CLI11 parses it and prints the help; values are converted here, so that every message says
/// what was expected and what was found.
class Parser {
public:
    Parser(const std::string& command, const std::string& description) : app_(description, "bert " + command), command_(command)
    {
        app_.get_formatter()->column_width(34);
        app_.set_help_flag("-h,--help", "Print this and end");
    }

    void flag(const std::string& name, bool& target, const std::string& help) { app_.add_flag(name, target, help); }

    void flag_or_not(const std::string& names, std::optional<bool>& target, const std::string& help)
    {
        app_.add_flag_function(
            names, [&target](std::int64_t given) { target = given > 0; }, help);
    }

    /// An option with a text or a path.
    template <class Target>
    CLI::Option* text(const std::string& name, Target& target, const std::string& type, const std::string& help)
    {
        const auto set = [name, &target](const std::string& value) {
            if constexpr (std::is_same_v<Target, std::filesystem::path>)
                target = path_of(name, value);
            else
                target = unmarked(value);
        };
        return app_.add_option_function<std::string>(name, set, help)->type_name(type);
    }

    /// An option that may be given several times.
    void paths(const std::string& name, std::vector<std::filesystem::path>& target, const std::string& help)
    {
        const auto add = [name, &target](const std::vector<std::string>& values) {
            for (const std::string& value : values)
                target.push_back(path_of(name, value));
        };
        app_.add_option_function<std::vector<std::string>>(name, add, help)->type_name("FILE")->allow_extra_args(false);
    }

    /// The arguments that aren't options.
    template <class Target>
    CLI::Option* arguments(const std::string& name, std::vector<Target>& target, const std::string& help)
    {
        const auto set = [name, &target](const std::vector<std::string>& values) {
            for (const std::string& value : values) {
                if constexpr (std::is_same_v<Target, std::filesystem::path>)
                    target.push_back(path_of(name, value));
                else
                    target.push_back(unmarked(value));
            }
        };
        return app_.add_option_function<std::vector<std::string>>(name, set, help)->type_name("");
    }

    /// An option with a number.
    template <class Number, class Target>
    CLI::Option* number(const std::string& name, Target& target, Number least, Number most, const std::string& help)
    {
        const auto set = [name, &target, least, most](const std::string& text) {
            Number value{};
            const char* const end = text.data() + text.size();
            const std::from_chars_result result = std::from_chars(text.data(), end, value);
            const std::string kind = std::is_integral_v<Number> ? "whole number" : "number";
            if (result.ec != std::errc() || result.ptr != end || !(value >= least && value <= most))
                bert::fail_input(name, "expected a " + kind + " from " + shown(least) + " to " + shown(most) + ", got " +
                                           bert::in_quotes(text));
            target = value;
        };
        return app_.add_option_function<std::string>(name, set, help)->type_name("N");
    }

    /// An option with a whole number.
    template <class Target>
    CLI::Option* count(const std::string& name, Target& target, std::size_t least, const std::string& help)
    {
        return number<std::size_t>(name, target, least, std::numeric_limits<std::int32_t>::max(), help);
    }

    /// An option with one of several names.
    template <class Target, class Value>
    CLI::Option* choice(const std::string& name, Target& target, std::initializer_list<std::pair<const char*, Value>> values,
                        const std::string& help)
    {
        std::string names;
        for (const auto& [text, value] : values)
            names += (names.empty() ? "" : "|") + std::string(text);
        const std::vector<std::pair<std::string, Value>> known(values.begin(), values.end());
        const auto set = [name, names, known, &target](const std::string& given) {
            for (const auto& [text, value] : known) {
                if (text != given) continue;
                target = value;
                return;
            }
            bert::fail_input(name, "expected " + names + ", got " + bert::in_quotes(given));
        };
        return app_.add_option_function<std::string>(name, set, help)->type_name(names);
    }

    void common(CommonOptions& common, bool computes = true)
    {
        app_.option_defaults()->group("Common options");
        text("--model", common.model, "DIR",
             std::string("Model folder; without it, the small one that comes with the program") +
                 (default_model_is_trained ? "" : " and has random weights"));
        if (computes) {
            choice<Scalar, Scalar>(
                "--scalar", common.scalar,
                {{"float", Scalar::float32}, {"double", Scalar::float64}, {"long-double", Scalar::long_double}},
                "Numbers to compute in (default: " + std::string(common.scalar == Scalar::float32 ? "float" : "double") + ")");
            choice<Operations, Operations>(
                "--ops", common.operations, {{"fast", Operations::fast}, {"reference", Operations::reference}},
                "Set of operations (default: " + std::string(common.operations == Operations::fast ? "fast" : "reference") + ")");
            choice<Precision, Precision>("--precision", common.precision,
                                         {{"float32", Precision::float32}, {"bf16", Precision::bf16}},
                                         "Of the products of --ops fast (default: float32)");
            number<std::size_t>("--threads", common.threads, 1, 4096, "Threads (default: one a processor)");
        }
        flag("--json", common.json, "One JSON object a line on standard output");
        flag("--quiet", common.quiet, "No warnings, no progress");
        common_ = computes ? &common : nullptr;
    }

    void texts(TextOptions& texts, const std::string& what = "Texts; without any, and without --file, standard input is read")
    {
        arguments("TEXT", texts.arguments, what);
        text_source(texts);
    }

    void text_source(TextOptions& texts)
    {
        paths("--file", texts.files, "File of texts, one a line; `-` is standard input; may be repeated");
        choice<bool, bool>("--input", texts.jsonl, {{"lines", false}, {"jsonl", true}},
                           "What a line is: a text, or an object with `text` and perhaps `pair` (encode: or with `ids`)");
        flag("--strict", texts.strict, "Refuse text that is not UTF-8 instead of replacing what isn't");
    }

    void vectors(VectorOptions& options, bool every_token)
    {
        pooling(options, every_token);
        CLI::Option* const layer =
            count("--layer", options.library.layer, 0, "Layer to take: 0 the embeddings (default: the last one)");
        choice<bert::Layers, bert::Layers>("--layers", options.library.layers,
                                           {{"sum4", bert::Layers::sum4}, {"concat4", bert::Layers::concat4}},
                                           "Sum of the last four layers, or these side by side")
            ->excludes(layer);
        flag_or_not("--normalize,!--no-normalize", options.library.normalize,
                    "Scale vectors to length 1 (default: as a sentence-transformers folder says)");
        truncation(options.library.truncation,
                   "Which text of a pair is truncated if both are too long; without it, they are refused, or truncated as a "
                   "sentence-transformers folder says");
        count("--max-length", options.library.max_length, 1,
              "Tokens that a text may have (default: as a sentence-transformers folder says, or the model's positions)");
        CLI::Option* const prompt =
            text("--prompt", options.library.prompt, "TEXT", "Put in front of each text (default: the folder's)");
        text("--prompt-name", options.prompt_name, "NAME", "Take this prompt of a sentence-transformers folder")
            ->excludes(prompt);
    }

    /// One way of pooling, or several with commas between them.
    void pooling(VectorOptions& options, bool every_token)
    {
        using bert::Pooling;
        const std::vector<std::pair<std::string, Pooling>> ways{{"mean", Pooling::mean},
                                                                {"cls", Pooling::cls},
                                                                {"max", Pooling::max},
                                                                {"mean_sqrt_len", Pooling::mean_sqrt_len},
                                                                {"weightedmean", Pooling::weightedmean},
                                                                {"lasttoken", Pooling::lasttoken},
                                                                {"pooler", Pooling::pooler}};
        std::string names;
        for (const auto& [name, way] : ways)
            names += (names.empty() ? "" : "|") + name;
        if (every_token) names += "|none";
        const auto set = [ways, names, every_token, &options](const std::string& given) {
            options.library.pooling.clear();
            options.every_token = every_token && given == "none";
            if (options.every_token) return;
            for (std::size_t begin = 0, end = 0; end != given.npos; begin = end + 1) {
                end = given.find(',', begin);
                const std::string name = given.substr(begin, end == given.npos ? end : end - begin);
                const auto way = std::find_if(ways.begin(), ways.end(), [&](const auto& known) { return known.first == name; });
                if (way == ways.end()) bert::fail_input("--pooling", "expected " + names + ", got " + bert::in_quotes(given));
                options.library.pooling.push_back(way->second);
            }
        };
        app_.add_option_function<std::string>(
                "--pooling", set,
                std::string("Tokens to text (default: as a sentence-transformers folder says, or mean); several with commas "
                            "between them are put side by side") +
                    (every_token ? "; none: a vector for every token" : ""))
            ->type_name(names);
    }

    void truncation(bert::Truncation& target, const std::string& help)
    {
        choice<bert::Truncation, bert::Truncation>("--truncation", target,
                                                   {{"longest_first", bert::Truncation::longest_first},
                                                    {"only_first", bert::Truncation::only_first},
                                                    {"only_second", bert::Truncation::only_second}},
                                                   help);
    }

    /// Parses the arguments.
    void parse(Arguments arguments)
    {
        for (std::string& argument : arguments)
            if (argument.starts_with('[')) argument.insert(argument.begin(), mark);
        arguments = separated(arguments);
        std::reverse(arguments.begin(), arguments.end());  // CLI11 expects them in reverse order
        try {
            app_.parse(std::move(arguments));
        } catch (const CLI::CallForHelp&) {
            print(app_.help());
            throw HelpShown{};
        } catch (const CLI::ExtrasError&) {
            const std::vector<std::string> extras = app_.remaining();
            bert::fail_input(command_, "expected options of this command (bert " + command_ + " --help), got " +
                                           bert::in_quotes(extras.empty() ? "" : unmarked(extras.back())));
        } catch (const CLI::ParseError& error) {
            bert::fail_input(command_, bert::one_line(error.what()));
        }
        if (common_ == nullptr) return;
        if (common_->precision == Precision::bf16 &&
            (common_->scalar != Scalar::float32 || common_->operations != Operations::fast))
            bert::fail_input("--precision", "expected float32, got bf16, which is for --scalar float and --ops fast");
        if (common_->scalar == Scalar::long_double && common_->operations == Operations::fast)
            bert::fail_input("--scalar", "expected float or double for --ops fast, got long-double, which --ops reference has");
    }

private:
    /// Handles cases that CLI11 reads differently: it takes any argument after an option as its value, and the letters of `-half`
    /// as options. Here `--pair=` is an empty value, an option is never a value, and a text that begins with `-` must follow
    /// `--`.
    Arguments separated(const Arguments& arguments) const
    {
        const auto option_of = [&](const std::string& text) { return app_.get_option_no_throw(text.substr(0, text.find('='))); };
        Arguments result;
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            const std::string& argument = arguments[i];
            if (argument == "--") {
                result.insert(result.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
                break;
            }
            if (argument.size() > 1 && argument[0] == '-' && argument[1] != '-' && argument != "-h")
                bert::fail_input(command_,
                                 "expected options of this command, or texts behind --, got " + bert::in_quotes(argument));
            const CLI::Option* const option = argument.starts_with("--") ? option_of(argument) : nullptr;
            const bool takes_value = option != nullptr && option->get_items_expected_max() > 0;
            const std::size_t equals = argument.find('=');
            if (takes_value && equals + 1 == argument.size()) {
                result.insert(result.end(), {argument.substr(0, equals), ""});
                continue;
            }
            result.push_back(argument);
            if (!takes_value || equals != std::string::npos) continue;
            const bool is_last = i + 1 == arguments.size();
            if (is_last || (arguments[i + 1].starts_with("--") && option_of(arguments[i + 1]) != nullptr))
                bert::fail_input(argument, "expected a value, got " + (is_last ? "none" : bert::in_quotes(arguments[i + 1])));
            result.push_back(arguments[++i]);
        }
        return result;
    }

    /// Put before arguments that begin with a bracket, because CLI11 would take `[MASK]` for a list of one element.
    static constexpr char mark = '\x01';
    static std::string unmarked(const std::string& text) { return text.starts_with(mark) ? text.substr(1) : text; }

    /// Rejects an empty path, which usually comes from an unset variable, and would count as a missing option.
    static std::filesystem::path path_of(const std::string& name, const std::string& text)
    {
        if (text.empty()) bert::fail_input(name, "expected a path, got \"\"");
        return unmarked(text);
    }

    template <class Number>
    static std::string shown(Number number)
    {
        if constexpr (std::is_integral_v<Number>)
            return std::to_string(number);
        else
            return number_text(number);
    }

    CLI::App app_;
    std::string command_;
    const CommonOptions* common_ = nullptr;
};

/// Rejects --model where a command would ignore it.
void refuse_model(const CommonOptions& common, const std::string& beside)
{
    if (!common.model.empty())
        bert::fail_input("--model", "expected none beside " + beside + ", got " + bert::in_quotes(common.model.string()));
}

}  // namespace

InfoOptions info_options(const Arguments& arguments)
{
    InfoOptions options;
    Parser parser("info",
                  "What a model folder or a file holds. Without a path: the default model, this machine, and what multiplies "
                  "matrices in this program.");
    parser.text("PATH", options.path, "", "A model folder, or one of its files");
    parser.flag("--verbose", options.verbose, "Every tensor");
    parser.common(options.common, false);
    parser.parse(arguments);
    if (!options.path.empty()) refuse_model(options.common, "PATH");
    return options;
}

TokenizeOptions tokenize_options(const Arguments& arguments)
{
    TokenizeOptions options;
    bool no_special_tokens = false;
    const auto side = [](Parser& parser, const std::string& name, std::optional<bert::Side>& target, const std::string& help) {
        parser.choice<std::optional<bert::Side>, bert::Side>(name, target,
                                                             {{"right", bert::Side::right}, {"left", bert::Side::left}}, help);
    };
    Parser parser("tokenize", "Texts to ids, tokens, offsets (in code points) and type ids; or ids to texts.");
    parser.texts(options.texts);
    parser.text("--pair", options.pair, "TEXT", "The second text of a pair, of which the argument is the first");
    parser.text("--tokenizer", options.tokenizer, "PATH", "Folder, tokenizer.json or vocab.txt (default: the model's)");
    parser.flag_or_not("--lowercase,!--no-lowercase", options.lowercase,
                       "For a vocab.txt: whether to lower-case; a tokenizer.json says it itself");
    parser.count("--max-length", options.encode.max_length, 1, "Tokens that a window may hold, special ones included");
    parser.truncation(options.encode.truncation, "Which text of a pair is truncated above --max-length (default: longest_first)");
    side(parser, "--truncation-side", options.truncation_side, "Where it is truncated (default: the tokenizer's own)");
    parser.count("--stride", options.encode.stride, 0, "Tokens that a window repeats of the one before (default: 0)");
    parser.number<std::size_t>("--pad-to", options.encode.pad_to, 0, 1U << 20U, "Tokens that a window has at least");
    side(parser, "--padding-side", options.padding_side, "Where padding goes (default: the tokenizer's own)");
    parser.flag("--no-special-tokens", no_special_tokens, "Without [CLS] and [SEP]");
    parser.flag("--decode", options.decode, "The other way: lines of ids to text");
    parser.flag("--skip-special-tokens", options.skip_special_tokens, "Leave special tokens out of what is decoded");
    parser.common(options.common, false);
    parser.parse(arguments);
    options.encode.special_tokens = !no_special_tokens;
    if (options.encode.stride > 0 && options.encode.max_length == 0)
        bert::fail_input("--stride", "expected --max-length beside it, got none");
    if (options.skip_special_tokens && !options.decode)
        bert::fail_input("--skip-special-tokens", "expected --decode beside it, got none");
    if (options.pair && options.texts.arguments.empty() && options.texts.files.empty())
        bert::fail_input("--pair", "expected a first text beside it, an argument or --file, got none");
    if (options.decode && (options.texts.jsonl || options.pair))
        bert::fail_input("--decode", "expected lines of ids, got --input jsonl or --pair");
    return options;
}

EncodeOptions encode_options(const Arguments& arguments)
{
    EncodeOptions options;
    Parser parser("encode", "Texts to vectors.");
    parser.texts(options.texts);
    parser.vectors(options.vectors, true);
    parser.text("--output", options.output, "FILE", "Write vectors to a .safetensors or .npy file instead");
    parser.common(options.common);
    parser.parse(arguments);
    options.texts.ids = options.texts.jsonl;
    const std::string kind = options.output.extension().string();
    if (!options.output.empty() && kind != ".safetensors" && kind != ".npy")
        bert::fail_input("--output", "expected a name that ends in .safetensors or .npy, got " +
                                         bert::in_quotes(options.output.string()) +
                                         (options.output == "-" ? "; without --output, vectors go to standard output" : ""));
    if (!options.output.empty() && options.common.scalar == Scalar::long_double)
        bert::fail_input("--scalar", "expected float or double, which --output can hold, got long-double");
    return options;
}

SimilarityOptions similarity_options(const Arguments& arguments)
{
    SimilarityOptions options;
    Parser parser("similarity",
                  "The cosine of the vectors of two texts, from -1 to 1: of two arguments, of lines with a tab between the "
                  "texts, or of objects with `text` and `pair`.");
    parser.texts(options.texts, "Two texts; without any, and without --file, standard input is read");
    parser.vectors(options.vectors, false);
    parser.common(options.common);
    parser.parse(arguments);
    return options;
}

SearchOptions search_options(const Arguments& arguments)
{
    SearchOptions options;
    Parser parser(
        "search",
        "The lines of files that are nearest to a query: the cosine of their vectors, where the line stands, the line.");
    parser.arguments("QUERY", options.queries, "What to search for; without any, standard input is read, one query a line");
    parser.text_source(options.texts);
    parser.text("--index", options.index, "FILE",
                "Keep lines and vectors in this .safetensors file; without --file, search what it keeps");
    parser.count("--top", options.top, 1, "Lines to show for a query (default: 5)");
    parser.vectors(options.vectors, false);
    parser.common(options.common);
    parser.parse(arguments);
    if (options.texts.files.empty() && options.index.empty())
        bert::fail_input("search", "expected --file or --index, got neither");
    const auto& files = options.texts.files;
    if (options.queries.empty() && std::find(files.begin(), files.end(), "-") != files.end())
        bert::fail_input("search", "expected a QUERY beside --file -, which reads standard input to its end, got none");
    return options;
}

FillMaskOptions fill_mask_options(const Arguments& arguments)
{
    FillMaskOptions options;
    std::optional<std::string> targets;
    Parser parser("fill-mask", "The most likely words for each [MASK] in a text, with their probabilities.");
    parser.texts(options.texts);
    parser.text("--targets", targets, "WORD,...", "Only these words, each of which must be one token of the vocabulary");
    parser.count("--top", options.top, 1, "Words to show (default: 5, or all targets)");
    parser.truncation(options.truncation, "Which text of a pair is truncated if both are too long; without it, they are refused");
    parser.count("--max-length", options.max_length, 1, "Tokens that a text may have (default: the model's positions)");
    parser.common(options.common);
    parser.parse(arguments);
    for (std::size_t begin = 0; targets && begin <= targets->size();) {
        const std::size_t end = std::min(targets->find(',', begin), targets->size());
        options.targets.push_back(targets->substr(begin, end - begin));
        begin = end + 1;
    }
    return options;
}

VerifyOptions verify_options(const Arguments& arguments)
{
    VerifyOptions options;
    options.common.scalar = Scalar::float64;
    options.common.operations = Operations::reference;
    Parser parser("verify",
                  "Holds the implementation to reference cases: every tensor that another implementation computed. Exit status 1 "
                  "if one doesn't hold.");
    parser.arguments("CASE", options.cases, "Folders with case.json; without any, the default model's");
    parser.flag("--verbose", options.verbose, "A row for every tensor");
    parser.common(options.common);
    parser.parse(arguments);
    refuse_model(options.common, "a case, which has its own");
    return options;
}

DumpOptions dump_options(const Arguments& arguments)
{
    DumpOptions options;
    Parser parser("dump", "All forward tensors of a model, under the names of reference cases, to a file.");
    parser.texts(options.texts);
    parser.text("--inputs", options.inputs, "FILE",
                "safetensors with input.ids, and perhaps input.segments and input.mask, instead of texts");
    parser.text("--output", options.output, "FILE", "The safetensors file to write")->required();
    parser.common(options.common);
    parser.parse(arguments);
    if (!options.inputs.empty() && !(options.texts.arguments.empty() && options.texts.files.empty()))
        bert::fail_input("--inputs", "expected no texts beside it, got some");
    if (options.common.scalar == Scalar::long_double)
        bert::fail_input("--scalar", "expected float or double, which a safetensors file can hold, got long-double");
    if (options.output == "-")
        bert::fail_input("--output", "expected the name of a file, got \"-\"; the name of standard output is /dev/stdout");
    if (options.output.has_extension() && options.output.extension() != ".safetensors")
        bert::fail_input("--output", "expected a name that ends in .safetensors, the only format of dump, got " +
                                         bert::in_quotes(options.output.string()));
    return options;
}

DiffOptions diff_options(const Arguments& arguments)
{
    DiffOptions options;
    Parser parser("diff",
                  "Compares two files that dump wrote, or a dump with a reference case's expected.safetensors, by the rules of "
                  "reference cases. Exit status 1 if they differ by more than the limit.");
    parser.text("FOUND", options.found, "", "safetensors: what was computed")->required();
    parser.text("EXPECTED", options.expected, "", "safetensors: what should have been")->required();
    parser.number<double>("--limit", options.limit, 0, std::numeric_limits<double>::max(),
                          "Largest error (default: that of reference cases, for float if FOUND is F32)");
    parser.flag("--common", options.only_common, "Compare the tensors that both files have, and say how many these are");
    parser.flag("--verbose", options.verbose, "A row for every tensor");
    parser.common(options.common, false);
    parser.parse(arguments);
    refuse_model(options.common, "two files");
    return options;
}

BenchOptions bench_options(const Arguments& arguments)
{
    BenchOptions options;
    Parser parser("bench",
                  "How fast a model computes: tokens and operations a second, and which part of the processor's peak that is.");
    parser.text("--config", options.config, "FILE", "A config.json; its weights are made up");
    parser.count("--batch", options.batch, 1, "Sequences (default: 1)");
    parser.count("--length", options.length, 1, "Tokens of each (default: 128)");
    parser.count("--repeat", options.repeat, 1, "Measured runs (default: 20)");
    parser.number<std::uint64_t>("--seed", options.seed, 0, std::numeric_limits<std::uint64_t>::max(),
                                 "Of weights and ids (default: 1)");
    parser.flag("--train", options.train, "Training steps: forward, backward with dropout, clipping and AdamW");
    parser.flag("--gradient-checkpointing", options.gradient_checkpointing,
                "Training keeps of each block its result alone, and computes the rest again in backward");
    parser.count("--micro-batch", options.micro_batch, 1,
                 "Training takes the batch in parts of so many sequences and adds their gradients (default: the whole batch)");
    parser.common(options.common);
    parser.parse(arguments);
    if (!options.config.empty()) refuse_model(options.common, "--config");
    if (!options.train && (options.gradient_checkpointing || options.micro_batch > 0))
        bert::fail_input(options.gradient_checkpointing ? "--gradient-checkpointing" : "--micro-batch",
                         "expected --train beside it");
    if (options.micro_batch > options.batch)
        bert::fail_input("--micro-batch", "expected at most the batch's " + std::to_string(options.batch) + " sequences, got " +
                                              std::to_string(options.micro_batch));
    if (options.micro_batch == 0) options.micro_batch = options.batch;
    return options;
}

}  // namespace program
