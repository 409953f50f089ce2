// Reads any bytes as a tokenizer.json: they are refused with an InputError, or make a tokenizer whose fast form gives what its
// steps give, and that is the same when it is written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bert/fast_tokenizer.hpp"
#include "bert/io/tokenizer_json.hpp"
#include "bert/io/tokenizer_writer.hpp"

namespace {

bert::FastTokenizer tokenizer_of(std::string_view text)
{
    const std::string place = "tokenizer.json";
    try {
        return bert::FastTokenizer(bert::detail::options_from_tokenizer_json({bert::parse_json(place, text), place}));
    } catch (const std::invalid_argument& error) {  // as load_tokenizer does
        bert::fail_input(place, error.what());
    }
}

void require(bool condition)
{
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        const bert::FastTokenizer tokenizer = tokenizer_of({reinterpret_cast<const char*>(data), size});
        const bert::FastTokenizer again = tokenizer_of(bert::detail::tokenizer_json(tokenizer).dump());
        bert::EncodeOptions options;
        options.special_tokens = false;
        for (const std::string text :
             {"a hello <x> \xC3\xA9\xCC\x81\xE4\xB8\xAD[MASK]b", "<left> <left>a\xE3\x80\xAE\xCC\x81\xFF"}) {
            const bert::Encoding encoding = tokenizer.encode(text, options);
            bert::Encoding steps;
            tokenizer.Tokenizer::tokenize(text, steps);
            require(encoding.ids == steps.ids && encoding.offsets == steps.offsets && encoding.word_ids == steps.word_ids);
            require(again.encode_pair(text, "a").ids == tokenizer.encode_pair(text, "a").ids);
            require(again.decode(encoding.ids) == tokenizer.decode(encoding.ids));
        }
    } catch (const bert::InputError&) {
    }
    return 0;
}
