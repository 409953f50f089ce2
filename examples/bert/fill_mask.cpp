/// @file
/// bert fill-mask

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <bert/core/error.hpp>
#include <bert/core/finite.hpp>
#include <bert/core/one_line.hpp>
#include <bert/io/config.hpp>
#include <bert/io/families.hpp>
#include <bert/io/sentence_folder.hpp>
#include <bert/pretrained.hpp>
#include <bert/sentence_vectors.hpp>

#include "commands.hpp"
#include "hidden_states.hpp"
#include "input.hpp"
#include "largest.hpp"
#include "little_work.hpp"
#include "output.hpp"
#include "sets.hpp"

namespace program {

namespace {

/// A model with a masked-LM head, and its tokenizer.
template <class Real, class Ops>
class MaskedLm {
public:
    /// @param common  --model, --quiet
    /// @throws bert::InputError for a file that is missing or broken, and for a model without the head
    explicit MaskedLm(const CommonOptions& common)
        : pipeline_(bert::load_pipeline<Real>(model_folder(common))),
          folder_(pipeline_.transformer),
          family_(bert::family_of(folder_ / "config.json")),
          tokenizer_(load_tokenizer(common, pipeline_.tokenizer)),
          config_(bert::read_config(folder_ / "config.json", family_))
    {
        if (pipeline_.lowercase) tokenizer_ = bert::lower_casing(tokenizer_);
        bert::LoadReport report;
        if (!config_.has_head("masked_lm"))
            bert::fail_input(model_folder(common).string(),
                             "expected a model with a masked-LM head, as BertForMaskedLM, got " + config_.architecture);
        other_ = load_hidden_states<Real, Ops>(folder_, report, family_);
        if (!other_) model_ = bert::load_with_heads<Real, Ops>(folder_, {"masked_lm"}, &report, family_);
        warn_of_ignored(common, report);
        if (!other_ && !model_.masked_lm)
            bert::fail_input(folder_.string(), "expected the tensors of a masked-LM head, got none");
    }

    const bert::Tokenizer& tokenizer() const { return tokenizer_; }
    const bert::Config& config() const { return config_; }

    /// The probabilities of all words at the masked positions.
    /// @param text  for the message
    /// @param batch  its tokens
    /// @param rows  the masked positions
    /// @return  [rows, V]
    /// @throws bert::InputError if a probability is non-finite
    bert::Tensor<Real, 2> probabilities(const Text& text, const bert::Batch& batch, const std::vector<std::size_t>& rows)
    {
        const LittleWork threads(config_, batch.sequences.tokens());
        bert::Tensor<Real, 2> probabilities;
        Ops::softmax(logits(batch, rows), probabilities);
        if (bert::all_finite(probabilities.data(), probabilities.size())) return probabilities;
        bert::fail_non_finite(text.place, text.text, other_ ? other_->first_non_finite() : bert::first_non_finite(model_));
    }

private:
    bert::Tensor<Real, 2> logits(const bert::Batch& batch, const std::vector<std::size_t>& rows)
    {
        if (other_) {
            other_->forward(batch);
            return other_->masked_lm_logits(batch, rows);
        }
        const bert::Tensor<Real, 2> hidden = bert::token_vectors(model_, batch, {}, scratch_);  // [T, H]
        const bert::BodyResult<Real> result{batch, hidden, scratch_.pooler.pooled, model_.body.embeddings.word};
        model_.masked_lm->forward(result, bert::MaskedLmTarget{rows, {}}, {model_.config, batch.sequences, scratch_.workspace},
                                  head_);
        return head_.logits;
    }

    bert::SentencePipeline<Real> pipeline_;
    std::filesystem::path folder_;
    const bert::Family& family_;
    bert::FastTokenizer tokenizer_;
    bert::Config config_;
    bert::Model<Real, Ops> model_;               // BERT's body and the head
    std::unique_ptr<HiddenStates<Real>> other_;  // MobileBERT
    bert::VectorScratch<Real> scratch_;
    bert::MaskedLmActivations<Real> head_;
};

/// The ids of --targets, each once. A word that isn't in the vocabulary as it stands is tokenized: an uncased vocabulary has
/// "paris" for "Paris".
std::vector<std::size_t> target_ids(const bert::Tokenizer& tokenizer, const bert::Config& config,
                                    const std::vector<std::string>& words)
{
    bert::EncodeOptions without_special_tokens;
    without_special_tokens.special_tokens = false;
    std::vector<std::size_t> ids;
    for (const std::string& word : words) {
        const std::string place = "--targets: " + bert::in_quotes(word);
        std::optional<std::int64_t> id = tokenizer.id(word);
        if (!id) {
            const bert::Encoding pieces = tokenizer.encode(word, without_special_tokens);
            if (pieces.size() != 1 || pieces.ids[0] == tokenizer.unk_id()) {
                std::string found;
                for (const std::string_view token : tokenizer.tokens(pieces))
                    found += (found.empty() ? "" : " ") + bert::one_line(token);
                bert::fail_input(place, "expected one token of the vocabulary, got " + (found.empty() ? "none" : found));
            }
            id = pieces.ids[0];
        }
        const auto v = static_cast<std::size_t>(*id);
        if (v >= config.vocab_size)
            bert::fail_input(
                place, "expected an id below vocab_size (" + std::to_string(config.vocab_size) + "), got " + std::to_string(v));
        if (std::find(ids.begin(), ids.end(), v) == ids.end()) ids.push_back(v);
    }
    return ids;
}

/// The positions of [MASK] in a text. One that truncation has cut off is an error, because it would be missing in the result.
std::vector<std::size_t> masked_positions(const bert::Tokenizer& tokenizer, const Text& text, const bert::Batch& batch,
                                          const FillMaskOptions& options)
{
    const std::string& mask = tokenizer.options().special.mask;
    std::vector<std::size_t> masked;
    for (std::size_t t = 0; t < batch.ids.size(); ++t)
        if (batch.ids(t) == tokenizer.mask_id()) masked.push_back(t);
    if (options.truncation != bert::Truncation::none) {
        const bert::Encoding whole = encoding_of(tokenizer, text, {});
        const auto all = static_cast<std::size_t>(std::count(whole.ids.begin(), whole.ids.end(), tokenizer.mask_id()));
        if (masked.size() < all)
            bert::fail_input(text.place, "expected every " + mask + " in the " + counted(batch.ids.size(), "token") +
                                             " that --truncation leaves, got " + std::to_string(masked.size()) + " of " +
                                             std::to_string(all));
    }
    if (masked.empty()) bert::fail_input(text.place, "expected " + mask + " in the text, got " + bert::in_quotes(text.text));
    return masked;
}

/// The words to show for one [MASK], the most likely one first.
/// @param probabilities  of each word that has a name
/// @param targets  ids of --targets; if empty, any word
template <class Real>
std::vector<std::size_t> words_to_show(std::span<const Real> probabilities, const std::vector<std::size_t>& targets,
                                       const FillMaskOptions& options)
{
    if (targets.empty()) return largest(probabilities, options.top.value_or(5));
    std::vector<Real> of_targets;
    for (const std::size_t v : targets)
        of_targets.push_back(probabilities[v]);
    std::vector<std::size_t> words;
    for (const std::size_t i : largest(std::span<const Real>(of_targets), options.top.value_or(targets.size())))
        words.push_back(targets[i]);
    return words;
}

template <class Real, class Ops>
void fill(MaskedLm<Real, Ops>& model, const Text& text, const std::vector<std::size_t>& targets, const FillMaskOptions& options)
{
    const bert::Tokenizer& tokenizer = model.tokenizer();
    const std::size_t positions = model.config().longest_sequence();
    const bert::Batch batch =
        batch_of(&tokenizer, model.config(), {text}, options.truncation, options.max_length > 0 ? options.max_length : positions);
    const std::vector<std::size_t> masked = masked_positions(tokenizer, text, batch, options);
    const bert::Tensor<Real, 2> probabilities = model.probabilities(text, batch, masked);

    std::vector<JsonObject> masks;
    Table table("rlr");
    table.row({"position", "token", "probability"});
    for (std::size_t i = 0; i < masked.size(); ++i) {
        const std::size_t V = probabilities.shape(1), words_with_names = std::min(V, tokenizer.vocab_size());
        const std::span<const Real> of_words(probabilities.data() + i * V, words_with_names);
        std::vector<JsonObject> words;
        for (const std::size_t v : words_to_show(of_words, targets, options)) {
            const std::string_view token = tokenizer.token(static_cast<std::int64_t>(v));
            words.push_back(JsonObject().add("token", token).add("id", v).add("probability", probabilities(i, v)));
            table.row({std::to_string(masked[i]), std::string(token), rounded(static_cast<double>(probabilities(i, v)), 4)});
        }
        masks.push_back(JsonObject().add("position", masked[i]).add("words", words));
    }
    print(options.common.json ? JsonObject().add("text", text.text).add("masks", masks).text() + "\n" : table.text());
}

}  // namespace

int fill_mask(const FillMaskOptions& options)
{
    return with_set(options.common, [&]<class Real, class Ops>() {
        MaskedLm<Real, Ops> model(options.common);
        const bert::Config& config = model.config();
        if (options.max_length > config.longest_sequence())
            bert::fail_input("--max-length", "expected at most the model's " + std::to_string(config.longest_sequence()) +
                                                 " positions, got " + std::to_string(options.max_length));
        const std::vector<std::size_t> targets = target_ids(model.tokenizer(), config, options.targets);
        TextReader reader(options.texts, options.common.quiet);
        bool first = true;
        while (const std::optional<Text> text = reader.next()) {
            if (!first && !options.common.json) print("\n");
            first = false;
            fill(model, *text, targets, options);
        }
        return 0;
    });
}

}  // namespace program
