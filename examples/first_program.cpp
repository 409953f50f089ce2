// The first program of docs/library.md. A test compiles it as that page says, and compares what it prints.
//! [program]
#include <bert/bert.hpp>

#include <cstdio>

int main(int, char** arguments)
{
    const auto model = bert::load<float, bert::Fast>(arguments[1]);  // a folder
    const bert::Tensor<float, 2> vectors =
        model.encode({"The cat sat on the mat.", "It was late."}, {.normalize = true});  // [B, H]
    float cosine = 0;
    for (std::size_t h = 0; h < vectors.shape(1); ++h)
        cosine += vectors(0, h) * vectors(1, h);
    std::printf("%zu vectors of %zu numbers, cosine %.3f\n", vectors.shape(0), vectors.shape(1), cosine);
}
//! [program]
