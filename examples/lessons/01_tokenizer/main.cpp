// Lesson 01: the tokenizer, from a text to the ids that BERT reads.
//
// Beside it: include/bert/tokenizer.hpp and the headers under include/bert/text that it names.
// Devlin et al. 2019, section 3 (input representations); Wu et al. 2016, section 4.1 (WordPiece).
#include <bert/tokenizer.hpp>

#include <cstdio>
#include <string>
#include <vector>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

// Nineteen tokens; the index of each in the list is its id. A published vocabulary is such a list of some 30,000.
const std::vector<std::string> tokens_by_id = {"[PAD]",  "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cafe",
                                               "play",   "##er",  "##ing", "##s",   "was",    "un",  "una",
                                               "##able", "'",     "!",     "海",    "is"};

Tokenizer make_tokenizer(const std::vector<std::string>& vocabulary)
{
    TokenizerOptions options;
    options.vocabulary = vocabulary;
    options.added_tokens = special_added_tokens();  // [MASK] and other special tokens are recognized in a text
    return Tokenizer(options);
}

// The characters of a span, in UTF-8.
std::string part_of(const std::u32string& codes, Span span)
{
    return encode_utf8(std::u32string_view(codes).substr(span.start, span.end - span.start));
}

// The tokens of an encoding, separated by spaces.
std::string joined(const Tokenizer& tokenizer, const Encoding& encoding)
{
    std::string text;
    for (const std::string_view token : tokenizer.tokens(encoding)) {
        if (!text.empty()) text += ' ';
        text += token;
    }
    return text;
}

// Prints a row for each token: its id, its type, its characters in the text, and its mask.
void show_encoding(const Tokenizer& tokenizer, const Encoding& encoding)
{
    std::puts("     token     id  type  characters  mask");
    for (std::size_t i = 0; i < encoding.size(); ++i)
        std::printf("     %-8s %3d %5d %5u to %-2u %5d\n", std::string(tokenizer.token(encoding.ids[i])).c_str(),
                    static_cast<int>(encoding.ids[i]), static_cast<int>(encoding.type_ids[i]), encoding.offsets[i][0],
                    encoding.offsets[i][1], encoding.attention_mask[i]);
}

int main()
{
    std::puts("1. A text arrives as UTF-8 bytes; offsets count its characters.");
    const std::string text = "The  CAFÉ\twas 海!";
    std::u32string codes;
    decode_utf8(text, codes);
    std::printf("   %zu bytes, %zu characters\n", text.size(), codes.size());  // STOP 1: text and codes
    claim(text.size() == 19 && codes.size() == 16, "É takes two bytes, 海 three, and every other character one");

    std::puts("2. The normalizer removes differences of case, accents and white space.");
    TracedText traced;
    for (std::size_t i = 0; i < codes.size(); ++i)
        traced.push(codes[i], static_cast<std::uint32_t>(i));  // the source of a character is its index in the text
    const TracedText cleaned = clean_text(traced);             // the tab becomes a space
    const TracedText spaced = space_chinese(cleaned);          // a Chinese character becomes a word of its own
    const TracedText decomposed = decompose(spaced);           // É becomes E and an acute accent
    const TracedText bare = remove_marks(decomposed);          // the accent is removed
    const TracedText normalized = lower_case(bare);
    std::printf("   \"%s\"\n", encode_utf8(normalized.codes).c_str());  // STOP 2: decomposed.codes[8] and [9], and their sources
    claim(decomposed.size() == spaced.size() + 1, "É was decomposed into two characters");
    claim(encode_utf8(normalized.codes) == "the  cafe was  海 !", "the result is lower case, without accents, with plain spaces");
    claim(normalized.sources.back() == 15, "the last character still has its source: character 15 of the text");

    std::puts("3. The pre-tokenizer splits at white space; each punctuation character is a word by itself.");
    const std::vector<Span> words = pre_tokenize(normalized.codes);
    for (const Span word : words)
        std::printf("   [%s]", part_of(normalized.codes, word).c_str());
    std::puts("");  // STOP 3: words
    claim(words.size() == 5, "five words; none of them contains a space");

    std::puts("4. WordPiece splits a word into pieces of the vocabulary: from the left, always the longest one that fits.");
    const Vocabulary vocabulary(tokens_by_id);
    const WordPiece wordpiece(vocabulary);
    const std::vector<Piece> pieces = wordpiece.split(vocabulary, U"players");
    for (const Piece& piece : pieces)
        std::printf("   %s", std::string(vocabulary.token(piece.id)).c_str());
    std::puts("");  // STOP 4: pieces
    claim(pieces.size() == 3, "players is play ##er ##s: every piece but the first is looked up with ## in front");
    claim(wordpiece.split(vocabulary, U"player")[0] == pieces[0], "player and players share their first piece");

    const std::vector<Piece> unable = wordpiece.split(vocabulary, U"unable");
    claim(vocabulary.id("un") && vocabulary.id("##able"), "un and ##able are in the vocabulary, and together they spell unable");
    claim(unable.size() == 1 && unable[0].id == wordpiece.unknown(),
          "yet unable is [UNK]: una is longer than un, ##ble is missing, and WordPiece doesn't backtrack");

    std::puts("5. All steps together, between [CLS] and [SEP]. [MASK] is found before all of them and stays whole.");
    const Tokenizer tokenizer = make_tokenizer(tokens_by_id);
    const Encoding encoding = tokenizer.encode("The players' CAFÉ was [MASK]!");
    show_encoding(tokenizer, encoding);  // STOP 5: encoding.ids, encoding.offsets
    claim(encoding.ids.front() == tokenizer.cls_id() && encoding.ids.back() == tokenizer.sep_id(), "[CLS] first, [SEP] last");
    claim(encoding.ids[7] == tokenizer.id("was"), "an id is a token's index in the vocabulary, and later its row of a table");

    std::puts("6. Two texts become one sequence; the token type says which text a token belongs to.");
    const Encoding pair = tokenizer.encode_pair("the cafe", "is playing");
    show_encoding(tokenizer, pair);  // STOP 6: pair.type_ids
    claim(joined(tokenizer, pair) == "[CLS] the cafe [SEP] is play ##ing [SEP]", "the first [SEP] ends the first text");
    claim(pair.type_ids == std::vector<std::int64_t>{0, 0, 0, 0, 1, 1, 1, 1}, "and belongs to it: its type is 0");

    std::puts("7. A text that is too long becomes several windows, which may overlap; one that is too short is padded.");
    EncodeOptions options;
    options.max_length = 5;
    options.stride = 1;
    options.pad_to = 5;
    const Encoding window = tokenizer.encode("the cafe is playing!", options);
    std::printf("   %s\n", joined(tokenizer, window).c_str());
    for (const Encoding& further : window.overflow)
        std::printf("   %s\n", joined(tokenizer, further).c_str());  // STOP 7: window, and its overflow
    claim(window.ids[3] == window.overflow[0].ids[1], "each window repeats one token of the window before");
    claim(window.overflow[1].attention_mask == std::vector<std::uint8_t>{1, 1, 1, 1, 0}, "the mask is 0 at padding only");

    std::puts("8. Ids can be decoded to text; what the normalizer removed is lost.");
    const std::string decoded = tokenizer.decode(encoding.ids, true);
    std::printf("   %s\n", decoded.c_str());  // STOP 8: decoded
    claim(decoded == "the players ' cafe was!", "no capitals, no accents, no [MASK], and one more space");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. How many ids does "Cafés!" have?
const int answer_1 = 0;  // YOUR ANSWER: a number, [CLS] and [SEP] counted

// 2. Which token must be added to the vocabulary so that "unable" is no longer [UNK]? (The whole word isn't an answer.)
const std::string answer_2 = "";  // YOUR ANSWER: a token

// 3. WordPiece in ten lines: the pieces of a word of plain letters, as in {"play", "##er", "##s"}; {"[UNK]"} if it can't be
//    split. vocabulary.id("play") is an optional: empty if the vocabulary has no such token.
std::vector<std::string> your_pieces([[maybe_unused]] const Vocabulary& vocabulary, [[maybe_unused]] const std::string& word)
{
    return {};  // YOUR ANSWER: the pieces
}

void exercises()
{
    const Tokenizer tokenizer = make_tokenizer(tokens_by_id);
    exercise(1, "How many ids does \"Cafés!\" have?", answer_1 != 0,
             [&] { return wrong_number(answer_1, static_cast<double>(tokenizer.encode("Cafés!").size()), 0.5); });

    exercise(2, "Which token makes \"unable\" known?", !answer_2.empty(), [&] {
        std::vector<std::string> more = tokens_by_id;
        more.push_back(answer_2);
        const std::string unable = joined(make_tokenizer(more), make_tokenizer(more).encode("unable"));
        if (answer_2 == "unable") return std::string("the whole word isn't an answer");
        return unable != "[CLS] [UNK] [SEP]" ? "" : "with " + answer_2 + " in the vocabulary, unable is still " + unable;
    });

    exercise(
        3, "WordPiece, written by you.", [&] { return !your_pieces(tokenizer.vocabulary(), "players").empty(); },
        [&] {
            for (const std::string word : {"players", "playing", "the", "unable", "un", "thes", "xyz", "uns"}) {
                std::string yours = "[CLS]";
                for (const std::string& piece : your_pieces(tokenizer.vocabulary(), word))
                    yours += " " + piece;
                yours += " [SEP]";
                const std::string expected = joined(tokenizer, tokenizer.encode(word));
                if (yours != expected) return "for " + word + ": expected " + expected + ", got " + yours;
            }
            return std::string();
        });
}
