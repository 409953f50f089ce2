/// @file
/// bert diff

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <bert/io/safetensors.hpp>
#include <bert/io/tensor_view.hpp>
#include <bert/verify/case.hpp>
#include <bert/verify/comparison.hpp>
#include <bert/verify/named_tensor.hpp>
#include <bert/verify/order_in_computation.hpp>

#include "commands.hpp"
#include "output.hpp"
#include "report.hpp"

namespace program {

namespace {

/// All tensors of the reference format, in the order of the computation.
std::vector<bert::NamedTensor> tensors_of(const bert::SafetensorsFile& file)
{
    std::vector<bert::NamedTensor> tensors;
    for (const bert::TensorView& view : file.tensors())
        if (!bert::kind_of(view.name).empty()) tensors.push_back(bert::named_tensor(view));
    std::sort(tensors.begin(), tensors.end(), [](const bert::NamedTensor& a, const bert::NamedTensor& b) {
        return bert::order_in_computation(a.name) < bert::order_in_computation(b.name);
    });
    if (tensors.empty()) bert::fail_input(file.name(), "expected tensors named forward.*, loss.*, grad.* or train.*, got none");
    return tensors;
}

/// Removes the kinds of tensors that a dump doesn't have: losses, gradients, training steps. Returns a row for each.
std::vector<KindRow> without_counterpart(const std::vector<bert::NamedTensor>& found, std::vector<bert::NamedTensor>& expected)
{
    std::vector<KindRow> rows;
    for (const std::string kind : {"loss", "grad", "train"}) {
        const auto is_of_kind = [&](const bert::NamedTensor& tensor) { return tensor.name.starts_with(kind + "."); };
        if (std::any_of(found.begin(), found.end(), is_of_kind)) continue;
        const std::size_t count = std::erase_if(expected, is_of_kind);
        if (count > 0) rows.push_back({kind, 0, 0, 0, 0, count});
    }
    return rows;
}

bert::IndexTensor<2> mask_of(const bert::SafetensorsFile& found, const bert::SafetensorsFile& expected)
{
    for (const bert::SafetensorsFile* file : {&expected, &found})
        if (const bert::TensorView* mask = file->find("input.mask")) return bert::read_tensor<std::int64_t, 2>(*mask);
    return bert::IndexTensor<2>::from_shape({0, 0});
}

bool has_floats(const bert::SafetensorsFile& file)
{
    return std::any_of(file.tensors().begin(), file.tensors().end(), [](const bert::TensorView& view) {
        return !bert::kind_of(view.name).empty() && view.dtype != bert::Dtype::F64;
    });
}

}  // namespace

int diff(const DiffOptions& options)
{
    const bert::SafetensorsFile found(options.found), expected(options.expected);
    bert::Limits limits = has_floats(found) || has_floats(expected) ? bert::limits_of<float>() : bert::limits_of<double>();
    if (options.limit) limits = {*options.limit, *options.limit, *options.limit, *options.limit, *options.limit};

    std::vector<bert::Comparison> comparisons;
    for (const char* name : {"input.ids", "input.segments", "input.mask"}) {
        const bert::TensorView *a = found.find(name), *b = expected.find(name);
        if (a != nullptr && b != nullptr)
            comparisons.push_back(bert::compare(bert::named_tensor(*a), bert::named_tensor(*b), {}, 0));
    }
    const std::vector<bert::NamedTensor> computed = tensors_of(found);
    std::vector<bert::NamedTensor> wanted = tensors_of(expected);
    const std::vector<KindRow> not_compared = without_counterpart(computed, wanted);
    const std::vector<bert::Comparison> all = bert::compare_all(computed, wanted, mask_of(found, expected), limits);
    comparisons.insert(comparisons.end(), all.begin(), all.end());

    const bool holds =
        !all.empty() && std::all_of(comparisons.begin(), comparisons.end(), [](const bert::Comparison& c) { return c.holds; });
    std::vector<KindRow> rows = rows_by_kind(comparisons);
    rows.insert(rows.end(), not_compared.begin(), not_compared.end());
    if (options.common.json) {
        JsonObject object;
        object.add("found", options.found.string()).add("expected", options.expected.string()).add("holds", holds);
        add_comparisons(rows, comparisons, options.verbose, object);
        print(object.text() + "\n");
    } else {
        print(options.found.string() + " against " + options.expected.string() + "\n" +
              comparison_table(rows, comparisons, options.verbose));
        if (all.empty()) print("  FAILS: the files have nothing to compare\n");
    }
    return holds ? 0 : 1;
}

}  // namespace program
