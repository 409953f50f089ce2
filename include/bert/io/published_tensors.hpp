/// @file
/// A model's parameters as a family's files hold them: most as they are, some turned, some joined.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/parameter_list.hpp"
#include "bert/core/tensor.hpp"
#include "bert/io/family.hpp"
#include "bert/io/tensor_view.hpp"

namespace bert {

/// A tensor of a file.
template <class Real>
struct PublishedTensor {
    std::string name;                  ///< published
    std::vector<std::size_t> shape;    ///< as stored
    std::optional<std::size_t> depth;  ///< as of the parameter
    std::span<const Real> values;      ///< row by row: the parameter's own, or arranged
    std::vector<Real> arranged;        ///< those of a parameter that is turned or joined
};

namespace detail {

/// Where a number of a parameter stands in the stored tensor.
/// @param form  the parameter's stored form
/// @param shape  the parameter's: [out, in], or [out]
/// @param row  its row, of out
/// @param column  its column, of in; 0 for a bias
/// @return  the index among the stored numbers
inline std::size_t stored_index(const StoredForm& form, const std::vector<std::size_t>& shape, std::size_t row,
                                std::size_t column)
{
    const std::size_t out = shape[0], in = shape.size() > 1 ? shape[1] : 1;
    const std::size_t row_of_all = form.part * out + row;
    return form.turned ? column * form.parts * out + row_of_all : row_of_all * in + column;
}

/// The stored tensor's shape.
inline std::vector<std::size_t> stored_shape(const StoredForm& form, std::vector<std::size_t> shape)
{
    shape[0] *= form.parts;
    if (form.turned && shape.size() > 1) std::swap(shape[0], shape[1]);
    return shape;
}

/// Reads a parameter that is turned or joined.
/// @param view  the stored tensor
/// @param form  how it holds the parameter
/// @param[in,out] tensor  the parameter, of its shape
/// @throws InputError as read_into
template <class Real, std::size_t rank>
void read_arranged(const TensorView& view, const StoredForm& form, Tensor<Real, rank>& tensor)
{
    const std::vector<std::size_t> shape{tensor.shape().begin(), tensor.shape().end()}, stored = stored_shape(form, shape);
    Tensor<Real, rank> all;
    std::array<std::size_t, rank> sizes{};
    std::copy(stored.begin(), stored.end(), sizes.begin());
    all.resize(sizes);
    read_into(view, all);
    const std::size_t in = rank > 1 ? shape.back() : 1;
    for (std::size_t i = 0; i < tensor.size(); ++i)
        tensor.data()[i] = all.data()[stored_index(form, shape, i / in, i % in)];
}

}  // namespace detail

/// The parameters as files hold them, in the order of their first parts.
/// @param parameters  a model's
/// @param config  its configuration
/// @param family  what files call them, and how they hold them
/// @return  views of the parameters' numbers, or copies that are arranged
template <class Real>
std::vector<PublishedTensor<Real>> published_tensors(const ParameterList<const Real>& parameters, const Config& config,
                                                     const Family& family)
{
    std::vector<PublishedTensor<Real>> tensors;
    for (const Parameter<const Real>& parameter : parameters) {
        const StoredForm form = family.stored(parameter.name, config);
        if (!form.turned && form.parts == 1) {
            tensors.push_back({form.name, parameter.shape, parameter.depth, parameter.values, {}});
            continue;
        }
        auto tensor = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == form.name; });
        if (tensor == tensors.end()) {
            tensors.push_back({form.name, detail::stored_shape(form, parameter.shape), parameter.depth, {}, {}});
            tensor = tensors.end() - 1;
            tensor->arranged.resize(parameter.values.size() * form.parts);
            tensor->values = tensor->arranged;  // stays valid: a moved vector keeps its memory
        }
        const std::size_t in = parameter.shape.size() > 1 ? parameter.shape[1] : 1;
        for (std::size_t i = 0; i < parameter.values.size(); ++i)
            tensor->arranged[detail::stored_index(form, parameter.shape, i / in, i % in)] = parameter.values[i];
    }
    return tensors;
}

}  // namespace bert
