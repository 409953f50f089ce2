// Reads any bytes as a vocab.txt, then a zero byte and a text: they are refused with an InputError, or make a tokenizer whose
// fast form gives what its steps give, with offsets inside of the text, and whose windows hold all tokens.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "bert/fast_tokenizer.hpp"
#include "bert/io/vocabulary_file.hpp"
#include "bert/text/tokenizer_options.hpp"

namespace {

void require(bool condition)
{
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(input.find('\0'), size);
    const std::string_view text = input.substr(std::min(end + 1, size));
    try {
        bert::TokenizerOptions tokenizer_options;
        const bert::detail::VocabularyFile file = bert::detail::vocabulary_from_lines("vocab.txt", input.substr(0, end));
        tokenizer_options.vocabulary = file.tokens;
        tokenizer_options.first_new_id = file.first_new_id;
        tokenizer_options.added_tokens = bert::special_added_tokens();
        tokenizer_options.normalizer.lowercase = size % 2 == 0;
        const bert::FastTokenizer tokenizer(tokenizer_options);
        bert::EncodeOptions options;
        options.special_tokens = false;
        const bert::Encoding whole = tokenizer.encode(text, options);
        bert::Encoding steps;
        tokenizer.Tokenizer::tokenize(text, steps);
        require(whole.ids == steps.ids && whole.offsets == steps.offsets && whole.word_ids == steps.word_ids);
        require(whole.replaced == steps.replaced);
        for (const auto& [begin, after] : whole.offsets)
            require(begin < after && after <= text.size());

        options.max_length = 3;
        options.stride = 1;
        const bert::Encoding truncated = tokenizer.encode(text, options);
        require(truncated.size() <= 3 && truncated.size() == std::min<std::size_t>(3, whole.size()));
        std::size_t tokens = truncated.size();
        for (const bert::Encoding& window : truncated.overflow)
            tokens += window.size() - 1;
        require(tokens == whole.size());
        tokenizer.decode(whole.ids, true);
    } catch (const bert::InputError&) {
    } catch (const std::invalid_argument&) {  // a vocabulary without [UNK]
    }
    return 0;
}
