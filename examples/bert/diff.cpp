/// @file
/// bert diff

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
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

/// Whether tensor a is computed before tensor b.
constexpr auto comes_first = [](const auto& a, const auto& b) {
    return bert::order_in_computation(a.name) < bert::order_in_computation(b.name);
};

/// All tensors of the reference format, in the order of the computation.
std::vector<bert::NamedTensor> tensors_of(const bert::SafetensorsFile& file)
{
    std::vector<bert::NamedTensor> tensors;
    for (const bert::TensorView& view : file.tensors())
        if (!bert::kind_of(view.name).empty()) tensors.push_back(bert::named_tensor(view));
    std::sort(tensors.begin(), tensors.end(), comes_first);
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

/// Which of the tensors are in both files.
struct Shared {
    std::vector<std::string> names;  ///< those that both have, sorted
    std::size_t only_found = 0, only_expected = 0;

    bool contains(const std::string& name) const { return std::binary_search(names.begin(), names.end(), name); }
};

constexpr std::array<const char*, 3> inputs{"input.ids", "input.segments", "input.mask"};

std::vector<std::string> names_of(const bert::SafetensorsFile& file)
{
    std::vector<std::string> names;
    for (const bert::TensorView& view : file.tensors())
        if (!bert::kind_of(view.name).empty() || std::find(inputs.begin(), inputs.end(), view.name) != inputs.end())
            names.push_back(view.name);
    std::sort(names.begin(), names.end());
    return names;
}

Shared shared(const bert::SafetensorsFile& found, const bert::SafetensorsFile& expected)
{
    const std::vector<std::string> a = names_of(found), b = names_of(expected);
    Shared shared;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(shared.names));
    shared.only_found = a.size() - shared.names.size();
    shared.only_expected = b.size() - shared.names.size();
    return shared;
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
    for (const char* name : inputs) {
        const bert::TensorView *a = found.find(name), *b = expected.find(name);
        if (a != nullptr && b != nullptr)
            comparisons.push_back(bert::compare(bert::named_tensor(*a), bert::named_tensor(*b), {}, 0));
    }
    const std::vector<bert::NamedTensor> computed = tensors_of(found);
    std::vector<bert::NamedTensor> wanted = tensors_of(expected);
    std::vector<KindRow> not_compared;
    if (!options.only_common) not_compared = without_counterpart(computed, wanted);
    std::vector<bert::Comparison> all = bert::compare_all(computed, wanted, mask_of(found, expected), limits);
    const Shared both = shared(found, expected);
    // Left out after the comparison: the scale of an error is that of all expected tensors of its kind.
    if (options.only_common) std::erase_if(all, [&](const bert::Comparison& c) { return !both.contains(c.name); });
    std::sort(all.begin(), all.end(), comes_first);
    comparisons.insert(comparisons.end(), all.begin(), all.end());

    const bool holds =
        !all.empty() && std::all_of(comparisons.begin(), comparisons.end(), [](const bert::Comparison& c) { return c.holds; });
    std::vector<KindRow> rows = rows_by_kind(comparisons);
    rows.insert(rows.end(), not_compared.begin(), not_compared.end());
    if (options.common.json) {
        JsonObject object;
        object.add("found", options.found.string()).add("expected", options.expected.string()).add("holds", holds);
        if (options.only_common)
            object.add("compared", both.names.size())
                .add("only_in_found", both.only_found)
                .add("only_in_expected", both.only_expected);
        add_comparisons(rows, comparisons, options.verbose, object);
        print(object.text() + "\n");
    } else {
        print(options.found.string() + " against " + options.expected.string() + "\n" +
              comparison_table(rows, comparisons, options.verbose));
        if (options.only_common)
            print("  " + std::to_string(both.names.size()) + " of " +
                  std::to_string(both.names.size() + both.only_found + both.only_expected) +
                  " compared: " + std::to_string(both.only_found) + " only in " + options.found.string() + ", " +
                  std::to_string(both.only_expected) + " only in " + options.expected.string() + "\n");
        if (all.empty()) print("  FAILS: the files have nothing to compare\n");
    }
    return holds ? 0 : 1;
}

}  // namespace program
