// The tokenizer's throughput, for tokenizer.py: reads a vocabulary and a file, then encodes all lines of it each time that a
// number of threads comes in on standard input, and prints the seconds and the number of tokens.
//
//   tokenizer VOCABULARY FILE
#include <chrono>
#include <cstddef>
#include <fstream>
#include <ios>
#include <iostream>
#include <string>
#include <vector>

#include "bert/core/threads.hpp"
#include "bert/io/tokenizer_folder.hpp"

int main(int count, char** arguments)
{
    if (count != 3) {
        std::cerr << "usage: tokenizer VOCABULARY FILE\n";
        return 2;
    }
    try {
        const auto tokenizer = bert::load_tokenizer(arguments[1]);
        std::vector<std::string> lines;
        std::ifstream file(arguments[2], std::ios::binary);
        for (std::string line; std::getline(file, line);)
            lines.push_back(line);
        for (std::size_t threads = 0; std::cin >> threads;) {
            bert::set_threads(threads);
            const auto begin = std::chrono::steady_clock::now();
            const std::vector<bert::Encoding> encodings =
                tokenizer.encode_batch(lines);  // kept, as the tokenizers library keeps them
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
