// The tokenizer's throughput, for tokenizer.py: reads a vocabulary and a file, then encodes all lines of it each time that a line
// comes in on standard input, and prints the seconds and the number of tokens.
//
//   tokenizer VOCABULARY FILE
#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "bert/io/tokenizer_json.hpp"

int main(int count, char** arguments)
{
    if (count != 3) {
        std::cerr << "usage: tokenizer VOCABULARY FILE\n";
        return 2;
    }
    try {
        const bert::Tokenizer tokenizer = bert::load_tokenizer(arguments[1]);
        std::vector<std::string> lines;
        std::ifstream file(arguments[2], std::ios::binary);
        for (std::string line; std::getline(file, line);)
            lines.push_back(line);
        for (std::string go; std::getline(std::cin, go);) {
            // The results are kept, as the reference keeps them.
            std::vector<bert::Encoding> encodings;
            encodings.reserve(lines.size());
            const auto begin = std::chrono::steady_clock::now();
            for (const std::string& line : lines)
                encodings.push_back(tokenizer.encode(line));
            const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
            std::size_t tokens = 0;
            for (const bert::Encoding& encoding : encodings)
                tokens += encoding.size();
            std::cout << seconds.count() << ' ' << tokens << std::endl;
        }
    } catch (const bert::InputError& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}
