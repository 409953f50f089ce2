/// @file
/// Everything that is BERT. Each part has a header of its own, to be read in this order.
#pragma once

// The order is the reader's.
// clang-format off
#include "bert/tokenizer.hpp"
#include "bert/embeddings.hpp"
#include "bert/attention.hpp"
#include "bert/feed_forward.hpp"
#include "bert/encoder_block.hpp"
#include "bert/encoder.hpp"
#include "bert/heads.hpp"
#include "bert/model.hpp"
#include "bert/losses.hpp"
#include "bert/ops/fast.hpp"
#include "bert/packed_encoder.hpp"
#include "bert/pretrained.hpp"
// clang-format on
