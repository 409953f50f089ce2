// Somebody else's program: all it knows is that the headers can be found.
#include <cstdio>

#if __has_include(<bert/bert.hpp>)
#include <bert/bert.hpp>
#else
#include <bert/core/tensor.hpp>
#endif

int main()
{
    const bert::Tensor<float, 2> x = bert::zeros<float, 2>({2, 3});
    std::puts(bert::shape_text(x.shape()).c_str());
}
