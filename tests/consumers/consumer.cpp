// Somebody else's program: the headers, and whatever they have to be linked with. It multiplies on two threads, with the own
// kernel; and with a CBLAS where it is compiled to have one.
#include <cstdio>

#include <bert/bert.hpp>
#ifdef WITH_CBLAS
#include <bert/ops/product/cblas.hpp>
#endif

namespace {

// [2, 3] and [4, 3] in numbers that any order of summation adds exactly.
bert::Tensor<float, 2> multiply(const bert::ProductEngine* engine)
{
    const bert::Tensor<float, 2> x = {{1, 2, 3}, {4, 5, 6}}, weight = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}};
    const bert::Tensor<float, 1> bias = {0, 0, 0, -1};
    bert::Tensor<float, 2> y;
    bert::Workspace workspace;
    bert::set_engine(engine);
    bert::Fast::linear(x, weight, bias, y, workspace);
    return y;
}

}  // namespace

int main()
{
    bert::set_threads(2);
    const bert::Tensor<float, 2> expected = {{1, 2, 3, 5}, {4, 5, 6, 14}};
    const bool own = multiply(nullptr) == expected;
#ifdef WITH_CBLAS
    const bert::CblasEngine engine;
    const bool cblas = multiply(&engine) == expected;
    const char* const says = cblas ? "right" : "wrong";
#else
    const bool cblas = true;
    const char* const says = "not linked";
#endif
    std::printf("%s: own kernel %s, CBLAS %s, %zu threads\n", bert::shape_text(expected.shape()).c_str(), own ? "right" : "wrong",
                says, bert::threads());
    return own && cblas ? 0 : 1;
}
