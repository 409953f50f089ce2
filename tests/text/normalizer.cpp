// BERT's normalizer, step by step, on strings whose result follows from the rules by hand.
#include "catch.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bert/text/normalizer.hpp"

namespace {

std::u32string normalized(std::u32string_view text, bert::NormalizerOptions options = {})
{
    return bert::normalize(text, options).codes;
}

constexpr bert::NormalizerOptions nothing{false, false, false, false};

}  // namespace

TEST_CASE("the example of the header")
{
    const bert::TracedText text = bert::normalize(U"Cr\u00E8me  BR\u00DBL\u00C9E", {});
    CHECK(text.codes == U"creme  brulee");
    CHECK(text.sources == std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

TEST_CASE("cleaning removes controls and makes white space plain")
{
    bert::NormalizerOptions clean = nothing;
    clean.clean_text = true;
    const bert::TracedText text = bert::normalize(
        U"a\u200Bb\tc\u3000d\x0B"
        U"e\uFFFDf",
        clean);
    CHECK(text.codes == U"ab c def");
    CHECK(text.sources == std::vector<std::uint32_t>{0, 2, 3, 4, 5, 6, 8, 10});
    CHECK(normalized(U"a\u200B\tb", nothing) == U"a\u200B\tb");
}

TEST_CASE("Chinese characters get spaces around them")
{
    const bert::TracedText text = bert::normalize(U"a\u4E2D\u6587", {});
    CHECK(text.codes == U"a \u4E2D  \u6587 ");
    CHECK(text.sources == std::vector<std::uint32_t>{0, 1, 1, 1, 2, 2, 2});
}

TEST_CASE("accents go only where they are asked to go")
{
    CHECK(normalized(U"\u00C9") == U"e");
    CHECK(normalized(U"\u00C9", {true, true, std::nullopt, false}) == U"\u00C9");  // cased
    CHECK(normalized(U"\u00C9", {true, true, false, true}) == U"\u00E9");
    CHECK(normalized(U"\u00C9", {true, true, true, false}) == U"E");
    CHECK(normalized(U"I\u0307\u0130") == U"ii");
    CHECK(normalized(U"\u0130", {true, true, false, true}) == U"i\u0307");
}

TEST_CASE("a decomposed character keeps its place, and so does what follows")
{
    const bert::TracedText hangul = bert::normalize(U"\uAC01x", {});
    CHECK(hangul.codes == U"\u1100\u1161\u11A8x");
    CHECK(hangul.sources == std::vector<std::uint32_t>{0, 0, 0, 1});
    CHECK(bert::normalize(U"ab", {}, 40).sources == std::vector<std::uint32_t>{40, 41});
}

TEST_CASE("marks are put in the order of their classes, those of one class stay in theirs")
{
    // acute (230), Hangul tone mark (224), cedilla (202), grave (230)
    const bert::TracedText text = bert::decompose(bert::normalize(U"e\u0301\u302E\u0327\u0300z", nothing));
    CHECK(text.codes == U"e\u0327\u302E\u0301\u0300z");
    CHECK(text.sources == std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5});  // places stay, marks move
    // e with acute and a tone mark: the acute comes with the e and takes no place of its own.
    const bert::TracedText composed = bert::decompose(bert::normalize(U"\u00E9\u302Ez", nothing));
    CHECK(composed.codes == U"e\u302E\u0301z");
    CHECK(composed.sources == std::vector<std::uint32_t>{0, 1, 1, 2});
}

TEST_CASE("counting marks sorts as a stable sort does")
{
    std::u32string text = U"a";
    std::uint32_t state = 1;
    for (int i = 0; i < 5000; ++i) {
        state = state * 1664525u + 1013904223u;
        const char32_t marks[] = {0x301, 0x327, 0x302E, 0x334, 0x345, 0x5B0, 0x300};
        text += marks[(state >> 16) % 7];
    }
    std::u32string expected = text;
    std::stable_sort(expected.begin() + 1, expected.end(),
                     [](char32_t a, char32_t b) { return bert::combining_class(a) < bert::combining_class(b); });
    CHECK(bert::decompose(bert::normalize(text, nothing)).codes == expected);
}
