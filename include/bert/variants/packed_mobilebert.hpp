/// @file
/// MobileBERT for inference, with packed weights: the bits of MobileBertBody with `Fast`. It takes the published configuration:
/// query and key read a bottleneck of their own, and norms are NoNorm, which is applied to each tile of a product while the tile
/// is in the cache. The three linear layers that read a block's input are one product. N is the width of a block between its
/// bottlenecks (Config::block_width).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/io/families/mobilebert.hpp"
#include "bert/io/packed_folder.hpp"
#include "bert/ops/attention.hpp"
#include "bert/ops/fast/attention.hpp"
#include "bert/ops/fast/block.hpp"
#include "bert/ops/fast/packed_blocks.hpp"
#include "bert/ops/product.hpp"
#include "bert/ops/product/left_operand.hpp"
#include "bert/ops/product/packed_linear.hpp"
#include "bert/ops/product/rows.hpp"
#include "bert/ops/simd/vector.hpp"
#include "bert/variants/mobilebert.hpp"
#include "bert/variants/mobilebert_block.hpp"
#include "bert/variants/mobilebert_feed_forward.hpp"

namespace bert {

/// Whether MobileBERT's blocks can be packed.
/// @param config  of any model
/// @return  true for the bottlenecks and norms of the published configuration
inline bool packs_mobilebert(const Config& config)
{
    const auto& own = config.mobilebert;
    return own && own->use_bottleneck && own->key_query_shared_bottleneck && !own->use_bottleneck_attention &&
           own->normalization_type == "no_norm";
}

/// The scratch memory of packed blocks of MobileBERT for the rows of one group. `query_key_value`, [T, 3N], holds the results of
/// the layers that read the block's input: of both bottlenecks, and value.
template <class Real, class Arch>
struct PackedMobileBertBuffers : PackedBuffers<Real, Arch> {
    using typename PackedBuffers<Real, Arch>::Output;
    using typename PackedBuffers<Real, Arch>::Operand;
    using typename PackedBuffers<Real, Arch>::Format;

    Output query_key;           ///< query and key side by side, [T, 2N]
    Output narrow;              ///< results of attention and of the feed-forward networks, [T, N]
    Operand operand_of_narrow;  ///< narrow as the operand of products: the same memory, or a copy in bfloat16

    /// Takes memory for a group.
    /// @param T  tokens of a group
    /// @param config  sizes
    /// @param workspace  holds the memory
    PackedMobileBertBuffers(std::size_t T, const Config& config, Workspace& workspace)
        : PackedBuffers<Real, Arch>(T, config.block_width(), config, workspace),
          query_key(fast::scratch_rows<Format, Real>(Scratch::query_key, T, 2 * config.block_width(), workspace)),
          narrow(fast::scratch_rows<Format, Real>(Scratch::narrow, T, config.block_width(), workspace))
    {
        if constexpr (Format::is_converted)
            operand_of_narrow = fast::scratch_rows<Format, typename Format::Element>(
                Scratch::narrow_operand, T, Format::elements(config.block_width()), workspace);
        else
            operand_of_narrow = narrow;
    }
};

/// A packed linear layer and the NoNorm that follows it.
template <class Real, class Arch>
struct PackedLinearAndNoNorm {
    PackedLinear<Real, Arch> dense;  ///< [out, in], [out]
    LayerNorm<Real> norm;            ///< gamma and beta, [out] each
};

/// One packed block of MobileBERT: the parameters of MobileBertBlock.
template <class Real, class Arch>
struct PackedMobileBertBlock {
    using Buffers = PackedMobileBertBuffers<Real, Arch>;  ///< scratch memory

    /// One feed-forward network.
    struct Network {
        PackedLinear<Real, Arch> intermediate;     ///< widens, [I, N]
        PackedLinearAndNoNorm<Real, Arch> output;  ///< narrows again, [N, I]
    };

    PackedLinearAndNoNorm<Real, Arch>
        bottlenecks_and_value;                     ///< bottleneck.input, bottleneck.attention and value, [3N, H]; value
                                                   ///< has no norm: gamma 1, beta 0
    PackedLinear<Real, Arch> query_key;            ///< query and key, [2N, N]
    PackedLinearAndNoNorm<Real, Arch> projection;  ///< mixes the heads, [N, N]
    std::vector<Network> networks;                 ///< all feed-forward networks, F of them
    PackedLinearAndNoNorm<Real, Arch> output;      ///< back to H, [H, N]

    /// Packs a block.
    /// @param block  its parameters are copied
    /// @param config  its sizes
    /// @return  the packed block
    /// @throws std::invalid_argument for other bottlenecks or norms than the published ones, and if a parameter doesn't have the
    ///     configuration's size
    template <class Ops>
    static PackedMobileBertBlock pack(const MobileBertBlock<Real, Ops>& block, const Config& config)
    {
        if (!packs_mobilebert(config) || !block.input || !block.shared || !block.output)
            throw std::invalid_argument("pack_block: expected MobileBERT's published bottlenecks and norms, got others");
        const std::size_t H = config.hidden_size, N = config.block_width(), A = config.num_attention_heads;
        if (A == 0 || N % A != 0)
            throw std::invalid_argument("pack_block: heads: expected a divisor of " + std::to_string(N) + ", got " +
                                        std::to_string(A));
        const auto& attention = block.attention;
        require_linear("pack_block: bottleneck.input", block.input->dense, N, H);
        require_layer_norm("pack_block: bottleneck.input.LayerNorm", block.input->norm, N);
        require_linear("pack_block: bottleneck.attention", block.shared->dense, N, H);
        require_layer_norm("pack_block: bottleneck.attention.LayerNorm", block.shared->norm, N);
        require_linear("pack_block: value", attention.value, N, H);
        require_linear("pack_block: query", attention.query, N, N);
        require_linear("pack_block: key", attention.key, N, N);
        require_linear("pack_block: attention.output", attention.output.dense, N, N);
        require_layer_norm("pack_block: attention.output.LayerNorm", attention.output.norm, N);
        require_linear("pack_block: output.bottleneck", block.output->dense, H, N);
        require_layer_norm("pack_block: output.bottleneck.LayerNorm", block.output->norm, H);
        LayerNorm<Real> value_norm = make_layer_norm<Real>(N);
        value_norm.gamma.fill(Real(1));  // with beta 0, it changes nothing
        PackedMobileBertBlock packed{{pack_linear<Arch>(std::array{&block.input->dense, &block.shared->dense, &attention.value}),
                                      side_by_side<3>({&block.input->norm, &block.shared->norm, &value_norm})},
                                     pack_linear<Arch>(std::array{&attention.query, &attention.key}),
                                     {pack_linear<Arch>(std::array{&attention.output.dense}), attention.output.norm},
                                     {},
                                     {pack_linear<Arch>(std::array{&block.output->dense}), block.output->norm}};
        const auto add_network = [&](const MobileBertFeedForward<Real, Ops>& network) {
            require_linear("pack_block: intermediate", network.intermediate, config.intermediate_size, N);
            require_linear("pack_block: output", network.output.dense, N, config.intermediate_size);
            require_layer_norm("pack_block: output.LayerNorm", network.output.norm, N);
            packed.networks.push_back({pack_linear<Arch>(std::array{&network.intermediate}),
                                       {pack_linear<Arch>(std::array{&network.output.dense}), network.output.norm}});
        };
        for (const MobileBertFeedForward<Real, Ops>& network : block.ffn)
            add_network(network);
        add_network(block.feed_forward);
        return packed;
    }

    /// Takes the blocks' scratch memory.
    /// @param T  tokens of a group
    /// @param config  sizes
    /// @param workspace  holds the memory
    /// @return  the scratch memory of the blocks
    static Buffers buffers(std::size_t T, const Config& config, Workspace& workspace) { return Buffers(T, config, workspace); }

    /// Computes the block for the rows of one group: MobileBertBlock::forward.
    /// \f[ [r,\ x_{qk},\ v] = \mathrm{NoNorm}(x W_x^T + b_x),\quad [q,\ k] = x_{qk} W_{qk}^T + b_{qk},\quad
    ///     c = \mathrm{softmax}\Big(\frac{q k^T}{\sqrt D}\Big)\,v \f]
    /// \f[ a_0 = \mathrm{NoNorm}(c W_c^T + b_c + r),\quad z_j = f(a_j W_{1j}^T + b_{1j}),\quad
    ///     a_{j+1} = \mathrm{NoNorm}(z_j W_{2j}^T + b_{2j} + a_j),\quad y = \mathrm{NoNorm}(a_F W_y^T + b_y + x) \f]
    /// Brackets are columns side by side; c is computed for each head of each sequence, in D = N / A columns.
    /// Symbols: \f$r, x_{qk}, v\f$ thirds of `buffers.query_key_value`, \f$q, k\f$ halves of `buffers.query_key`, \f$c\f$
    /// `buffers.context`, all \f$a_j\f$ `buffers.narrow`, one after the other, \f$z_j\f$ `buffers.intermediate`, \f$x\f$ and then
    /// \f$y\f$ `buffers.hidden`; \f$W_x, b_x\f$ `bottlenecks_and_value`, \f$W_{qk}, b_{qk}\f$ `query_key`, \f$W_c, b_c\f$
    /// `projection`, \f$W_{1j}, b_{1j}\f$ and \f$W_{2j}, b_{2j}\f$ `intermediate` and `output` of `networks[j]`, \f$W_y, b_y\f$
    /// `output`, \f$f\f$ hidden_act.
    /// @param pass  sequences, num_attention_heads, hidden_act, workspace
    /// @param group  which sequences; row 0 of the buffers is the first row of their first one
    /// @param[in,out] buffers  hidden, and its operand, is the input, and then the result
    void forward(const Pass& pass, const fast::SequenceRange& group, const Buffers& buffers) const
    {
        using Format = typename Buffers::Format;
        using Elements = product::Rows<typename Format::Element>;
        const std::size_t N = pass.config.block_width();
        // The results of the first product: attention's residual, what query and key read, and value.
        const product::Rows<Real> residual = buffers.third(0), shared = buffers.third(1), value = buffers.third(2);
        const auto as_elements = [&](const product::Rows<Real>& x) { return product::left_operand<Format>(x, pass.workspace); };
        const auto no_operand = [](std::size_t, std::size_t, std::size_t) {};
        // For project: converts each part of a row that is written.
        const auto write_operand = [](const auto& rows, const auto& operand) {
            return [&](std::size_t t, std::size_t column, std::size_t count) {
                if constexpr (Format::is_converted)
                    Format::write(rows.row(t) + column, count, operand.row(t) + column / Format::per_element);
            };
        };
        project(Elements(buffers.operand), bottlenecks_and_value, {}, buffers.query_key_value, pass.workspace, no_operand);
        fast::linear_packed(as_elements(shared), query_key, buffers.query_key, pass.workspace);
        fast::attend_in_heads<Arch>(fast::columns_of(buffers.query_key, 0, N), fast::columns_of(buffers.query_key, N, N), value,
                                    pass, group, buffers.context, static_cast<AttentionActivations<Real>*>(nullptr));
        const auto narrow_operand = write_operand(buffers.narrow, buffers.operand_of_narrow);
        project(as_elements(buffers.context), projection, residual, buffers.narrow, pass.workspace, narrow_operand);
        for (const Network& network : networks) {
            fast::widen_and_activate<Arch>(Elements(buffers.operand_of_narrow), network.intermediate, pass.config.hidden_act,
                                           product::OutputRows<Real>{}, buffers.intermediate, pass.workspace);
            project(Elements(buffers.intermediate), network.output, buffers.narrow, buffers.narrow, pass.workspace,
                    narrow_operand);
        }
        project(Elements(buffers.operand_of_narrow), output, buffers.hidden, buffers.hidden, pass.workspace,
                write_operand(buffers.hidden, buffers.operand));
    }

private:
    /// y = NoNorm(x Wᵀ + b + residual)
    /// @param x  [T, in], as elements
    /// @param layer  W, b and the norm
    /// @param residual  [T, out]; without data: none; may be y
    /// @param y  [T, out]
    /// @param workspace  scratch memory
    /// @param visit  called as visit(row, column, count), by several threads, for each part of a row of y that is written
    template <class Value, class Visit>
    static void project(const product::Rows<Value>& x, const PackedLinearAndNoNorm<Real, Arch>& layer,
                        const product::Rows<Real>& residual, const product::OutputRows<Real>& y, Workspace& workspace,
                        const Visit& visit)
    {
        using V = simd::Vector<Real, Arch>;
        product::multiply_packed(
            x, layer.dense, workspace, [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                Real* const to = y.row(t) + column;
                product::fetch_ahead(product::Rows<Real>(y), t, column, count);
                const Real* const bias = layer.dense.bias.data() + column;
                if (residual.data != nullptr)
                    fast::add_biased<V>(count, sums, bias, residual.data + t * residual.stride + column, to);
                else
                    fast::add<V>(count, sums, bias, to);
                fast::scale_and_shift<V>(count, to, layer.norm.gamma.data() + column, layer.norm.beta.data() + column, to);
                visit(t, column, count);
            });
    }

    /// Norms of layers whose results are side by side, as one norm.
    template <std::size_t n>
    static LayerNorm<Real> side_by_side(const std::array<const LayerNorm<Real>*, n>& norms)
    {
        LayerNorm<Real> all = make_layer_norm<Real>(0);
        std::vector<Real> gamma, beta;
        for (const LayerNorm<Real>* norm : norms) {
            gamma.insert(gamma.end(), norm->gamma.begin(), norm->gamma.end());
            beta.insert(beta.end(), norm->beta.begin(), norm->beta.end());
        }
        all.gamma.resize({gamma.size()});
        all.beta.resize({beta.size()});
        std::copy(gamma.begin(), gamma.end(), all.gamma.begin());
        std::copy(beta.begin(), beta.end(), all.beta.begin());
        return all;
    }
};

/// MobileBERT with packed blocks.
/// @tparam Real  the scalar
/// @tparam Ops  `Fast` or `FastBf16`
template <class Real, class Ops>
using PackedMobileBert = PackedModel<Real, Ops, MobileBertBody, MobileBertHeads, MobileBertBlock, PackedMobileBertBlock>;

/// Loads a MobileBERT of the published configuration for inference.
/// @tparam Real  the scalar
/// @tparam Ops  `Fast` or `FastBf16`
/// @param folder  holds config.json and model.safetensors
/// @param[out] report  what was ignored; nullptr if that isn't wanted
/// @param heads  the names of the heads that are wanted, as in `masked_lm`; std::nullopt for all
/// @return  the model
/// @throws InputError as load_model
/// @throws std::invalid_argument for a configuration that packs_mobilebert refuses
template <class Real, class Ops>
PackedMobileBert<Real, Ops> load_packed_mobilebert(const std::filesystem::path& folder, LoadReport* report = nullptr,
                                                   const detail::WantedHeads& heads = std::nullopt)
{
    return detail::load_packed_model<PackedMobileBert<Real, Ops>>(folder, report, mobilebert_family, heads);
}

}  // namespace bert
