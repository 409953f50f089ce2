/// @file
/// The fused forms of a block's components, each in one pass over memory: what follows a product is applied to each tile while
/// the tile is in the cache. Training packs the weights panel by panel during a product, and keeps what backward reads; inference
/// uses weights that are packed once (packed_encoder.hpp), and works in place. Both use the functions at the top of this header.
///
/// Training keeps fewer tensors than the components without fusion. In Add & Norm, projection, dropout, sum and normalized row
/// share the same memory, which holds the normalized row in the end; the inner tensor of the feed-forward network is computed
/// again in backward. For BERT-base this saves 30 of the 66 KB that a token takes in each layer in training, and hardly changes
/// the time of a step.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "bert/core/activation.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/fast/activations.hpp"
#include "bert/ops/fast/attention.hpp"
#include "bert/ops/fast/dropout.hpp"
#include "bert/ops/fast/linear.hpp"
#include "bert/ops/product.hpp"
#include "bert/ops/product/left_operand.hpp"
#include "bert/ops/product/packed_linear.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert {

template <class Arch>
struct FastOperations;

namespace fast {

/// x Wᵀ for a layer that is not packed.
/// @param x  [T, in], numbers or elements
/// @param dense  [out, in]; finish adds its bias
/// @param workspace  scratch memory
/// @param finish  called as finish(row, column, sums, count) by several threads; gets every number of the product once
template <class Arch, class Value, class Real, class Finish>
void multiply_by(const product::Rows<Value>& x, const Linear<Real>& dense, Workspace& workspace, const Finish& finish)
{
    product::multiply<Arch>(x, product::Right::transposed, std::array{product::rows_of(dense.weight)}, workspace,
                            [&](std::size_t, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                finish(t, column, sums, count);
                            });
}

/// x Wᵀ for a packed layer, where x consists of elements.
/// @param x  [T, in]
/// @param dense  [out, in]; finish adds its bias
/// @param workspace  scratch memory
/// @param finish  as above
template <class Arch, class Value, class Real, class Finish>
void multiply_by(const product::Rows<Value>& x, const PackedLinear<Real, Arch>& dense, Workspace& workspace, const Finish& finish)
{
    product::multiply_packed(x, dense, workspace, finish);
}

/// Add & Norm up to the sum: sum = dropout(x Wᵀ + b) + residual.
/// @param x  [T, in], numbers or elements
/// @param dense  W and b, packed or not
/// @param place  place of the dropout
/// @param residual  [T, H]
/// @param sum  [T, H]; may alias residual if nothing is dropped
/// @param workspace  scratch memory
template <class Arch, class Value, class Dense, class Real>
void project_and_add(const product::Rows<Value>& x, const Dense& dense, const DropoutPlace& place,
                     const product::Rows<Real>& residual, const product::OutputRows<Real>& sum, Workspace& workspace)
{
    using V = Vector<Real, Arch>;
    multiply_by<Arch>(x, dense, workspace, [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
        const Real* const bias = dense.bias.data() + column;
        const Real* const before = residual.data + t * residual.stride + column;
        Real* const to = sum.row(t) + column;
        product::fetch_ahead(product::Rows<Real>(sum), t, column, count);
        if (before != to) product::fetch_ahead(residual, t, column, count, product::Access::read);
        if (place.probability > 0) {
            add<V>(count, sums, bias, to);
            dropout_row<V>(place, t, column, count, to, to);
            add<V>(count, to, before, to);
        } else {
            add_biased<V>(count, sums, bias, before, to);
        }
    });
}

/// The first half of the feed-forward network: z = f(x Wᵀ + b), as elements for the next product.
/// @param x  [T, H], numbers or elements
/// @param dense  W and b, packed or not
/// @param activation  f
/// @param pre_activation  x Wᵀ + b, [T, I]; its data is null if it isn't kept
/// @param z  [T, elements(I)]
/// @param workspace  scratch memory
template <class Arch, class Value, class Dense, class Real>
void widen_and_activate(const product::Rows<Value>& x, const Dense& dense, Activation activation,
                        const product::OutputRows<Real>& pre_activation,
                        const product::OutputRows<typename product::KernelOf<Real, Arch>::Element>& z, Workspace& workspace)
{
    using V = Vector<Real, Arch>;
    using Format = typename product::KernelOf<Real, Arch>::Format;
    constexpr std::size_t most = 64;  // numbers at a time, in the first-level cache
    const bool is_kept = pre_activation.data != nullptr;
    multiply_by<Arch>(x, dense, workspace, [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
        if (is_kept) product::fetch_ahead(product::Rows<Real>(pre_activation), t, column, count);
        product::fetch_ahead(product::Rows<typename Format::Element>(z), t, column / Format::per_element,
                             count / Format::per_element);
        for (std::size_t first = 0; first < count; first += most) {
            const std::size_t some = std::min(most, count - first);
            Real part[most];
            Real* const before = is_kept ? pre_activation.row(t) + column + first : part;
            add<V>(some, sums + first, dense.bias.data() + column + first, before);
            Activations<V>::row(activation, some, before, part);
            Format::write(part, some, z.row(t) + (column + first) / Format::per_element);
        }
    });
}

/// Rows of scratch memory for a product's operand, padded by a cache line so that they don't compete for the same cache sets.
/// @param name  name of the scratch memory
/// @param T  rows
/// @param width  elements of each
/// @param workspace  holds the memory
/// @return  the rows
template <class Format, class Value>
product::OutputRows<Value> scratch_rows(Scratch name, std::size_t T, std::size_t width, Workspace& workspace)
{
    const std::size_t stride = product::LeftOperand<Format>::stride(width);
    return {workspace.shared<Value>(name, T * stride), T, width, stride};
}

/// The fused forms of three components, for training: `attend`, `add_and_norm` and `feed_forward`, with the backward of the first
/// and the last; that of Add & Norm has no fused form. Components and their activations are template parameters, so that this
/// header need not include them.
/// @tparam Arch  the instruction set
template <class Arch>
struct BlockOperations {
    /// SelfAttention::attend: query, key and value as one product.
    /// @param box  query, key and value
    /// @param x  [T, H]
    /// @param pass  as in SelfAttention::forward
    /// @param[out] act  qkv and heads
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Box, class Real, class Act>
    static void attend(const Box& box, const Tensor<Real, 2>& x, const Pass& pass, Act& act)
    {
        const std::size_t T = x.shape(0), H = x.shape(1), out = box.query.weight.shape(0);
        const std::array<const Linear<Real>*, 3> layers{&box.query, &box.key, &box.value};
        const std::array<Tensor<Real, 2>*, 3> results{&act.qkv.query, &act.qkv.key, &act.qkv.value};
        for (std::size_t which = 0; which < 3; ++which) {
            require_dense(*layers[which], out, H);
            results[which]->resize({T, out});
        }
        const std::array weights{product::rows_of(box.query.weight), product::rows_of(box.key.weight),
                                 product::rows_of(box.value.weight)};
        product::multiply<Arch>(product::rows_of(x), product::Right::transposed, weights, pass.workspace,
                                [&](std::size_t which, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    product::fetch_ahead(product::rows_of(*results[which]), t, column, count);
                                    add<Vector<Real, Arch>>(count, sums, layers[which]->bias.data() + column,
                                                            results[which]->data() + t * out + column);
                                });
        Own::attention(Own{}, act.qkv, pass, act.heads);
    }

    /// SelfAttention::attend_backward: each product is added to d_x when it is computed.
    /// @param box  query, key and value
    /// @param x  [T, H]
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_box  is added to
    /// @param[in,out] d_act  heads.context is read, qkv is written
    /// @param[in,out] d_x  [T, H], is added to
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Box, class Real, class Act>
    static void attend_backward(const Box& box, const Tensor<Real, 2>& x, const Pass& pass, const Act& act, Box& d_box,
                                Act& d_act, Tensor<Real, 2>& d_x)
    {
        using Products = LinearOperations<Arch>;
        Own::attention_backward(Own{}, d_act.heads.context, act.qkv, pass, act.heads, d_act.heads, d_act.qkv);
        Products::add_backward(d_act.qkv.query, x, box.query, d_box.query, d_x, pass.workspace);
        Products::add_backward(d_act.qkv.key, x, box.key, d_box.key, d_x, pass.workspace);
        Products::add_backward(d_act.qkv.value, x, box.value, d_box.value, d_x, pass.workspace);
    }

    /// AddAndNorm::forward.
    /// @param box  dense and norm
    /// @param x  [T, in]
    /// @param residual  [T, H]
    /// @param pass  layer_norm_eps and dropout
    /// @param[out] act  norm
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Box, class Real, class Act>
    static void add_and_norm(const Box& box, const Tensor<Real, 2>& x, const Tensor<Real, 2>& residual, const Pass& pass,
                             Act& act)
    {
        require_dense(box.dense, box.dense.weight.shape(0), x.shape(1));
        project_add_and_norm(box, product::rows_of(x), residual, pass, act);
    }

    /// FeedForward::forward.
    /// @param box  intermediate and output
    /// @param x  [T, H]
    /// @param pass  hidden_act, layer_norm_eps, dropout, keep_all
    /// @param[out] act  pre_activation and output.norm; with keep_all also activated
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Box, class Real, class Act>
    static void feed_forward(const Box& box, const Tensor<Real, 2>& x, const Pass& pass, Act& act)
    {
        using Kernel = product::KernelOf<Real, Arch>;
        using Format = typename Kernel::Format;
        const std::size_t T = x.shape(0), H = x.shape(1), I = box.intermediate.weight.shape(0);
        require_dense(box.intermediate, I, H);
        require_dense(box.output.dense, box.output.dense.weight.shape(0), I);
        act.pre_activation.resize({T, I});
        act.activated.resize({pass.keep_all ? T : 0, pass.keep_all ? I : 0});
        const auto z =
            scratch_rows<Format, typename Kernel::Element>(Scratch::intermediate, T, Format::elements(I), pass.workspace);
        widen_and_activate<Arch>(product::rows_of(x), box.intermediate, pass.config.hidden_act,
                                 product::output_rows_of(act.pre_activation), z, pass.workspace);
        if (pass.keep_all) Own::activate(Own{}, pass.config.hidden_act, act.pre_activation, act.activated);
        project_add_and_norm(box.output, product::Rows<typename Kernel::Element>(z), x, pass.at(DropoutSite::feed_forward),
                             act.output);
    }

    /// FeedForward::backward, with the inner tensor computed again. This takes a hundredth of the time of a step, and saves a
    /// quarter of the memory that a block keeps between forward and backward.
    /// @param box  intermediate and output
    /// @param x  [T, H]
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_box  is added to
    /// @param[out] d_act  the gradients of pre_activation, output.sum and output.projected
    /// @param[in,out] d_x  the gradient of the result, [T, H]; is replaced by that of x
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Box, class Real, class Act>
    static void feed_forward_backward(const Box& box, const Tensor<Real, 2>& x, const Pass& pass, const Act& act, Box& d_box,
                                      Act& d_act, Tensor<Real, 2>& d_x)
    {
        using Gradients = LinearGradients<Arch>;
        const Linear<Real>& dense = box.output.dense;
        Linear<Real>& d_dense = d_box.output.dense;
        const std::size_t T = x.shape(0), H = dense.weight.shape(0), I = dense.weight.shape(1);
        require_shape("feed_forward: d_y", d_x, {T, H});
        require_shape("feed_forward: act.pre_activation", act.pre_activation, {T, I});
        require_shape("feed_forward: d_output.weight", d_dense.weight, {H, I});
        require_shape("feed_forward: d_output.bias", d_dense.bias, {H});
        Own::layer_norm_backward(d_x, box.output.norm, act.output.norm, d_box.output.norm, d_act.output.sum);
        Own::dropout_backward(d_act.output.sum, pass.at(DropoutSite::feed_forward).dropout.place(), d_act.output.projected);

        Tensor<Real, 2>& d_intermediate = d_act.pre_activation;  // [T, I]: the activation's backward works in place
        d_intermediate.resize({T, I});
        Gradients::of_input(d_act.output.projected, dense.weight, pass.workspace,
                            [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                product::fetch_ahead(product::rows_of(d_intermediate), t, column, count);
                                std::copy_n(sums, count, d_intermediate.data() + t * I + column);
                            });
        Gradients::of_parameters(d_act.output.projected, activated_again(act.pre_activation, pass), d_dense.weight, d_dense.bias,
                                 pass.workspace);
        Own::activate_backward(Own{}, pass.config.hidden_act, d_intermediate, act.pre_activation, d_act.pre_activation);
        d_x = d_act.output.sum;
        LinearOperations<Arch>::add_backward(d_act.pre_activation, x, box.intermediate, d_box.intermediate, d_x, pass.workspace);
    }

private:
    using Own = FastOperations<Arch>;

    template <class Real>
    static void require_dense(const Linear<Real>& dense, std::size_t out, std::size_t in)
    {
        require_shape("linear: weight", dense.weight, {out, in});
        require_shape("linear: bias", dense.bias, {out});
    }

    /// Add & Norm of rows of numbers or elements.
    template <class Box, class Value, class Real, class Act>
    static void project_add_and_norm(const Box& box, const product::Rows<Value>& x, const Tensor<Real, 2>& residual,
                                     const Pass& pass, Act& act)
    {
        const std::size_t T = x.count, H = box.dense.weight.shape(0);
        const DropoutPlace place = pass.dropout.place();
        require_shape("add_and_norm: residual", residual, {T, H});
        place.require_valid(T);
        act.norm.resize(T, H);
        Tensor<Real, 2>& sum = act.norm.x_hat;  // until it is normalized
        project_and_add<Arch>(x, box.dense, place, product::rows_of(residual), product::output_rows_of(sum), pass.workspace);
        Own::layer_norm(sum, box.norm, Real(pass.config.layer_norm_eps), act.norm);
    }

    /// f(u), [T, I], in scratch memory.
    template <class Real>
    static product::Rows<Real> activated_again(const Tensor<Real, 2>& u, const Pass& pass)
    {
        const std::size_t T = u.shape(0), I = u.shape(1);
        const product::OutputRows<Real> z{pass.workspace.shared<Real>(Scratch::intermediate, T * I), T, I, I};
        parallel_for(T, [&](std::size_t t, std::size_t) {
            Activations<Vector<Real, Arch>>::row(pass.config.hidden_act, I, u.data() + t * I, z.row(t));
        });
        return z;
    }
};

}  // namespace fast
}  // namespace bert
