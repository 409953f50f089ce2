// Lesson 01: the tokenizer, from a text to the ids that a BERT reads.
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

// Nineteen tokens; the place of each in the list is its id. A published vocabulary is such a list of some 30,000.
const std::vector<std::string> tokens_by_id = {"[PAD]",  "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cafe",
                                               "play",   "##er",  "##ing", "##s",   "was",    "un",  "una",
                                               "##able", "'",     "!",     "海",    "is"};

Tokenizer make_tokenizer(const std::vector<std::string>& vocabulary)
{
    TokenizerOptions options;
    options.vocabulary = vocabulary;
    options.added_tokens = special_added_tokens();  // [MASK] and the like are found in a text as they are
    return Tokenizer(options);
}

// The text that some characters come from, in UTF-8.
std::string part_of(const std::u32string& codes, Span span)
{
    return encode_utf8(std::u32string_view(codes).substr(span.start, span.end - span.start));
}

// Tokens one after the other.
std::string joined(const Tokenizer& tokenizer, const Encoding& encoding)
{
    std::string text;
    for (const std::string_view token : tokenizer.tokens(encoding)) {
        if (!text.empty()) text += ' ';
        text += token;
    }
    return text;
}

// A row for each token: its id, its type, the characters of the text that it stands for.
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
    std::puts("1. A text arrives as bytes of UTF-8; what we count are its characters.");
    const std::string text = "The  CAFÉ\twas 海!";
    std::u32string codes;
    decode_utf8(text, codes);
    std::printf("   %zu bytes, %zu characters\n", text.size(), codes.size());  // STOP 1: text and codes
    claim(text.size() == 19 && codes.size() == 16, "É takes two bytes and 海 three, every other character one");

    std::puts("2. The normalizer makes the same of what differs only in case, accents or white space.");
    TracedText traced;
    for (std::size_t i = 0; i < codes.size(); ++i)
        traced.push(codes[i], static_cast<std::uint32_t>(i));  // each character remembers where it comes from
    const TracedText cleaned = clean_text(traced);             // the tab becomes a space
    const TracedText spaced = space_chinese(cleaned);          // a Chinese character becomes a word of its own
    const TracedText decomposed = decompose(spaced);           // É becomes E and an acute accent
    const TracedText bare = remove_marks(decomposed);          // the accent goes
    const TracedText normalized = lower_case(bare);
    std::printf("   \"%s\"\n", encode_utf8(normalized.codes).c_str());  // STOP 2: decomposed.codes[8] and [9], and their sources
    claim(decomposed.size() == spaced.size() + 1, "É was taken apart into two characters");
    claim(encode_utf8(normalized.codes) == "the  cafe was  海 !", "what is left is small, without accents, with plain spaces");
    claim(normalized.sources.back() == 15, "the last character still knows that it was number 15 of the text");

    std::puts("3. The pre-tokenizer cuts at white space; a punctuation character is a word by itself.");
    const std::vector<Span> words = pre_tokenize(normalized.codes);
    for (const Span word : words)
        std::printf("   [%s]", part_of(normalized.codes, word).c_str());
    std::puts("");  // STOP 3: words
    claim(words.size() == 5, "five words; none of them holds a space");

    std::puts("4. WordPiece cuts a word into pieces of the vocabulary: from the left, always the longest that fits.");
    const Vocabulary vocabulary(tokens_by_id);
    const WordPiece wordpiece(vocabulary);
    const std::vector<Piece> pieces = wordpiece.cut(vocabulary, U"players");
    for (const Piece& piece : pieces)
        std::printf("   %s", std::string(vocabulary.token(piece.id)).c_str());
    std::puts("");  // STOP 4: pieces
    claim(pieces.size() == 3, "players is play ##er ##s: all pieces but the first are looked up with ## in front");
    claim(wordpiece.cut(vocabulary, U"player")[0] == pieces[0],
          "words that begin alike share a first piece, and what is known of it");

    const std::vector<Piece> unable = wordpiece.cut(vocabulary, U"unable");
    claim(vocabulary.id("un") && vocabulary.id("##able"), "un and ##able are in the vocabulary, and together are unable");
    claim(unable.size() == 1 && unable[0].id == wordpiece.unknown(),
          "yet unable is [UNK]: una is longer, ##ble is missing, and nobody goes back");

    std::puts("5. All steps together, with [CLS] and [SEP] around. [MASK] is found before any of this and stays whole.");
    const Tokenizer tokenizer = make_tokenizer(tokens_by_id);
    const Encoding encoding = tokenizer.encode("The players' CAFÉ was [MASK]!");
    show_encoding(tokenizer, encoding);  // STOP 5: encoding.ids, encoding.offsets
    claim(encoding.ids.front() == tokenizer.cls_id() && encoding.ids.back() == tokenizer.sep_id(), "[CLS] first, [SEP] last");
    claim(encoding.ids[7] == tokenizer.id("was"), "an id is a place in the vocabulary, and will be a row of a table");

    std::puts("6. Two texts become one sequence; the type says which text a token belongs to.");
    const Encoding pair = tokenizer.encode_pair("the cafe", "is playing");
    show_encoding(tokenizer, pair);  // STOP 6: pair.type_ids
    claim(joined(tokenizer, pair) == "[CLS] the cafe [SEP] is play ##ing [SEP]", "the first [SEP] ends the first text");
    claim(pair.type_ids == std::vector<std::int64_t>{0, 0, 0, 0, 1, 1, 1, 1}, "and counts as part of it");

    std::puts("7. What is too long is cut into windows, which may overlap; what is too short is padded.");
    EncodeOptions options;
    options.max_length = 5;
    options.stride = 1;
    options.pad_to = 5;
    const Encoding window = tokenizer.encode("the cafe is playing!", options);
    std::printf("   %s\n", joined(tokenizer, window).c_str());
    for (const Encoding& further : window.overflow)
        std::printf("   %s\n", joined(tokenizer, further).c_str());  // STOP 7: window, and its overflow
    claim(window.ids[3] == window.overflow[0].ids[1], "each window repeats one token of the window before");
    claim(window.overflow[1].attention_mask == std::vector<std::uint8_t>{1, 1, 1, 1, 0}, "the mask is 0 for padding alone");

    std::puts("8. Ids become text again; what the normalizer took away stays lost.");
    const std::string decoded = tokenizer.decode(encoding.ids, true);
    std::printf("   %s\n", decoded.c_str());  // STOP 8: decoded
    claim(decoded == "the players ' cafe was!", "no capital, no accent, no [MASK], and a space more");

    exercises();
}

// Exercises. Write what you think at YOUR ANSWER, build and run again.

// 1. How many ids does "Cafés!" have?
const int answer_1 = 0;  // YOUR ANSWER: a number, [CLS] and [SEP] counted

// 2. Which token must be added to the vocabulary so that "unable" is no longer [UNK]? (Not the whole word.)
const std::string answer_2 = "";  // YOUR ANSWER: a token

// 3. WordPiece in ten lines: the pieces of a word of plain letters, as in {"play", "##er", "##s"}; {"[UNK]"} if nothing fits.
//    vocabulary.id("play") holds an id or nothing.
std::vector<std::string> your_pieces([[maybe_unused]] const Vocabulary& vocabulary, [[maybe_unused]] const std::string& word)
{
    return {};  // YOUR ANSWER: the pieces
}

void exercises()
{
    const Tokenizer tokenizer = make_tokenizer(tokens_by_id);
    exercise(1, "How many ids does \"Cafés!\" have?", answer_1 != 0,
             [&] { return tokenizer.encode("Cafés!").size() == static_cast<std::size_t>(answer_1); });

    exercise(2, "Which token makes \"unable\" known?", !answer_2.empty(), [&] {
        std::vector<std::string> more = tokens_by_id;
        more.push_back(answer_2);
        return answer_2 != "unable" && joined(make_tokenizer(more), make_tokenizer(more).encode("unable")) != "[CLS] [UNK] [SEP]";
    });

    exercise(3, "WordPiece, written by you.", !your_pieces(tokenizer.vocabulary(), "players").empty(), [&] {
        bool right = true;
        for (const std::string word : {"players", "playing", "the", "unable", "un", "thes", "xyz", "uns"}) {
            std::string yours = "[CLS]";
            for (const std::string& piece : your_pieces(tokenizer.vocabulary(), word))
                yours += " " + piece;
            right = right && yours + " [SEP]" == joined(tokenizer, tokenizer.encode(word));
        }
        return right;
    });
}
