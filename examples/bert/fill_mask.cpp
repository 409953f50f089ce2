/// @file
/// bert fill-mask

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <bert/core/finite.hpp>
#include <bert/pretrained.hpp>
#include <bert/sentence_vectors.hpp>

#include "commands.hpp"
#include "input.hpp"
#include "largest.hpp"
#include "little_work.hpp"
#include "output.hpp"
#include "sets.hpp"

namespace program {

namespace {

/// Scratch memory that is reused between texts.
template <class Real>
struct FillScratch {
    bert::VectorScratch<Real> body;
    bert::MaskedLmActivations<Real> head;
};

template <class Real, class Ops>
void fill(const bert::Pretrained<Real, Ops>& pretrained, const Text& text, const FillMaskOptions& options,
          FillScratch<Real>& scratch)
{
    const bert::Model<Real, Ops>& model = pretrained.model;
    const bert::Tokenizer& tokenizer = pretrained.tokenizer;
    const bert::Batch batch =
        batch_of(tokenizer, model.config, {text}, bert::Truncation::none, model.config.max_position_embeddings, false);
    std::vector<std::size_t> masked;
    for (std::size_t t = 0; t < batch.ids.size(); ++t)
        if (batch.ids(t) == tokenizer.mask_id()) masked.push_back(t);
    if (masked.empty())
        bert::fail_input(text.place,
                         "expected " + tokenizer.options().special.mask + " in the text, got " + bert::in_quotes(text.text));

    const LittleWork threads(model.config, batch.sequences.tokens());
    const bert::Tensor<Real, 2> hidden = bert::token_vectors(model, batch, {}, scratch.body);  // [T, H]
    const bert::BodyResult<Real> result{batch, hidden, scratch.body.pooler.pooled, model.body.embeddings.word};
    const bert::MaskedLmTarget target{masked, {}};
    model.masked_lm->forward(result, target, {model.config, batch.sequences, scratch.body.workspace}, scratch.head);
    bert::Tensor<Real, 2> probabilities;
    Ops::softmax(scratch.head.logits, probabilities);
    if (!bert::all_finite(probabilities.data(), probabilities.size())) bert::fail_non_finite(text.place, text.text, model);

    std::vector<JsonObject> masks;
    Table table("rlr");
    for (std::size_t i = 0; i < masked.size(); ++i) {
        const std::size_t V = probabilities.shape(1), words_with_names = std::min(V, tokenizer.vocab_size());
        const std::span<const Real> of_words(probabilities.data() + i * V, words_with_names);
        std::vector<JsonObject> words;
        for (const std::size_t v : largest(of_words, options.top)) {
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
        const auto pretrained = load_pretrained<Real, Ops>(options.common);
        if (!pretrained.model.masked_lm)
            bert::fail_input(
                model_folder(options.common).string(),
                "expected a model with a masked-LM head, as BertForMaskedLM, got " + pretrained.model.config.architecture);
        FillScratch<Real> scratch;
        TextReader reader(options.texts, options.common.quiet);
        bool first = true;
        while (const std::optional<Text> text = reader.next()) {
            if (!first && !options.common.json) print("\n");
            first = false;
            fill(pretrained, *text, options, scratch);
        }
        return 0;
    });
}

}  // namespace program
