/// @file
/// All of BERT. Each part has its own header; the headers are best read in this order.
#pragma once

// This is the reading order, which clang-format must not sort.
// clang-format off
#include "bert/tokenizer.hpp"
#include "bert/core/parameters.hpp"
#include "bert/embeddings.hpp"
#include "bert/add_and_norm.hpp"
#include "bert/attention.hpp"
#include "bert/feed_forward.hpp"
#include "bert/encoder_block.hpp"
#include "bert/encoder.hpp"
#include "bert/pooler.hpp"
#include "bert/body.hpp"
#include "bert/model.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/fast/packed_encoder.hpp"
#include "bert/pretrained.hpp"
// clang-format on
