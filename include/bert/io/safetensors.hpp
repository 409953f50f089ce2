/// @file
/// Reads safetensors files: the length of a header (8 bytes), the header (a JSON object with the dtype, shape and range of bytes
/// of each tensor), and the bytes. A file is mapped, and its header is checked completely before any tensor can be accessed.
///
/// A file is accepted if the safetensors library (0.8) accepts it. Tensors may be in any order, empty, or single numbers (shape
/// `[]`), and entries may have keys besides the three known ones; if a name occurs twice, the last entry is used. The ranges must
/// cover the bytes without a gap, an overlap or a remainder.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/io/file_kind.hpp"
#include "bert/io/json.hpp"
#include "bert/io/mapped_file.hpp"
#include "bert/io/tensor_view.hpp"

namespace bert {

/// The contents of a safetensors file.
struct SafetensorsContents {
    std::vector<TensorView> tensors;              ///< in the order of their bytes
    std::map<std::string, std::string> metadata;  ///< the header's `__metadata__`
};

namespace detail {

/// The header's entry for one tensor.
struct HeaderEntry {
    std::optional<Dtype> dtype;
    std::optional<std::vector<std::size_t>> shape;
    std::optional<std::vector<std::size_t>> data_offsets;  ///< begin and end, counted from the end of the header
};

/// Receives the values of a header one by one as they are parsed. It stores only what belongs to a header, however much else the
/// file contains.
class SafetensorsHeaderReader final : public JsonListener {
public:
    explicit SafetensorsHeaderReader(std::string place) : place_(std::move(place)) {}

    std::map<std::string, HeaderEntry> entries;  ///< by the tensors' names
    std::map<std::string, std::string> metadata;

    bool start_object(std::size_t) override
    {
        require(Kind::object, "an object");
        if (depth_ == 1 && in_metadata() && std::exchange(has_metadata_, true)) fail("expected once, got it twice");
        if (depth_ == 1) entry_ = HeaderEntry{};
        check_json_depth(place_, ++depth_);
        return true;
    }

    bool end_object() override
    {
        --depth_;
        if (depth_ != 1 || in_metadata()) return true;
        if (!entry_.dtype) fail("expected a dtype, got none");
        if (!entry_.shape) fail("expected a shape, got none");
        if (!entry_.data_offsets) fail("expected data_offsets, got none");
        entries[name_] = std::move(entry_);
        return true;
    }

    bool key(std::string& key) override
    {
        if (depth_ == 1)
            name_ = std::move(key);
        else if (depth_ == 2)
            field_ = std::move(key);
        return true;
    }

    bool start_array(std::size_t) override
    {
        require(Kind::array, "an array");
        if (auto* const numbers = numbers_of_field()) {
            if (*numbers) fail("expected once, got it twice");
            numbers->emplace();
        }
        check_json_depth(place_, ++depth_);
        return true;
    }

    bool end_array() override
    {
        --depth_;
        if (depth_ == 2 && field_ == "data_offsets" && entry_.data_offsets->size() != 2)
            fail("expected begin and end, got " + shape_text(*entry_.data_offsets));
        return true;
    }

    bool string(std::string& text) override
    {
        require(Kind::string, in_quotes(text));
        if (in_metadata()) {
            metadata[field_] = std::move(text);
        } else if (depth_ == 2 && field_ == "dtype") {
            if (entry_.dtype) fail("expected once, got it twice");
            entry_.dtype = dtype_named(text);
            if (!entry_.dtype) fail("expected an element type of the format, got " + in_quotes(text));
        }
        return true;
    }

    bool number_unsigned(std::uint64_t number) override
    {
        require(Kind::whole_number, std::to_string(number));
        if (auto* const numbers = numbers_of_field()) (*numbers)->push_back(number);
        return true;
    }

    bool number_integer(std::int64_t number) override
    {
        return require(Kind::other, number == 0 ? "-0" : std::to_string(number));
    }
    bool number_float(double, const std::string& text) override { return require(Kind::other, one_line(text)); }
    bool boolean(bool value) override { return require(Kind::other, value ? "true" : "false"); }
    bool null() override { return require(Kind::other, "null"); }
    bool binary(nlohmann::json::binary_t&) override { return false; }  // JSON has no binary values
    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override
    {
        fail_json(place_, error);
    }

private:
    enum class Kind { object, array, string, whole_number, other };

    bool in_metadata() const { return name_ == "__metadata__"; }

    /// The numbers of the current field; nullptr if it isn't a field of numbers.
    std::optional<std::vector<std::size_t>>* numbers_of_field()
    {
        if (field_ == "shape") return &entry_.shape;
        if (field_ == "data_offsets") return &entry_.data_offsets;
        return nullptr;
    }

    /// The kind of value that must come next; std::nullopt if any may come.
    std::optional<Kind> expected_kind()
    {
        if (depth_ < 2) return Kind::object;  // the header, and each of its values
        if (in_metadata()) return Kind::string;
        if (numbers_of_field() != nullptr) return depth_ == 2 ? Kind::array : Kind::whole_number;
        if (depth_ == 2 && field_ == "dtype") return Kind::string;
        return std::nullopt;
    }

    bool require(Kind kind, const std::string& got)
    {
        static constexpr const char* texts[] = {"an object", "an array", "a string", "a whole number that fits 64 bits"};
        const std::optional<Kind> expected = expected_kind();
        if (expected && *expected != kind) fail(std::string("expected ") + texts[static_cast<int>(*expected)] + ", got " + got);
        return true;
    }

    [[noreturn]] void fail(const std::string& what) const
    {
        std::string thing;
        if (depth_ > 0) thing = in_metadata() ? "__metadata__: " : "tensor " + in_quotes(name_) + ": ";
        if (depth_ > 1) thing += (in_metadata() ? in_quotes(field_) : one_line(field_)) + ": ";
        fail_input(place_, thing + what);
    }

    std::string place_;
    std::size_t depth_ = 0;     // number of open objects and arrays
    std::string name_, field_;  // the last keys at depths 1 and 2: a tensor's name, a field of its entry
    HeaderEntry entry_;         // of the current tensor
    bool has_metadata_ = false;
};

/// Checks the entries against each other and against the bytes after the header, and makes views of them.
inline std::vector<TensorView> views_of_entries(std::string_view file, std::map<std::string, HeaderEntry> entries,
                                                std::span<const std::byte> data)
{
    using Entry = std::pair<const std::string, HeaderEntry>;
    std::vector<Entry*> in_order;
    in_order.reserve(entries.size());
    for (Entry& entry : entries)
        in_order.push_back(&entry);
    // An empty tensor begins at the same byte as the tensor after it, and is sorted before it.
    std::sort(in_order.begin(), in_order.end(), [](const Entry* a, const Entry* b) {
        return std::tie(*a->second.data_offsets, a->first) < std::tie(*b->second.data_offsets, b->first);
    });

    std::size_t covered = 0;  // number of bytes covered by the tensors so far
    for (const Entry* entry : in_order) {
        const auto& [name, info] = *entry;
        const std::string place = std::string(file) + ": header: tensor " + in_quotes(name);
        const std::string got = ", got " + shape_text(*info.data_offsets);
        const std::size_t begin = (*info.data_offsets)[0], end = (*info.data_offsets)[1];
        if (begin != covered)
            fail_input(place,
                       "data_offsets: expected to begin at " + std::to_string(covered) + ", where the tensor before ends" + got);
        const std::optional<std::size_t> size = byte_count(*info.dtype, *info.shape);
        if (!size)
            fail_input(place, "expected a whole number of bytes that fits 64 bits, got " + shape_text(*info.shape) + " of " +
                                  std::string(dtype_info(*info.dtype).name));
        if (end < begin || end - begin != *size)
            fail_input(place, "data_offsets: expected " + std::to_string(*size) + " bytes for " + shape_text(*info.shape) +
                                  " of " + std::string(dtype_info(*info.dtype).name) + got);
        covered = end;
    }
    if (covered != data.size())
        fail_input(file, "expected " + std::to_string(covered) + " bytes after the header, got " + std::to_string(data.size()));

    std::vector<TensorView> views;
    views.reserve(in_order.size());
    for (Entry* entry : in_order) {
        auto& [name, info] = *entry;
        const std::size_t begin = (*info.data_offsets)[0], end = (*info.data_offsets)[1];
        views.push_back({name, *info.dtype, std::move(*info.shape), data.data() + begin, end - begin, file});
    }
    return views;
}

/// Refuses a file because of a length. If it looks like another format, its length of the header has no meaning, and the message
/// names that format.
[[noreturn]] inline void fail_length(std::string_view file, std::span<const std::byte> bytes, const std::string& message)
{
    const std::string_view kind = file_kind(bytes);
    fail_input(file, kind.empty() ? message : "expected a safetensors file, got what looks like " + std::string(kind));
}

}  // namespace detail

/// Reads a whole file in memory and checks it strictly.
/// @param file  its name, for messages; must outlive the result
/// @param bytes  its contents; must outlive the result
/// @return  views of its tensors, and its metadata
/// @throws InputError as in `a.safetensors: header: tensor "x": shape: expected an array, got 3`, or as in
/// `a.safetensors: expected a safetensors file, got what looks like a text`
inline SafetensorsContents parse_safetensors(std::string_view file, std::span<const std::byte> bytes)
{
    constexpr std::uint64_t longest_header = 100'000'000;
    std::uint64_t length = 0;
    if (bytes.size() < sizeof length)
        detail::fail_length(file, bytes, "expected at least 8 bytes, got " + std::to_string(bytes.size()));
    std::memcpy(&length, bytes.data(), sizeof length);
    const std::span<const std::byte> rest = bytes.subspan(sizeof length);
    if (length > longest_header)
        detail::fail_length(file, bytes, "expected a header of at most 100000000 bytes, got " + std::to_string(length));
    if (length > rest.size())
        detail::fail_length(file, bytes,
                            "expected a header of " + std::to_string(length) + " bytes, got " + std::to_string(rest.size()));

    const std::string place = std::string(file) + ": header";
    const std::string_view header(reinterpret_cast<const char*>(rest.data()), static_cast<std::size_t>(length));
    detail::SafetensorsHeaderReader reader(place);
    parse_json(place, header, reader);

    SafetensorsContents contents;
    contents.tensors = detail::views_of_entries(file, std::move(reader.entries), rest.subspan(header.size()));
    contents.metadata = std::move(reader.metadata);
    return contents;
}

/// A safetensors file, mapped and checked. It can't be copied or moved, as its views point into it.
class SafetensorsFile {
public:
    /// Maps and checks a file.
    /// @param path  the file
    /// @throws InputError if it can't be read or violates the format
    explicit SafetensorsFile(const std::filesystem::path& path)
        : name_(path.string()), mapped_(path), contents_(parse_safetensors(name_, mapped_.bytes()))
    {
        for (const TensorView& tensor : contents_.tensors)
            by_name_.emplace(tensor.name, &tensor);
    }

    SafetensorsFile(const SafetensorsFile&) = delete;
    SafetensorsFile& operator=(const SafetensorsFile&) = delete;

    /// All tensors.
    /// @return  the tensors in the order of their bytes
    const std::vector<TensorView>& tensors() const { return contents_.tensors; }

    /// Looks up a tensor.
    /// @param name  its name
    /// @return  the tensor; nullptr if there is none
    const TensorView* find(std::string_view name) const
    {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? nullptr : found->second;
    }

    /// The texts that the header contains besides the tensors.
    /// @return  the texts by key
    const std::map<std::string, std::string>& metadata() const { return contents_.metadata; }

    /// The name of the file.
    /// @return  the path with which it was opened
    const std::string& name() const { return name_; }

private:
    std::string name_;
    MappedFile mapped_;
    SafetensorsContents contents_;
    std::map<std::string_view, const TensorView*> by_name_;
};

}  // namespace bert
