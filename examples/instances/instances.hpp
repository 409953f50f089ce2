/// @file
/// What is instantiated once for all: the model of every pair of scalar and operations, and what works on it. Each pair has a
/// file of its own beside this one; whoever includes this header doesn't compile them again.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include <bert/io/model_folder.hpp>
#include <bert/model.hpp>
#include <bert/ops/fast.hpp>
#include <bert/pretrained.hpp>
#include <bert/training/trainer.hpp>
#include <bert/verify/case.hpp>
#include <bert/verify/trace.hpp>

/// The instances of one pair. `linkage` is `extern` to declare them, nothing to define them.
#define BERT_INSTANCES(linkage, Real, Ops)                                                                                 \
    linkage template struct bert::Encoder<Real, Ops>;                                                                      \
    linkage template struct bert::BertBody<Real, Ops>;                                                                     \
    linkage template struct bert::BodyTraining<bert::BertBody<Real, Ops>>;                                                 \
    linkage template struct bert::MaskedLmHead<Real, Ops>;                                                                 \
    linkage template struct bert::SequenceClassificationHead<Real, Ops>;                                                   \
    linkage template struct bert::MultipleChoiceHead<Real, Ops>;                                                           \
    linkage template struct bert::TokenClassificationHead<Real, Ops>;                                                      \
    linkage template struct bert::QuestionAnsweringHead<Real, Ops>;                                                        \
    linkage template struct bert::Model<Real, Ops>;                                                                        \
    linkage template bert::Model<Real, Ops> bert::load_model(const std::filesystem::path&, bert::LoadReport*,              \
                                                             const bert::Family&);                                         \
    linkage template bert::Tensor<Real, 2> bert::token_vectors(const bert::Model<Real, Ops>&, const bert::Batch&,          \
                                                               const bert::VectorOptions&, bert::VectorScratch<Real>&);    \
    linkage template std::vector<bert::NamedTensor> bert::forward_trace(const bert::Model<Real, Ops>&, const bert::Batch&, \
                                                                        const bert::ModelActivations<Real>&, std::size_t); \
    linkage template class bert::Trainer<Real, Ops>;                                                                       \
    linkage template bert::CaseReport bert::verify_case<Real, Ops>(const bert::ReferenceCase&)

BERT_INSTANCES(extern, float, bert::Fast);
BERT_INSTANCES(extern, float, bert::FastBf16);
BERT_INSTANCES(extern, double, bert::Fast);
BERT_INSTANCES(extern, float, bert::Reference);
BERT_INSTANCES(extern, double, bert::Reference);
BERT_INSTANCES(extern, long double, bert::Reference);
