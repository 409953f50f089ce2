/// @file
/// What attention's operations check, and their dropout: ops/reference/attention.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/core/dropout.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/activations.hpp"

namespace bert {

/// Checks the inputs of attention.
/// @param qkv  query, key and value, [T, H] each
/// @param pass  sequences of T tokens, num_attention_heads, dropout
/// @throws std::invalid_argument if a shape doesn't fit
template <class Real>
void require_attention_shapes(const QueryKeyValue<Real>& qkv, const Pass& pass)
{
    const std::size_t T = qkv.query.shape(0), H = qkv.query.shape(1), A = pass.config.num_attention_heads;
    require_shape("attention: key", qkv.key, {T, H});
    require_shape("attention: value", qkv.value, {T, H});
    require_sequences("attention: sequences", pass.sequences, T);
    if (A == 0 || H % A != 0)
        throw std::invalid_argument("attention: heads: expected a divisor of " + std::to_string(H) + ", got " +
                                    std::to_string(A));
    const DropoutPlace place = pass.at(DropoutSite::probabilities).dropout.place();
    place.require_valid(T);
}

/// Checks that there is one tensor for each head of each sequence.
/// @param what  name of the tensors, and a remedy, for the message
/// @param heads  the tensors: that of head a of sequence b has the index b A + a
/// @param sequences  of T tokens
/// @param A  number of heads
/// @throws std::invalid_argument if one is missing or isn't [n, n]
template <class Real>
void require_heads(const char* what, const std::vector<Tensor<Real, 2>>& heads, const Sequences& sequences, std::size_t A)
{
    if (heads.size() != sequences.count() * A)
        throw std::invalid_argument(std::string(what) + ": expected " + std::to_string(sequences.count() * A) + " heads, got " +
                                    std::to_string(heads.size()));
    for (std::size_t index = 0; index < heads.size(); ++index) {
        const std::size_t n = sequences.length(index / A);
        require_shape(what, heads[index], {n, n});
    }
}

/// The dropout of one head of one sequence.
/// @param pass  dropout and sequences
/// @param b  index of the sequence
/// @param a  index of the head
/// @return  the place of its random numbers
inline DropoutPlace dropout_of_head(const Pass& pass, std::size_t b, std::size_t a)
{
    DropoutPlace place = pass.at(DropoutSite::probabilities).dropout.place();
    place.head = static_cast<std::uint32_t>(a);
    place.first_row += static_cast<std::uint32_t>(pass.sequences.begin[b]);
    return place;
}

}  // namespace bert
