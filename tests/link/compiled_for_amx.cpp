// What products in bfloat16 are on a processor with AMX. Nobody runs this file: it must compile with every compiler, wherever it
// stands.
#include <type_traits>

#include <bert/ops/fast.hpp>
#include <bert/ops/product/check.hpp>

namespace {

using Set = bert::FastBf16::InstructionSet;
static_assert(std::is_same_v<bert::product::FormatOf<float, Set>::type::Tiles, bert::product::AmxTiles>);
using Linear = bert::fast::LinearOperations<Set>;

}  // namespace

template void Linear::linear(const bert::Tensor<float, 2>&, const bert::Tensor<float, 2>&, const bert::Tensor<float, 1>&,
                             bert::Tensor<float, 2>&, bert::Workspace&);
template void Linear::linear_backward(const bert::Tensor<float, 2>&, const bert::Tensor<float, 2>&, const bert::Tensor<float, 2>&,
                                      bert::Tensor<float, 2>&, bert::Tensor<float, 1>&, bert::Tensor<float, 2>&,
                                      bert::Workspace&);
template bert::EngineReport bert::check_engine();
