// This project's side of inference.py: loads a model folder, then answers requests on standard input, a line each:
//
//   REPEAT BATCHES  then for each batch  B  then for each of its sequences  LENGTH ID ID ...
//
// An answer is a line: the mean time of one pass over all batches in milliseconds, then the first four numbers of each
// sequence's first hidden state, to be compared with those of other engines.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <bert/core/threads.hpp>
#include <bert/io/families.hpp>
#include <bert/io/packed_folder.hpp>
#include <bert/ops/fast.hpp>
#include <bert/ops/product/cblas.hpp>
#include <bert/variants/packed_gpt2.hpp>
#include <bert/variants/packed_mobilebert.hpp>

namespace {

template <class Packed>
void serve(const Packed& model)
{
    typename Packed::EmbeddingsScratch embeddings;
    bert::Workspace workspace;
    std::vector<bert::Tensor<float, 2>> hidden;
    std::cout << "ready" << std::endl;

    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream request(line);
        std::size_t repeat = 0, number_of_batches = 0;
        request >> repeat >> number_of_batches;
        std::vector<bert::Batch> batches;
        for (std::size_t i = 0; i < number_of_batches; ++i) {
            std::size_t B = 0;
            request >> B;
            std::vector<std::vector<std::int64_t>> ids(B);
            for (std::vector<std::int64_t>& sequence : ids) {
                std::size_t length = 0;
                request >> length;
                sequence.resize(length);
                for (std::int64_t& id : sequence)
                    request >> id;
            }
            batches.push_back(bert::pack(ids));
        }
        hidden.resize(number_of_batches);
        const auto begin = std::chrono::steady_clock::now();
        for (std::size_t r = 0; r < repeat; ++r) {
            for (std::size_t i = 0; i < number_of_batches; ++i) {
                model.infer(batches[i], embeddings, hidden[i], workspace);
            }
        }
        const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
        std::cout << time.count() / static_cast<double>(repeat);
        for (std::size_t i = 0; i < number_of_batches; ++i)
            for (std::size_t b = 0; b < batches[i].sequences.count(); ++b)
                for (std::size_t h = 0; h < 4; ++h)
                    std::cout << ' ' << hidden[i](batches[i].sequences.begin[b], h);
        std::cout << std::endl;
    }
}

template <class Ops>
void serve_folder(const std::filesystem::path& folder)
{
    const bert::Family& family = bert::family_of(folder / "config.json");
    if (family.model_type == "gpt2")
        serve(bert::load_packed_gpt2<float, Ops>(folder));
    else if (family.model_type == "mobilebert")
        serve(bert::load_packed_mobilebert<float, Ops>(folder));
    else
        serve(bert::load_packed<float, Ops>(folder, nullptr, family));
}

}  // namespace

int main(int count, char** arguments)
{
    const std::string precision = count == 5 ? arguments[3] : "", engine = count == 5 ? arguments[4] : "";
    if ((precision != "float32" && precision != "bf16") || (engine != "own" && engine != "cblas")) {
        std::cerr << "usage: inference FOLDER THREADS float32|bf16 own|cblas\n";
        return 2;
    }
    try {
        static const bert::CblasEngine cblas;
        bert::set_engine(engine == "own" ? nullptr : &cblas);
        bert::set_threads(std::stoul(arguments[2]));
        if (precision == "bf16")
            serve_folder<bert::FastBf16>(arguments[1]);
        else
            serve_folder<bert::Fast>(arguments[1]);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}
