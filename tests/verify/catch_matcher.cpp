// What a failed assertion about a tensor prints.
#include "bert/verify/catch_matcher.hpp"

#include <cstdint>
#include <string>

#include "catch.hpp"

using bert::Tensor;

namespace {

template <class Value>
std::string printed(const Value& value)
{
    return Catch::Detail::stringify(value);
}

}  // namespace

TEST_CASE("a large tensor is printed as its shape, a small one with its numbers")
{
    CHECK(printed(bert::zeros<double, 2>({33, 1103})) == "tensor [33, 1103]");
    CHECK(printed(bert::zeros<double, 3>({2, 3, 3})) == "tensor [2, 3, 3]");
    CHECK(printed(Tensor<float, 2>{{0.5F, 1}, {-2, 0}}) == "tensor [2, 2] {0.5, 1, -2, 0}");
    CHECK(printed(Tensor<long double, 1>{0.1L}) == "tensor [1] {0.1}");
    CHECK(printed(bert::IndexTensor<1>{7, -1}) == "tensor [2] {7, -1}");
    CHECK(printed(bert::zeros<double, 2>({0, 48})) == "tensor [0, 48]");
}

TEST_CASE("the matcher's text names the tensor, its shape and the first difference")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_gelu");
    Tensor<double, 2> context = reference.rows<double>("forward.layer.0.context");
    const auto matcher = bert::matches(reference, "forward.layer.0.context");
    REQUIRE(context.size() > 100);
    context(2, 1) += 1;
    CHECK_FALSE(matcher.match(context));
    const std::string text = printed(context) + " " + matcher.describe();  // as CHECK_THAT puts them together
    CHECK_THAT(text, Catch::StartsWith("tensor [" + std::to_string(context.shape(0)) +
                                       ", 15] but forward.layer.0.context[2, 1]: expected "));
    CHECK(text.size() < 200);
}
