/// @file
/// An optimizer's state as a file: the moments under the parameters' names, and the counters. Five steps, a save, a load in
/// another process and five more steps give the same bits as ten steps.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/core/name.hpp"
#include "bert/core/one_line.hpp"
#include "bert/core/tensor.hpp"
#include "bert/io/safetensors.hpp"
#include "bert/io/safetensors_writer.hpp"
#include "bert/io/tensor_view.hpp"
#include "bert/training/optimizer.hpp"

namespace bert {

/// Writes a state.
/// @param path  the file, safetensors: `m.NAME` and `v.NAME` for each parameter, and `counters`, [4]: steps, updates, skipped,
///     skipped_in_a_row
/// @param state  moments and counters
/// @throws InputError if the file can't be written
template <class Component>
void save_optimizer_state(const std::filesystem::path& path, const OptimizerState<Component>& state)
{
    std::vector<TensorView> views;
    Component::parameters([&](const std::string& name, const auto& m) { views.push_back(view_of("m." + name, m)); }, "", state.m);
    Component::parameters([&](const std::string& name, const auto& v) { views.push_back(view_of("v." + name, v)); }, "", state.v);
    IndexTensor<1> counters;  // [4]
    counters.resize({4});
    counters(0) = static_cast<std::int64_t>(state.steps);
    counters(1) = static_cast<std::int64_t>(state.updates);
    counters(2) = static_cast<std::int64_t>(state.skipped);
    counters(3) = static_cast<std::int64_t>(state.skipped_in_a_row);
    views.push_back(view_of("counters", counters));
    write_safetensors(path, views);
}

/// Reads a state.
/// @param path  the file
/// @param[in,out] state  of the component's sizes; moments and counters are written, if the whole file is valid
/// @throws InputError if the file is missing or broken, lacks a tensor, has one too many, or one of another shape
template <class Component>
void load_optimizer_state(const std::filesystem::path& path, OptimizerState<Component>& state)
{
    const SafetensorsFile file(path);
    const auto find = [&](const std::string& name) -> const TensorView& {
        const TensorView* view = file.find(name);
        if (view == nullptr) fail_input(file.name(), "tensor " + in_quotes(name) + ": expected, got no such tensor");
        return *view;
    };
    OptimizerState<Component> read = state;  // a copy: a broken file leaves state as it was
    Component::parameters([&](const std::string& name, auto& m) { read_into(find("m." + name), m); }, "", read.m);
    Component::parameters([&](const std::string& name, auto& v) { read_into(find("v." + name), v); }, "", read.v);
    const auto counters = read_tensor<std::int64_t, 1>(find("counters"));  // [4]
    if (counters.size() != 4 || std::any_of(counters.begin(), counters.end(), [](std::int64_t count) { return count < 0; }))
        fail_input(file.name(), "tensor \"counters\": expected four numbers, 0 or more");
    std::size_t expected = 1;  // counters, and two moments of each parameter
    Component::parameters([&](const Name&, const auto&) { expected += 2; }, "", read.m);
    if (file.tensors().size() != expected)
        fail_input(file.name(),
                   "expected " + std::to_string(expected) + " tensors, got " + std::to_string(file.tensors().size()));
    read.steps = static_cast<std::size_t>(counters(0));
    read.updates = static_cast<std::size_t>(counters(1));
    read.skipped = static_cast<std::size_t>(counters(2));
    read.skipped_in_a_row = static_cast<std::size_t>(counters(3));
    state = std::move(read);
}

}  // namespace bert
